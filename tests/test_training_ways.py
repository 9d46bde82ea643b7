from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from pytorch_lightning import Trainer

from rnn_capacity.kernels.native import native_library
from rnn_capacity.population import Member, quiet_trainer, train
from rnn_capacity.tasks import RandomMapping
from rnn_capacity.training import RecurrentModule

TOOLS = Path(__file__).parent.parent / "tools"

BETAS = (0.9, 0.99)


@pytest.fixture(autouse=True)
def import_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(TOOLS)  # scripts import their neighbours


@pytest.fixture
def small_member() -> Member:
    task = RandomMapping(samples=12, input_size=6, steps=2)
    return Member(RecurrentModule("gru", hidden_size=3, input_size=6, seed=1), task, 10)


def test_the_jacobian_of_the_margins_is_that_of_finite_differences(small_member: Member) -> None:
    from second_order import Margins

    small_member.module.double()
    margins = Margins(small_member)
    values, rows = margins.get(), torch.arange(3, 9)
    jacobian = margins.jacobian(values, rows)
    for index in range(0, len(values), 7):
        moved = values.clone()
        moved[index] += 1e-6
        slopes = (margins(moved) - margins(values))[rows] / 1e-6
        torch.testing.assert_close(slopes, jacobian[:, index], atol=1e-5, rtol=0)


def test_the_slopes_of_the_margin_losses_are_those_of_finite_differences() -> None:
    from second_order import generalized_loss, squared_hinge

    margins = torch.linspace(-4, 4, 18, dtype=torch.float64)
    for loss in (generalized_loss(0.0), generalized_loss(0.4), squared_hinge):
        values, slopes, curvatures = loss(margins)
        torch.testing.assert_close((loss(margins + 1e-7)[0] - values) / 1e-7, slopes, atol=1e-5, rtol=0)
        assert (curvatures >= 0).all()


def test_levenberg_marquardt_memorises_what_the_network_can_store(small_member: Member) -> None:
    from second_order import Margins, generalized_loss, levenberg_marquardt

    losses = [generalized_loss(exponent) for exponent in (0.0, 0.3)]
    assert levenberg_marquardt(small_member, losses, seconds=20, most_steps=100) <= 200
    margins = Margins(small_member)
    assert (margins(margins.get()) > 0).all()


def test_a_product_with_the_transpose_by_blocks_is_the_whole_product(monkeypatch: pytest.MonkeyPatch) -> None:
    import second_order

    monkeypatch.setattr(second_order, "COLUMNS", 3)
    torch.manual_seed(0)
    rows = torch.randn(9, 8).double()
    torch.testing.assert_close(second_order.product_with_transpose(rows), rows.T @ rows)


def test_a_damped_solution_is_that_of_its_definition_or_not_a_number() -> None:
    from second_order import damped_solution

    torch.manual_seed(0)
    rows, slope = torch.randn(9, 4).double(), torch.randn(4).double()
    matrix = rows.T @ rows
    damped = matrix + 0.3 * torch.diag(matrix.diagonal() + 1e-6 * matrix.diagonal().max())
    torch.testing.assert_close(damped_solution(matrix, slope, 0.3), torch.linalg.solve(damped, slope))
    assert damped_solution(-matrix, slope, 0.3).isnan().all()


def test_scales_and_forget_gate_bias_are_those_of_the_way_or_of_the_cell() -> None:
    from training_draws import SCALES, draw_settings, make_member
    from training_ways import Way

    own = (0.4, 1.3, 15.0, -0.6)
    for way, (*centers, b_fg) in ((Way("own", scales={"gru": own}), own), (Way("the cell's"), SCALES["gru"])):
        (settings,) = draw_settings(way, "gru", 700, 1)
        for name, center in zip(("recurrent_scale", "input_scale", "readout_scale"), centers, strict=True):
            assert center / 1.25 <= settings[name] <= center * 1.25
        assert make_member(way, "gru", 700, settings, 1).module.hparams["b_fg"] == b_fg


def test_successive_halving_trains_on_the_given_device(monkeypatch: pytest.MonkeyPatch) -> None:
    import training_methods as methods

    asked: list[str] = []

    def trainer(accelerator: str) -> Trainer:
        asked.append(accelerator)
        return quiet_trainer()

    monkeypatch.setattr(methods, "quiet_trainer", trainer)
    way = methods.WAYS["adam_halving"]._replace(draws=1)
    assert len(methods.halve(way, "rnn", 100, 20, "cuda")) == 1
    assert asked == ["cuda", "cuda"], "the short trainings and those that go on"


def test_a_warmed_up_rate_rises_linearly_and_then_falls_as_a_cosine() -> None:
    from training_schedules import warmed_up

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = warmed_up(optimizer, 200)
    seen = []
    for _ in range(200):
        seen.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    falling = [1 + math.cos(math.pi * step / 200) for step in range(200)]
    assert seen == pytest.approx([min(1, (step + 1) / 20) * rate for step, rate in enumerate(falling)])


def test_learning_rates_lie_in_the_range_of_the_size_or_of_the_way() -> None:
    from training_draws import draw_settings
    from training_ways import Way

    way = Way("a way", rate=(0.03, 0.04), rate_by_size={7000: (0.01, 0.02)})
    for parameters, (least, greatest) in {700: (0.03, 0.04), 2000: (0.03, 0.04), 7000: (0.01, 0.02)}.items():
        rates = [settings["rate"] for settings in draw_settings(way, "rnn", parameters, 8)]
        assert len(set(rates)) == 8
        assert all(least <= rate <= greatest for rate in rates)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sizes", "2000", "--device", "cuda"], "--device must be cpu without a GPU"),
        (["--sizes", "2000", "--seconds", "0"], "--seconds must be above 0"),
        (["--sizes", "2000", "--draws", "0"], "--draws must be above 0"),
        (["--draws", "1"], "--sizes must be of 2000 and 7000"),
    ],
)
def test_options_that_do_not_fit_end_the_comparison_with_one_line(
    options: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    import training_methods as methods

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("sys.argv", ["training_methods.py", *options, "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        methods.main()
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(native_library() is None, reason="the compiled kernel gives the gradients")
def test_adam_with_the_kernels_gradients_equals_adam_of_the_population() -> None:
    from kernel_gradients import train_by_gradients

    def members() -> list[Member]:
        task = RandomMapping(samples=30, input_size=6, steps=2, loss_exponent=0.5)
        modules = [RecurrentModule("rnn", hidden_size=4, input_size=6, seed=seed, clip_norm=0.1) for seed in range(2)]
        return [Member(module, task, 20) for module in modules]

    found, wanted = members(), members()
    train_by_gradients(found, "adam")
    train(wanted)
    for one, two in zip(found, wanted, strict=True):
        for part, like in zip(one.module.network.parameters(), two.module.network.parameters(), strict=True):
            torch.testing.assert_close(part, like, atol=1e-5, rtol=1e-4)


def test_the_direction_of_ademamix_adds_a_slow_mean_of_the_gradients_to_that_of_adam() -> None:
    from kernel_gradients import SLOW_BETA, SLOW_MULTIPLE, Adam, AdEMAMix

    torch.manual_seed(0)
    gradients = torch.randn(6, 2, 5).double()
    adam, mixed = Adam(gradients[0], BETAS), AdEMAMix(gradients[0], BETAS, rising=4)
    slow, squares = torch.zeros(2, 5).double(), torch.zeros(2, 5).double()
    for step, gradient in enumerate(gradients):
        slow = SLOW_BETA * slow + (1 - SLOW_BETA) * gradient
        squares = BETAS[1] * squares + (1 - BETAS[1]) * gradient**2
        share = SLOW_MULTIPLE * (0, 0.25, 0.5, 0.75, 1, 1)[step]
        root = (squares / (1 - BETAS[1] ** (step + 1))).sqrt()
        torch.testing.assert_close(mixed(gradient), adam(gradient) + share * slow / root, atol=1e-6, rtol=1e-6)


def test_the_directions_of_muon_and_soap_are_those_of_their_definitions() -> None:
    from kernel_gradients import Muon, Soap

    torch.manual_seed(0)
    gradient = torch.randn(2, 3, 5).double()
    values = torch.linalg.svdvals(Muon(gradient, BETAS)(gradient)) / (0.2 * 5**0.5)
    assert ((values > 0.6) & (values < 1.3)).all()
    left, _, right = torch.linalg.svd(gradient, full_matrices=False)
    diagonal = left.mT @ Soap(gradient, BETAS)(gradient) @ right.mT  # the first step has every eigenvalue at 1 or -1
    torch.testing.assert_close(diagonal.abs(), torch.eye(3).double().repeat(2, 1, 1), atol=1e-2, rtol=0)


def test_the_steps_within_some_seconds_follow_from_two_short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    import training_methods as methods

    now = [0.0]
    monkeypatch.setattr(methods, "clock", lambda device: now[0])

    def run(steps: int) -> None:
        now[0] += 1 + 0.01 * steps  # a second in which no steps are made

    assert methods.steps_within(1 + 0.01 * 5000, run, "cpu") in (4999, 5000)
    assert methods.steps_within(1, run, "cpu") == methods.TRIAL[0]


@pytest.mark.skipif(native_library() is None, reason="the ways are measured with the compiled kernel")
def test_a_way_to_train_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import training_methods as methods

    monkeypatch.setattr(methods, "steps_within", lambda *_: 3)  # the speed of so short a run is chance
    runs = []
    adam = "adam_squared", "adam_constant", "adam_entropy_5", "adam_halving"
    for name in (*adam, "muon", "kfac", "ademamix", "lm", "lm_large_2"):
        row = {"cell": "rnn", "parameters": 60, "way": name, "seconds": 0.05, "device": "cpu", "draws": 2}
        runs.append({**row, **methods.measure(row)})
    assert all(len(run["bits"]) == 2 and max(run["bits"]) == run["best"]["bits"] for run in runs)
    assert methods.table(runs).count("\n") == 10
    assert methods.interval([1.0, 1.0]) == (1.0, 1.0)
    low, high = methods.interval([1.0, 2.0, 3.0])
    assert 1 <= low < 2 < high <= 3
    methods.draw(runs, tmp_path / "ways.png")
    methods.draw([], tmp_path / "none.png")  # no legend without a line
    rows = methods.wanted_rows(["rnn", "gru"], [700], ["adam", "lm", "lm_last_more", "lm_large"], "cpu")
    assert [(row["cell"], row["way"], round(row["seconds"])) for row in rows] == [
        ("rnn", "adam", 24),
        ("rnn", "lm", 24),
        ("rnn", "lm_last_more", 24),
        ("rnn", "lm", 8),
        ("rnn", "lm", 48),
        ("gru", "lm", 24),
        ("rnn", "lm_last_more", 240),
        ("gru", "lm_last_more", 240),
    ]
    assert {row["way"]: row["draws"] for row in rows} == {"adam": 8, "lm": 8, "lm_last_more": 8}
    row = {"cell": "gru", "parameters": 2000, "way": "lm_large", "seconds": 60, "device": "cuda"}
    assert methods.wanted_rows(["gru"], [2000], ["lm_large"], "cuda", 60) == [{**row, "draws": 3}]
    assert methods.wanted_rows(["gru"], [2000], ["lm_large"], "cuda", 60, 1) == [{**row, "draws": 1}]
    given = {"cell": "rnn", "parameters": 700, "way": "adam_large", "seconds": 60, "device": "cpu", "draws": 3}
    assert methods.wanted_rows(["rnn"], [700], ["adam", "adam_large"], "cpu", 60) == [given]
