"""Enqueues the best published hyperparameters of Collins et al. as the first trials of a study (`--begin-from`)."""

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
"""Maximum number of published hyperparameter settings that are enqueued for a study."""

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
"""Maps hyperparameter names of the authors' published runs to dotted config keys; `SCALES` maps the weight scales."""

WORDS = {"delta": "constant", "gaussian": "normal", "random": "normal", "random_normal": "normal"}
"""Maps values in the authors' published runs, such as gaussian, to this package's names, such as normal."""

SCALES = {
    "recurrent_matrix_scale": "recurrent_scale",
    "input_scale": "input_scale",
    "recurrent_bias_scale": "bias_scale",
}
"""Maps the initialization scales of the authors' published runs, given per gate, to fields of `Initialization`."""

GATES = {
    "rnn": {"c": "candidate"},
    "irnn": {"c": "candidate"},
    "ugrnn": {"g": "gate", "c": "candidate"},
    "gru": {"r": "reset", "u": "update", "c": "candidate"},
    "lstm": {"i": "input", "g": "forget", "f": "forget", "o": "output", "c": "candidate"},
    "intersection": {"gy": "y_gate", "gh": "h_gate", "y": "y", "h": "h", "yin": "y", "hin": "h"},
}
"""Maps each cell's gate suffixes in the authors' hyperparameter names, such as u, to gate names, such as update."""


def enqueue_published(studies: Sequence[StudyRunner], runs: list[PublishedRun]) -> list[str]:
    """Enqueue the authors' best published hyperparameters as the first trials of each study without trials.

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
    """Return the authors' best published runs of a study's task and cell, at the nearest depth, then parameter budget.

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
    """Convert published runs to points of the search space, drawing hyperparameters a run does not set at random."""
    space = specification.space
    random = Sampler(space, "random", specification.objective.goal, specification.seed)
    points: dict[str, Proposal] = {}
    for proposal, run in zip(random(len(runs), [], []), runs, strict=True):
        known = {name: value for name, value in settings(run).items() if name in space.searched}
        drawn = {name: nearest_value(space.parameters[name], value) for name, value in known.items()}
        params = {name: value if drawn.get(name) is None else drawn[name] for name, value in proposal.params.items()}
        points.setdefault(repr(params), Proposal(params, proposal.distributions))
    return list(points.values())


def settings(run: PublishedRun) -> dict[str, Any]:
    """Return the hyperparameters of a published run by their dotted keys in this package's config.

    The authors' scales are for single gates; a scale for all gates is their geometric mean, a bias scale their mean.
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
                if gate is not None and ours != "bias_scale":
                    found[f"model.init_args.initialization.{ours}.{gate}"] = value
    for ours, values in scales.items():
        positive = all(value > 0 for value in values) and ours != "bias_scale"
        logs = [math.log(value) for value in values] if positive else []
        mean = math.exp(sum(logs) / len(logs)) if positive else sum(values) / len(values)
        found[f"model.init_args.initialization.{ours}"] = mean
    return found


def nearest_value(parameter: Parameter, value: Any) -> Any:
    """Convert a published value to what Optuna stores for a hyperparameter, or None if it is not a possible value.

    Numbers outside of the sweep's range become its nearest end.
    """
    if isinstance(parameter, Choice):
        known = parameter.probabilities is None and value in parameter.values
        return parameter.drawable[parameter.values.index(value)] if known else None
    if isinstance(parameter, Integer | Interval) and isinstance(value, int | float):
        number = min(max(value, parameter.low), parameter.high)
        return round(number) if isinstance(parameter, Integer) else float(number)
    return None
