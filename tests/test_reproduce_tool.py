"""The script that runs the studies behind the paper's figures and tables."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from optuna.trial import FrozenTrial, create_trial

from rnn_capacity import population
from rnn_capacity.cells import CELLS
from rnn_capacity.models import units_for_budget
from rnn_capacity.search.arguments import read_command_line
from rnn_capacity.search.study_grid import grid_specifications
from rnn_capacity.studies import Snapshot, Study, study_names

SAMPLES = "data.init_args.samples_per_parameter"
TOOLS = Path(__file__).parent.parent / "tools"


@pytest.fixture(autouse=True)
def checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(TOOLS)
    monkeypatch.chdir(TOOLS.parent)


def plans(budget: str, text: str | None = None) -> list[Any]:
    from studies import plan_studies
    from study_budgets import BUDGETS

    return plan_studies(BUDGETS[budget], text)


def reproduction(some: list[Any], folder: Path) -> Any:
    from reproduce import Reproduction

    return Reproduction(
        "quick", f"sqlite:///{folder}/studies.db", folder, some, ["--trainer.enable_progress_bar=false"]
    )


def tiny(plan: Any, **changed: Any) -> Any:
    from study_budgets import Effort

    steps = tuple(option for option in plan.options if "max_steps" not in option)
    return replace(plan, effort=Effort(2, 20), options=(*steps, "--trainer.max_steps=20"), **changed)


def option_names(plan: Any) -> set[str]:
    return {option.partition("=")[0] for option in plan.options}


def test_every_budget_has_every_panel_with_all_cells_and_distinct_names() -> None:
    by_budget = {}
    for budget in ("quick", "night", "full"):
        planned = plans(budget, text="text.txt")
        assert len({plan.name for plan in planned}) == len(planned)
        by_budget[budget] = {plan.panel: set() for plan in planned}
        for plan in planned:
            by_budget[budget][plan.panel].add(plan.cell)
    assert by_budget["quick"].keys() == by_budget["night"].keys() == by_budget["full"].keys()
    for panels in by_budget.values():
        assert all(cells == set(CELLS) for panel, cells in panels.items() if panel not in ("relu", "unrolled"))
        assert panels["relu"] == {"rnn", "ugrnn"}


def test_the_studies_of_a_panel_differ_in_the_values_of_their_options_alone() -> None:
    units = {"--model.hidden_size"}
    known = {plan.panel: option_names(plan) for plan in plans("quick", text="text.txt")}
    for budget in ("night", "full"):
        for plan in plans(budget, text="text.txt"):
            if plan.source is None:
                assert option_names(plan) == known[plan.panel]
                assert (units <= option_names(plan)) == (plan.panel == "memory")


def test_the_steps_of_the_longest_addition_are_the_papers() -> None:
    from studies import arithmetic_steps

    assert arithmetic_steps(10**7) == 36


@pytest.mark.parametrize("budget", ["quick", "night", "full"])
def test_every_size_allows_two_units_a_layer(budget: str) -> None:
    ends = {
        "random_mapping": (24, 1),
        "continuous_function": (50, 1),
        "language": (27, 27),
        "parentheses": (300, 100),
        "arithmetic": (14, 12),
    }
    for plan in plans(budget):
        if plan.task in ends and plan.panel != "repeated":
            (size,) = (int(option.partition("=")[2]) for option in plan.options if "max_parameters" in option)
            assert units_for_budget(plan.cell, plan.depth, size, *ends[plan.task]) >= 2, plan.name


@pytest.mark.parametrize(
    "panel", ["capacity-best", "relu", "unrolled", "memory", "text", "function", "arithmetic-random"]
)
def test_a_planned_command_is_a_search_that_can_begin(panel: str, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("the quick brown fox " * 100)
    own = [plan for plan in plans("quick", str(text)) if plan.panel == panel]
    command = reproduction(own, tmp_path).command(own[-1])
    assert command[0] == "search"
    specifications, _ = grid_specifications(read_command_line(command[1:]))
    ((name, specification),) = specifications.items()
    assert name == f"quick/{own[-1].name}"
    member = specification.example()
    assert (member.module.cell, member.module.depth) == (own[-1].cell, own[-1].depth)
    assert specification.sweep.method == ("random" if panel.endswith("random") else "bayes")
    if panel in ("capacity-paper", "relu", "unrolled"):
        assert (member.task.loss_exponent, member.task.steps) == (0, {"unrolled": 10}.get(panel, 5))


def test_studies_are_skipped_continued_and_begun_from_the_best_setting_of_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from studies import StudyPlan

    source = tiny(plans("quick")[0])
    common = {"task": source.task, "cell": source.cell, "depth": 1, "effort": source.effort, "work": source.work}
    refined = StudyPlan(
        "refined",
        "rnn",
        sweep="capacity_paper",
        source=source.name,
        around={SAMPLES: (1.0, 1.15)},
        options=("--model.max_parameters=200",),
        **common,
    )
    repeated = StudyPlan("repeated", "rnn", sweep="seeds", source=source.name, **common)
    begun = reproduction([replace(source, effort=source.effort._replace(trials=1))], tmp_path)
    begun.run()
    assert study_names(begun.storage) == [f"quick/{source.name}"]

    run = reproduction([repeated, refined, source], tmp_path)
    assert run.next_study() is source
    run.run()
    assert not run.failed
    studies = {plan: Study.open(run.storage, f"quick/{plan}") for plan in ("refined/rnn", "repeated/rnn", source.name)}
    assert [len(study.snapshot().finished) for study in studies.values()] == [2, 2, 2]
    assert "3 of 3 studies are complete; 0 trials, 0.00 core hours remain" in capsys.readouterr().out

    best = yaml.safe_load((tmp_path / "studies/quick" / source.name / "best.yaml").read_text())
    own = studies["repeated/rnn"].specification
    rates = [config["model"]["init_args"]["optimizer"]["init_args"]["lr"] for config in (own["config"], best)]
    assert rates[0] == rates[1]
    assert list(own["sweep"]["parameters"]) == ["model.init_args.seed"]
    own = studies["refined/rnn"].specification
    assert own["config"]["model"]["init_args"]["max_parameters"] == 200
    swept, chosen = own["sweep"]["parameters"][SAMPLES], best["data"]["init_args"]["samples_per_parameter"]
    assert (swept["min"], swept["max"]) == pytest.approx((chosen, 1.15 * chosen))

    done = reproduction([repeated, refined, source], tmp_path)
    done.run()
    assert "rnn-capacity search" not in capsys.readouterr().out
    more = reproduction([replace(repeated, effort=source.effort._replace(trials=3)), source], tmp_path)
    more.refresh()
    assert "--resume" in more.command(repeated)


def trial(number: int, start: float, seconds: float, worker: str) -> FrozenTrial:
    made = create_trial(value=1.0, user_attrs={"worker": worker, "feasible": True})
    made.number = number
    made.datetime_start = datetime(2026, 1, 1) + timedelta(seconds=start)
    made.datetime_complete = made.datetime_start + timedelta(seconds=seconds)
    return made


def test_trials_that_train_together_count_once_and_those_of_two_workers_twice() -> None:
    from study_costs import worker_seconds

    together = [trial(0, 0, 10, "one"), trial(1, 1, 10, "one"), trial(2, 100, 5, "one")]
    assert worker_seconds(Snapshot(together, "maximize")) == pytest.approx(16)
    assert worker_seconds(Snapshot([*together, trial(3, 0, 7, "two")], "maximize")) == pytest.approx(23)


def test_a_prediction_is_the_measurement_that_is_most_alike_scaled_by_the_work() -> None:
    from study_costs import predicted_seconds

    plan = tiny(plans("quick")[0], work=3e6)
    run = {"accelerator": "cpu", "task": "random_mapping", "cell": "rnn", "depth": 1, "work": 1e6, "seconds": 0.5}
    others = [{**run, "cell": "gru", "seconds": 9.0}, {**run, "depth": 2, "seconds": 9.0}, {**run, "work": 1e3}]
    assert predicted_seconds(plan, [*others, run], "cpu") == pytest.approx(20 * 0.5 * 3)
    assert math.isnan(predicted_seconds(plan, [run], "gpu"))


def test_a_measurement_trains_networks_of_the_study_for_the_given_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    from study_costs import NETWORKS, make_trainer

    train, trained = population.train, []
    monkeypatch.setattr(
        population, "train", lambda members, trainer: trained.append((members, train(members, trainer)))
    )
    plan = plans("quick")[0]
    make_trainer(plan, "cpu")(3)
    ((members, results),) = trained
    assert len(members) == len(results) == NETWORKS["cpu"]
    assert {member.max_steps for member in members} == {3}
    assert {member.module.cell for member in members} == {plan.cell}
    assert all(result["bits_per_parameter"] >= 0 for result in results)


def test_finished_trials_correct_the_hours_of_their_study_and_of_its_panel() -> None:
    from study_status import PROPOSAL_SECONDS, SETUP_SECONDS, Status, remaining_hours, remaining_line, remaining_table

    one, other = (Status(tiny(plan, work=1e6)) for plan in plans("quick")[:2])
    costs = [dict(accelerator="cpu", task="random_mapping", cell="rnn", depth=1, work=1e6, seconds=0.5)]
    extra = SETUP_SECONDS + 2 * PROPOSAL_SECONDS
    hours = remaining_hours([one, other], costs)
    assert hours == pytest.approx(dict.fromkeys(hours, (extra + 2 * 20 * 0.5) / 3600))
    one.finished, one.spent = 1, 60.0  # six times the prediction
    hours = remaining_hours([one, other], costs)
    assert hours[one.plan.name] == pytest.approx((SETUP_SECONDS + PROPOSAL_SECONDS + 60) / 3600)
    assert hours[other.plan.name] == pytest.approx((extra + 2 * 60) / 3600)
    assert remaining_line([one, other], costs).startswith("0 of 2 studies are complete; 3 trials, 0.05 core hours")
    assert "| all | 0 | 2 | 1 | 4 | 0.05 |" in remaining_table([one, other], costs)


def test_a_dry_run_prints_commands_and_hours_and_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import reproduce

    options = ["--budget", "full", "--studies", "repeated/*", "--storage", f"sqlite:///{tmp_path}/x.db", "--dry-run"]
    monkeypatch.setattr(sys, "argv", ["reproduce.py", *options, "--trainer.accelerator=gpu"])
    reproduce.main()
    lines = capsys.readouterr().out.splitlines()
    commands = [line for line in lines if line.startswith("rnn-capacity search ")]
    assert len(commands) == 22  # with the sources
    assert all(line.endswith("--trainer.accelerator=gpu") for line in commands)
    assert any(line.startswith("| all | 0 | 22 | 0 | 12,100 |") for line in lines)
    assert list(tmp_path.iterdir()) == []
