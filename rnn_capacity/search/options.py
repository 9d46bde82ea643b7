"""The options of a search, beside those that it shares with `fit`."""

from __future__ import annotations

from dataclasses import dataclass

from jsonargparse.typing import NonNegativeInt, PositiveInt

DEFAULT_TRIALS = 256
"""Trials of a study for which nobody said how many."""


@dataclass(frozen=True)
class SearchOptions:
    """What is searched for, how long, and where it is kept.

    Args:
        sweep: A sweep file in W&B's format: method, metric and parameters, which are dotted options such as
            model.init_args.optimizer.init_args.lr, data.init_args.samples_per_parameter or trainer.max_steps. Each
            trial lays its values over the config.
        trials: Finished trials that a study is to have, those of all workers and of earlier starts together; more than
            before goes on with a finished study. Null is the most that was ever asked for, at first 256.
        population: Trials that train at once in each worker.
        storage: Where the studies are: sqlite:///FILE for the workers of one machine,
            postgresql://USER:PASSWORD@HOST/DATABASE for those of several, grpc://HOST:PORT of Optuna's gRPC proxy in
            front of a database for thousands. Null is studies.db in trainer.default_root_dir.
        study: Name of the study, with $VARIABLES of the environment; start a second worker with the same command. Null
            is made of task, cell, depth and size.
        cells: Cells, with commas, for a grid of studies: one for each cell, depth and size, named
            STUDY/CELL-dDEPTH-pSIZE.
        depths: Depths, with commas, for a grid of studies.
        sizes: Parameter budgets (max_parameters), with commas, for a grid of studies.
        seed: Of the tuner; networks and data have their own.
        resume: Go on with a stored study, or with all of a grid, by its stored config and sweep.
    """

    sweep: str | None = None
    trials: PositiveInt | None = None
    population: PositiveInt = 64
    storage: str | None = None
    study: str | None = None
    cells: str | None = None
    depths: str | None = None
    sizes: str | None = None
    seed: NonNegativeInt = 0
    resume: bool = False
