"""Options of a stack that the paper does not use: residual connections, layer normalisation, dropout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rnn_capacity.cells import CELLS
from rnn_capacity.models import Stack

Randomise = Callable[[nn.Module], None]


def normalised(outputs: Tensor, norm: nn.LayerNorm) -> Tensor:
    """Layer normalisation of each row, with weight and bias."""
    mean = outputs.mean(-1, keepdim=True)
    variance = (outputs - mean).square().mean(-1, keepdim=True)
    return (outputs - mean) / torch.sqrt(variance + 1e-5) * norm.weight + norm.bias


def layer_by_layer(stack: Stack, inputs: Tensor, residual: bool, layer_norm: bool) -> Tensor:
    """The top layer's outputs, computed layer by layer over the whole sequence."""
    sequence = list((inputs if stack.projection is None else stack.projection(inputs)).unbind(1))
    for layer, cell in enumerate(stack.cells):
        state = tuple(row.expand(inputs.shape[0], -1) for row in stack.initial_states[layer])
        outputs = []
        for below in sequence:
            output, state = cell(below, state)
            if layer_norm:
                output = normalised(output, stack.norms[layer])
            outputs.append(output + below if residual and layer > 0 else output)
        sequence = outputs
    return torch.stack(sequence, dim=1)


@pytest.mark.parametrize(
    "options",
    [{"residual": True}, {"layer_norm": True}, {"residual": True, "layer_norm": True}],
    ids=" and ".join,
)
@pytest.mark.parametrize("cell", CELLS)
def test_upper_layers_add_their_input_and_norms_act_on_outputs_not_on_states(
    cell: str, options: dict[str, bool], randomise: Randomise
) -> None:
    stack = Stack(cell, 3, 4, 5, **options)
    randomise(stack)
    inputs = torch.randn(3, 6, 4, dtype=torch.float64)
    expected = layer_by_layer(stack, inputs, options.get("residual", False), options.get("layer_norm", False))
    torch.testing.assert_close(stack(inputs)[0], expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(stack(inputs, warmup=4)[0], expected[:, 4:], rtol=0, atol=1e-12)
    without = layer_by_layer(stack, inputs, False, False)
    assert (expected - without).abs().max() > 0.01


def test_layer_norm_starts_as_mean_zero_and_variance_one_over_the_units() -> None:
    outputs, _ = Stack("gru", 2, 4, 50, layer_norm=True)(torch.randn(3, 6, 4))
    torch.testing.assert_close(outputs.mean(-1), torch.zeros(3, 6), rtol=0, atol=1e-5)
    torch.testing.assert_close(outputs.var(-1, unbiased=False), torch.ones(3, 6), rtol=0, atol=0.01)


def ones_seen_through(fraction: float, **options: Any) -> Stack:
    """A stack of two layers of 200 units: the first outputs ones, the second outputs its input."""
    stack = Stack("rnn", 2, 1, 200, nonlinearity="relu", dropout=fraction, **options)
    with torch.no_grad():
        for parameter in stack.parameters():
            parameter.zero_()
        stack.cells[0].bias.fill_(1.0)
        stack.cells[1].weight_input.copy_(torch.eye(200))
    return stack


@pytest.mark.parametrize("fraction", [0.2, 0.5])
def test_dropout_drops_its_fraction_anew_at_every_step_and_scales_the_rest(fraction: float) -> None:
    outputs, _ = ones_seen_through(fraction)(torch.zeros(20, 5, 1))
    kept = outputs > 0
    torch.testing.assert_close(outputs[kept], torch.full_like(outputs[kept], 1 / (1 - fraction)))
    error = (fraction * (1 - fraction) / kept.numel()) ** 0.5
    assert abs(kept.float().mean().item() - (1 - fraction)) < 5 * error
    both = (kept[:, 0] & kept[:, 1]).float().mean().item()
    assert both == pytest.approx((1 - fraction) ** 2, abs=5 * (0.25 / kept[:, 0].numel()) ** 0.5)


def test_dropout_is_off_in_evaluation() -> None:
    stack = ones_seen_through(0.5).eval()
    assert (stack(torch.zeros(2, 5, 1))[0] == 1).all()


def test_dropout_acts_before_the_residual_connection() -> None:
    outputs, _ = ones_seen_through(0.5, residual=True)(torch.zeros(20, 5, 1))
    # the second layer's input is 0 or 2, and it is added to the layer's own output, which is the same
    assert set(outputs.unique().tolist()) == {0.0, 4.0}


@pytest.mark.parametrize("cell", CELLS)
def test_dropout_does_not_touch_the_outputs_of_the_top_layer(cell: str, randomise: Randomise) -> None:
    stack = Stack(cell, 1, 4, 5, dropout=0.9)
    randomise(stack)
    inputs = torch.randn(3, 6, 4, dtype=torch.float64)
    assert torch.equal(stack.train()(inputs)[0], stack.eval()(inputs)[0])


@pytest.mark.parametrize("cell", CELLS)
def test_dropout_changes_training_and_not_evaluation(cell: str, randomise: Randomise) -> None:
    stack, plain = Stack(cell, 2, 4, 5, dropout=0.5), Stack(cell, 2, 4, 5)
    randomise(stack)
    plain.double().load_state_dict(stack.state_dict())
    inputs = torch.randn(3, 6, 4, dtype=torch.float64)
    assert torch.equal(stack.eval()(inputs)[0], plain(inputs)[0])
    assert (stack.train()(inputs)[0] - plain(inputs)[0]).abs().max() > 0.01
