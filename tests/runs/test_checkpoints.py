from __future__ import annotations

import pytest

from rnn_capacity.runs.checkpoints import compare


def test_a_missing_argument_equals_null_on_every_level() -> None:
    compare("model", "last.ckpt", {"cell": "gru", "b_fg": None}, {"cell": "gru"})
    compare("model", "last.ckpt", {"optimizer": {"lr": 0.1, "eps": None}}, {"optimizer": {"lr": 0.1}})


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        ({"optimizer": {"lr": 0.2}}, "model.optimizer.lr must be 0.2, which last.ckpt was trained with, got 0.1"),
        ({"optimizer": None}, "model.optimizer must be None, which last.ckpt was trained with, got {'lr': 0.1}"),
    ],
)
def test_the_first_argument_that_differs_is_named(saved: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compare("model", "last.ckpt", {"optimizer": {"lr": 0.1}}, saved)
