"""Lightning callbacks for checkpoints, plots, the progress bar, a run's files, signals and W&B."""

from rnn_capacity.callbacks.checkpoints import LastCheckpoint
from rnn_capacity.callbacks.final_plot import LogPlot
from rnn_capacity.callbacks.progress import RunProgressBar
from rnn_capacity.callbacks.record import RunRecord
from rnn_capacity.callbacks.stopping import StopOnSignal
from rnn_capacity.callbacks.wandb_metrics import WandbMetrics

__all__ = ["LastCheckpoint", "LogPlot", "RunProgressBar", "RunRecord", "StopOnSignal", "WandbMetrics"]
