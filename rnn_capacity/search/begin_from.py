"""The authors' best settings as the first trials of a search."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from rnn_capacity.cells import CELLS, cell_class
from rnn_capacity.published_runs import PublishedRun
from rnn_capacity.search.run.study_runner import StudyRunner
from rnn_capacity.search.sampler import Sampler
from rnn_capacity.search.space.parameters import Choice, Integer, Interval, Parameter
from rnn_capacity.search.specification import CELL, StudySpecification
from rnn_capacity.studies import Proposal

SETTINGS = 8
"""Settings with which a study begins, the best first."""

NAMES = {
    "forget_gate_bias_hack": "model.init_args.b_fg",
    "recurrent_matrix_init_type": "model.init_args.initialization.recurrent",
    "recurrent_bias_init_type": "model.init_args.initialization.bias",
    "optimizer": "model.init_args.optimizer.init_args.kind",
    "lr_init": "model.init_args.optimizer.init_args.lr",
    "optimizer_logit_momentum": "model.init_args.optimizer.init_args.momentum_logit",
    "lr_decay_rate": "model.init_args.schedule.init_args.decay",
    "gradient_clip_val": "model.init_args.clip_norm",
    "l2_decay": "model.init_args.l2",
    "train_steps": "trainer.max_steps",
}
"""Our names of the authors' hyperparameters, apart from the scales."""

WORDS = {"delta": "constant", "gaussian": "normal", "random": "normal", "random_normal": "normal"}
"""Our words for those of the authors that differ from them by more than capital letters."""

SCALES = {
    "recurrent_matrix_scale": "recurrent_scale",
    "input_scale": "input_scale",
    "recurrent_bias_scale": "bias_scale",
}
"""Our names of the authors' scales, which they have for each gate."""

GATES = {
    "rnn": {"c": "candidate"},
    "irnn": {"c": "candidate"},
    "ugrnn": {"g": "gate", "c": "candidate"},
    "gru": {"r": "reset", "u": "update", "c": "candidate"},
    "lstm": {"i": "input", "g": "forget", "f": "forget", "o": "output", "c": "candidate"},
    "intersection": {"gy": "y_gate", "gh": "h_gate", "y": "y", "h": "h", "yin": "y", "hin": "h"},
}
"""Our names of each cell's gates by the last part of the authors' names."""


def enqueue_published(studies: Sequence[StudyRunner], runs: list[PublishedRun]) -> list[str]:
    """Enqueue the authors' best settings as the first trials of each study that has no trial yet.

    Args:
        studies: The studies of a command line.
        runs: The authors' runs.

    Returns:
        A line for each study, with the runs that it begins from.

    Raises:
        StorageError: If the storage fails.
    """
    notes = []
    for study in studies:
        if study.snapshot.stored:
            continue
        best = best_runs(study.specification, runs)
        study.study.enqueue(proposals(study.specification, best)[: study.total])
        if best:
            first = best[0]
            origin = f"{first.cell}, depth {first.depth}, {first.max_parameters:,} parameters"
            notes.append(f"{study.name}: begins from {len(best)} published settings ({origin})")
        else:
            notes.append(f"{study.name}: begins without published settings, there are none of its task and cell")
    return notes


def best_runs(specification: StudySpecification, runs: Iterable[PublishedRun]) -> list[PublishedRun]:
    """Return the authors' best runs of a study's task and cell, at the nearest depth and then the nearest size.

    A cell of the user's own, and a sweep over cells, have none.
    """
    member, config = specification.example(), specification.config["model"]["init_args"]
    names = {found: name for name, found in CELLS.items()}
    cell = None if CELL in specification.space.parameters else names.get(cell_class(config.get("cell", "rnn")))
    depth, size = member.module.depth, config.get("max_parameters") or member.module.parameters_total
    found = [
        run
        for run in runs
        if run.task == member.task.name and run.cell == cell and math.isfinite(run.valid_loss) and run.hparams
    ]

    def distance(run: PublishedRun) -> tuple[float, float]:
        return abs(math.log(run.depth / depth)), abs(math.log(run.max_parameters / size))

    nearest = min(map(distance, found), default=None)
    same = [run for run in found if distance(run) == nearest]
    return sorted(same, key=lambda run: run.valid_loss)[:SETTINGS]


def proposals(specification: StudySpecification, runs: Sequence[PublishedRun]) -> list[Proposal]:
    """Return a point of the search space for each run; what the runs do not set is drawn at random."""
    space = specification.space
    random = Sampler(space, "random", specification.objective.goal, specification.seed)
    points = []
    for proposal, run in zip(random(len(runs), [], []), runs, strict=True):
        known = {name: value for name, value in settings(run).items() if name in space.searched}
        drawn = {name: closest(space.parameters[name], value) for name, value in known.items()}
        params = {name: value if drawn.get(name) is None else drawn[name] for name, value in proposal.params.items()}
        points.append(Proposal(params, proposal.distributions))
    return points


def settings(run: PublishedRun) -> dict[str, Any]:
    """Return a run's hyperparameters by our dotted names.

    A scale that our sweep has for all gates together is the geometric mean of theirs, the bias scale the mean.
    """
    found: dict[str, Any] = {}
    scales: dict[str, list[float]] = {}
    for name, value in run.hparams.items():
        if name in NAMES:
            word = value.lower() if isinstance(value, str) else value
            found[NAMES[name]] = WORDS.get(word, word)
        for scale, ours in SCALES.items():
            if name == scale or name.startswith(f"{scale}_"):
                scales.setdefault(ours, []).append(float(value))
                gate = GATES[run.cell].get(name[len(scale) + 1 :])
                if gate is not None:
                    found[f"model.init_args.initialization.{ours}.{gate}"] = value
    for ours, values in scales.items():
        positive = all(value > 0 for value in values) and ours != "bias_scale"
        logs = [math.log(value) for value in values] if positive else []
        mean = math.exp(sum(logs) / len(logs)) if positive else sum(values) / len(values)
        found[f"model.init_args.initialization.{ours}"] = mean
    return found


def closest(parameter: Parameter, value: Any) -> Any:
    """Return what Optuna draws for the value of a hyperparameter; None if the hyperparameter cannot have it.

    Numbers outside of the sweep's range become its nearest end.
    """
    if isinstance(parameter, Choice):
        known = parameter.probabilities is None and value in parameter.values
        return parameter.drawable[parameter.values.index(value)] if known else None
    if isinstance(parameter, Integer | Interval) and isinstance(value, int | float):
        number = min(max(value, parameter.low), parameter.high)
        return round(number) if isinstance(parameter, Integer) else float(number)
    return None
