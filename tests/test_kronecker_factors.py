from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rnn_capacity.kernels.native import native_library
from rnn_capacity.population import Member
from rnn_capacity.tasks import RandomMapping
from rnn_capacity.training import RecurrentModule

BETAS = (0.9, 0.99)


@pytest.fixture(autouse=True)
def import_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "tools")  # scripts import their neighbours


def member_of(cell: str, depth: int, samples: int, steps: int, seed: int = 1) -> Member:
    task = RandomMapping(samples=samples, input_size=4, steps=steps, loss_exponent=0.4)
    return Member(RecurrentModule(cell, depth, hidden_size=3, input_size=4, seed=seed), task, 10)


@pytest.mark.parametrize("cell", ["rnn", "irnn", "ugrnn", "gru", "lstm", "intersection"])
def test_the_kronecker_product_of_the_factors_is_the_curvature_of_one_sample_at_one_step(cell: str) -> None:
    from kronecker_factors import kronecker_factors
    from second_order import Margins, generalized_loss

    member = member_of(cell, 2, samples=1, steps=1)
    member.module.double()
    for state in member.module.network.stack.initial_states:
        torch.nn.init.normal_(state, generator=torch.Generator().manual_seed(2))
    margins = Margins(member)
    values = margins.get()
    (slopes,) = margins.jacobian(values, torch.tensor([0]))
    _, _, curvature = generalized_loss(0.4)(margins(values))
    factors = kronecker_factors(member, 0.4)
    begin, compared = 0, 0
    for name, part in member.module.network.named_parameters():
        slope = slopes[begin : begin + part.numel()]
        begin += part.numel()
        if name in factors:
            torch.testing.assert_close(torch.kron(*factors[name]), curvature * torch.outer(slope, slope))
            compared += part.numel()
    network = member.module.network
    matrices = [part for name, part in network.named_parameters() if part.dim() == 2 and "initial" not in name]
    assert compared == sum(part.numel() for part in matrices)


def test_the_factors_of_the_rnn_are_those_of_its_equations() -> None:
    from kronecker_factors import kronecker_factors

    member = member_of("rnn", 1, samples=6, steps=3)
    member.module.double()
    cell, network = member.module.network.stack.cells[0], member.module.network
    assert isinstance(member.task, RandomMapping)
    inputs, labels = member.task.draw_samples()
    hidden = network.stack.initial_states[0].detach().expand(6, -1)
    states, products = [hidden], []
    for step in range(3):
        product = states[-1] @ cell.weight_recurrent.T + cell.bias
        product = product + inputs.double() @ cell.weight_input.T if step == 0 else product
        products.append(product)
        states.append(torch.tanh(product))
    logits = network.readout(states[-1])[:, 0]
    right = torch.sigmoid(logits * (2 * labels - 1)).detach()
    slopes = torch.autograd.grad(logits, products, (right**0.4 * right * (1 - right)).sqrt())
    gradients, features = kronecker_factors(member, 0.4)["stack.cells.0.weight_recurrent"]
    torch.testing.assert_close(gradients, sum(slope.T @ slope for slope in slopes) / 6)
    torch.testing.assert_close(features, sum(state.T @ state for state in states[:-1]).detach() / 6)


def test_the_bases_of_gates_are_apart_and_those_of_the_inputs_bits_stay() -> None:
    from kronecker_factors import eigenbases

    found = eigenbases([member_of("gru", 1, 9, 2, seed) for seed in (1, 2)], (0.0, 0.4))
    rows, columns = found["stack.cells.0.weight_recurrent"]
    assert rows.shape == (2, 6, 6)
    assert columns.shape == (2, 3, 3)
    for basis in (rows, columns):
        torch.testing.assert_close(basis @ basis.mT, torch.eye(basis.shape[-1]).expand_as(basis), atol=1e-5, rtol=0)
    for vector in rows.mT.flatten(0, 1):
        assert (vector[:3].abs() < 1e-5).all() or (vector[3:].abs() < 1e-5).all()
    _, columns = found["stack.cells.0.weight_input"]
    assert torch.equal(columns, torch.eye(4).expand(2, 4, 4))


def test_adam_in_bases_is_adam_of_the_turned_matrices() -> None:
    from kernel_gradients import Adam, AdamInBases

    torch.manual_seed(0)
    left, right = (torch.linalg.qr(torch.randn(2, size, size).double()).Q for size in (3, 5))
    gradients = torch.randn(4, 2, 3, 5).double()
    found, wanted = AdamInBases(gradients[0], BETAS), Adam(gradients[0], BETAS)
    found.set_bases(left, right)
    for gradient in gradients:
        direction = left @ wanted(left.mT @ gradient @ right) @ right.mT
        torch.testing.assert_close(found(gradient), direction)


def test_mean_squares_follow_their_directions_when_the_basis_is_permuted() -> None:
    from kernel_gradients import AdamInBases

    torch.manual_seed(0)
    gradients = torch.randn(3, 2, 3, 5).double()
    found, wanted = AdamInBases(gradients[0], BETAS), AdamInBases(gradients[0], BETAS)
    for gradient in gradients[:2]:
        found(gradient), wanted(gradient)
    rows, columns = torch.eye(3).double()[[2, 0, 1]], torch.eye(5).double()[[4, 2, 0, 1, 3]]
    found.set_bases(rows.expand(2, 3, 3), columns.expand(2, 5, 5))
    torch.testing.assert_close(found(gradients[2]), wanted(gradients[2]))


@pytest.mark.skipif(native_library() is None, reason="the compiled kernel gives the gradients")
def test_networks_that_are_trained_together_in_their_bases_equal_those_trained_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import kernel_gradients

    monkeypatch.setattr(kernel_gradients, "BASIS_STEPS", 4)
    together, alone = ([member_of("ugrnn", 1, 15, 2, seed) for seed in (1, 2)] for _ in range(2))
    kernel_gradients.train_by_gradients(together, "kfac")
    for member in alone:
        kernel_gradients.train_by_gradients([member], "kfac")
    for one, two in zip(together, alone, strict=True):
        pairs = zip(one.module.network.parameters(), two.module.network.parameters(), strict=True)
        for part, like in pairs:
            torch.testing.assert_close(part, like, atol=1e-5, rtol=1e-4)
