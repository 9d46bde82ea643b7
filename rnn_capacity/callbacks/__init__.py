"""What a run shows and writes, and how it ends."""

from rnn_capacity.callbacks.checkpoints import LastCheckpoint
from rnn_capacity.callbacks.directory import RunLogger, checkpoint_of, given_name, new_name
from rnn_capacity.callbacks.figures import Curves, draw
from rnn_capacity.callbacks.pictures import Pictures
from rnn_capacity.callbacks.progress import RunProgressBar
from rnn_capacity.callbacks.record import RunRecord, sizes, summarize, write_whole
from rnn_capacity.callbacks.stopping import StopOnSignal
from rnn_capacity.callbacks.wandb_run import WandbRun, define_figures, mark_preempting, wandb_loggers

__all__ = [
    "Curves",
    "LastCheckpoint",
    "Pictures",
    "RunLogger",
    "RunProgressBar",
    "RunRecord",
    "StopOnSignal",
    "WandbRun",
    "checkpoint_of",
    "define_figures",
    "draw",
    "given_name",
    "mark_preempting",
    "new_name",
    "sizes",
    "summarize",
    "wandb_loggers",
    "write_whole",
]
