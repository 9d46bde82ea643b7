"""The LSTM run over all time steps by `torch.lstm` (oneDNN on a CPU, cuDNN on a GPU)."""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_capacity.cells import Cell, LSTMCell, State
from rnn_capacity.cells.linear import multi_hot


def is_torch_lstm(cell: Cell, dtype: torch.dtype) -> bool:
    """Return whether `torch.lstm` can replace a cell's step-by-step loop: an LSTM with tanh in float32, no autocast.

    Args:
        cell: The cell.
        dtype: Type of the state.
    """
    return (
        type(cell) is LSTMCell
        and cell.nonlinearity == "tanh"
        and dtype == torch.float32
        and not torch.is_autocast_enabled(cell.bias.device.type)
    )


def run_torch_lstm(cell: LSTMCell, inputs: Tensor, state: State) -> tuple[Tensor, State]:
    """Run an LSTM with tanh activations over a sequence by `torch.lstm`.

    Args:
        cell: The cell.
        inputs: (time, batch, input_size), or indices (time, batch, k).
        state: h and c before the first step, (batch or 1, hidden_size).

    Returns:
        The outputs, (time, batch, hidden_size), and h and c after the last step.

    Example:
        >>> import torch
        >>> outputs, (h, c) = run_torch_lstm(LSTMCell(3, 4), torch.zeros(5, 2, 3), (torch.zeros(1, 4),) * 2)
        >>> outputs.shape, bool((outputs[-1] == h).all())
        (torch.Size([5, 2, 4]), True)
    """
    if not inputs.is_floating_point():
        inputs = multi_hot(inputs, cell.input_size, like=cell.bias)
    bias = cell.bias + cell.gate_offset
    weights = [torch_order(part) for part in (cell.weight_input, cell.weight_recurrent, bias)]
    start = tuple(part.expand(inputs.shape[1], -1).unsqueeze(0).contiguous() for part in state)
    outputs, *end = torch.lstm(
        inputs,
        start,
        [*weights, torch.zeros_like(bias)],  # torch has a second bias
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=torch.is_grad_enabled(),
        bidirectional=False,
        batch_first=False,
    )
    return outputs, tuple(part.squeeze(0) for part in end)


def torch_order(rows: Tensor) -> Tensor:
    """Reorder the rows of LSTM gates (input, forget, output, candidate) to torch's: candidate before output."""
    input_gate, forget_gate, output_gate, candidate = rows.chunk(4)
    return torch.cat((input_gate, forget_gate, candidate, output_gate))
