"""The identity RNN (IRNN) cell."""

from __future__ import annotations

import torch

from rnn_capacity.cells.rnn import RNNCell


class IRNNCell(RNNCell):
    """The RNN that starts from W_h = identity and b = 0, ReLU only (Collins et al. 2017, eq. 1; Le et al. 2015).

    Arguments and errors are those of `GatedCell`.

    Example:
        >>> IRNNCell(input_size=3, hidden_size=2).weight_recurrent
        Parameter containing:
        tensor([[1., 0.],
                [0., 1.]], requires_grad=True)
    """

    nonlinearities = ("relu",)
    recurrent_kinds = ("identity",)
    takes_bias = False

    def reset_parameters(self) -> None:
        """Set W_h to the identity and b to zero, and draw W_x from N(0, 1)/sqrt(input_size)."""
        super().reset_parameters()
        torch.nn.init.eye_(self.weight_recurrent)
