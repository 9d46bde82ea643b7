from __future__ import annotations

from rnn_capacity.metrics import optimum
from rnn_capacity.metrics.direction import HIGHER, LOWER
from rnn_capacity.tasks import (
    Arithmetic,
    ContinuousFunction,
    Language,
    LanguageData,
    Memory,
    Parentheses,
    RandomMapping,
)


def test_every_figure_of_every_task_has_a_direction_but_the_one_that_is_given() -> None:
    language = LanguageData(length=6000).make_task(1)
    assert isinstance(language, Language)
    figures = {"loss"}
    for task in (Arithmetic(), ContinuousFunction(), Memory(), Parentheses(), RandomMapping(10), language):
        figures |= task.worthless().keys()
    assert {figure for figure in figures if optimum(figure) is None} == {"entropy_rate"}
    assert figures == {"entropy_rate", *HIGHER, *LOWER}
    assert not HIGHER & LOWER


def test_more_bits_are_better_and_more_loss_is_not() -> None:
    assert optimum("val/bits_per_parameter") == optimum("bits_per_parameter") == "max"
    assert optimum("train/loss") == optimum("bits_per_character") == "min"
    assert optimum("final/parameters") is None
