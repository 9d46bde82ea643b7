"""A run's directory and results: its name, metrics, summary, checkpoints, table and plot."""

from rnn_capacity.runs.checkpoints import check_checkpoint, last_checkpoint
from rnn_capacity.runs.directory import RunLogger, expand_run_name, new_run_name
from rnn_capacity.runs.plots import LinePlot, TextSamples, plot_run
from rnn_capacity.runs.summary import run_sizes, run_summary, write_summary
from rnn_capacity.runs.table import print_summary

__all__ = [
    "LinePlot",
    "RunLogger",
    "TextSamples",
    "check_checkpoint",
    "expand_run_name",
    "last_checkpoint",
    "new_run_name",
    "plot_run",
    "print_summary",
    "run_sizes",
    "run_summary",
    "write_summary",
]
