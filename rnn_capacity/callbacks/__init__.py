"""What a run shows and writes, and how it ends."""

from rnn_capacity.callbacks.directory import RunLogger, checkpoint_of, given_name, new_name
from rnn_capacity.callbacks.pictures import Pictures
from rnn_capacity.callbacks.progress import RunProgressBar
from rnn_capacity.callbacks.record import RunRecord, summarize, write_whole
from rnn_capacity.callbacks.stopping import StopOnSignal
from rnn_capacity.callbacks.wandb_run import WandbRun

__all__ = [
    "Pictures",
    "RunLogger",
    "RunProgressBar",
    "RunRecord",
    "StopOnSignal",
    "WandbRun",
    "checkpoint_of",
    "given_name",
    "new_name",
    "summarize",
    "write_whole",
]
