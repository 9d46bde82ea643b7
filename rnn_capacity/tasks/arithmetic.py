"""Arithmetic: can a network learn to add, character by character? (Collins et al. 2017, sec. 4, App. B)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor
from torchmetrics import Metric

from rnn_capacity.cells import State
from rnn_capacity.metrics import UNSCORED, CharactersRight, nats_per_character
from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.training import Batch, FreshTask, RecurrentModule, TaskData, at_least, generator

Scored = Literal["string", "answer"]

ANSWER_CHARACTERS = " -0123456789"
"""What the network can say; a character's place is its code."""

CHARACTERS = ANSWER_CHARACTERS + "+="
"""What the network reads."""

SPACE, MINUS, ZERO, PLUS, EQUALS = map(CHARACTERS.index, " -0+=")

LARGEST_LIMIT = 10**17
"""The sums' digits are computed in 64 bits."""

CONSTANT = 3
"""What `generator(seed, CONSTANT)` draws beside the kinds of every `FreshTask`."""

CONSTANT_SAMPLES = 1 << 16
"""Samples that the constant predictor's loss is estimated from."""


def spell(numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Write integers as Python's `str` does.

    Args:
        numbers: (samples,), int64, within 2 * LARGEST_LIMIT of zero.

    Returns:
        Codes of the characters, (samples, width), from the left with spaces after the end, where width has room for
        the longest number and a sign; and the characters of each number, (samples,).
    """
    magnitude = numbers.abs().unsqueeze(1)
    width = 1 + len(str(int(magnitude.max())))
    digits = 1 + (magnitude >= 10 ** torch.arange(1, width)).sum(1, keepdim=True)
    length = digits + (numbers < 0).unsqueeze(1)
    power = length - 1 - torch.arange(width)  # of ten, in each column: `digits` at the sign, negative beyond the end
    codes = ZERO + magnitude // 10 ** power.clamp(min=0) % 10
    return codes.masked_fill(power == digits, MINUS).masked_fill(power < 0, SPACE), length.squeeze(1)


def additions(first: Tensor, second: Tensor, steps: int, compute_steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Write additions down, one character a step.

    With compute_steps = 3 and steps = 20, `12+-7=` is read and `5` said, like this (a dot is a space):

        read    12+-7=..............
        said    .........5..........
        answer           ^^

    The answer's first character comes at the step after the compute steps, which follow the `=`.

    Args:
        first: Left operands, (samples,), int64.
        second: Right operands, (samples,), int64; a negative one keeps its sign after the plus.
        steps: Characters T of a string; there must be room.
        compute_steps: Steps between the `=` and the answer.

    Returns:
        Codes of what is read and of what is to be said, (samples, T) each, and where the answer and the one space that
        ends it are, (samples, T), bool.
    """
    read = torch.full((len(first), steps), SPACE)
    said = read.clone()
    columns = torch.arange(steps)

    def write(strings: Tensor, codes: Tensor, start: Tensor) -> None:
        strings.scatter_(1, start.unsqueeze(1) + columns[: codes.shape[1]], codes)

    left, left_length = spell(first)
    right, right_length = spell(second)
    answer, answer_length = spell(first + second)
    equals = left_length + 1 + right_length
    start = equals + 1 + compute_steps
    write(read, left, torch.zeros_like(equals))  # in this order: the spaces after a number are written over
    write(read, torch.full((len(first), 1), PLUS), left_length)
    write(read, right, left_length + 1)
    write(read, torch.full((len(first), 1), EQUALS), equals)
    write(said, answer, start)
    within = (columns >= start.unsqueeze(1)) & (columns <= (start + answer_length).unsqueeze(1))
    return read, said, within


@dataclass(frozen=True)
class Arithmetic(FreshTask):
    """Sums of two integers, drawn afresh at every step, read and said one character a step.

    The expression starts at the first step, the answer `compute_steps` steps after its `=`; there are spaces wherever
    else nothing is read or said, so that the answer is padded with spaces on its left, and on its right up to T. T = 36
    has room for the longest expression, `-10000000+-10000000=`, six compute steps, `-20000000` and a space.

    The paper's "cross-entropy after 36 steps" is taken to be that of the whole output string, the padding included;
    `scored` = "answer" leaves the padding out. The alphabets are ours, too: 14 characters are read, and the 12 of them
    that occur in an answer can be said.

    Raises:
        ValueError: If a field is out of range, or the steps have no room for the longest sum.
    """

    name = "arithmetic"
    headline = "cross_entropy"
    evaluation_batch = 1024
    input_size = len(CHARACTERS)
    output_size = len(ANSWER_CHARACTERS)

    operand_limit: int = 10**7
    """The operands are uniform among the integers from minus this to this."""

    compute_steps: int = 3
    """Steps between the `=` and the answer's first character; the paper tunes 1 to 6."""

    steps: int = 36
    """Steps T that the network runs."""

    scored: Scored = "string"
    """Score every step, or the answer's characters and the space that ends it."""

    batch_size: int = 64
    """Samples of an optimizer step; the paper's are not given."""

    evaluation_samples: int = 4096
    """Samples of the validation set, and of the test set."""

    seed: int = 0
    """Of the operands."""

    def __post_init__(self) -> None:
        at_least(
            1,
            operand_limit=self.operand_limit,
            compute_steps=self.compute_steps,
            steps=self.steps,
            batch_size=self.batch_size,
            evaluation_samples=self.evaluation_samples,
        )
        at_least(0, seed=self.seed)
        if self.operand_limit > LARGEST_LIMIT:
            raise ValueError(f"operand_limit: {self.operand_limit} given, at most {LARGEST_LIMIT} allowed")
        if self.scored not in ("string", "answer"):
            raise ValueError(f"scored: {self.scored!r} given, string or answer allowed")
        longest = f"{-self.operand_limit}+{-self.operand_limit}={-2 * self.operand_limit} "
        if self.steps < len(longest) + self.compute_steps:
            raise ValueError(
                f"steps: {self.steps} given, at least {len(longest) + self.compute_steps} needed for {longest!r} with "
                f"{self.compute_steps} compute steps"
            )

    def draw(self, samples: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Additions: codes read, (samples, T, 1), and those to be said, (samples, T), UNSCORED where none counts."""
        operands = torch.randint(-self.operand_limit, self.operand_limit + 1, (2, samples), generator=random)
        read, said, answer = additions(operands[0], operands[1], self.steps, self.compute_steps)
        return read.unsqueeze(2), said if self.scored == "string" else said.masked_fill(~answer, UNSCORED)

    @cached_property
    def constant(self) -> tuple[float, float]:
        """The best predictor that ignores its input: mean loss in nats per character, and share of characters right.

        It knows the step, as a network does that runs on its own, and says each character as often as it occurs there;
        no one distribution for all steps can do better. Estimated from a draw of its own.
        """
        targets = self.draw(CONSTANT_SAMPLES, generator(self.seed, CONSTANT))[1]
        scored = targets != UNSCORED
        weights = scored / (scored.sum(1, keepdim=True).double() * len(targets))
        occurs = torch.zeros(self.steps, self.output_size, dtype=torch.float64)
        occurs.index_put_((scored.nonzero()[:, 1], targets[scored]), weights[scored], accumulate=True)
        chances = occurs / occurs.sum(1, keepdim=True).clamp(min=torch.finfo(occurs.dtype).tiny)
        return -float(torch.xlogy(occurs, chances).sum()), float(occurs.amax(1).sum())

    @property
    def constant_loss(self) -> float:
        """Nats per character of the best distribution for each step."""
        return self.constant[0]

    def predict(
        self, network: RecurrentNetwork, batch: Batch, state: list[State] | None = None
    ) -> tuple[Tensor, list[State]]:
        """Logits of every step's character, (batch, T, 12), and the last state."""
        logits, state = network(batch.inputs, state)
        return logits, state

    def loss_per_sample(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy in nats, the mean over the sample's scored characters: (batch,)."""
        return nats_per_character(predictions, batch.targets)

    def metric(self, network: RecurrentNetwork) -> Metric:
        """Cross-entropy, characters right and answers right."""
        return CharactersRight()

    def measure(self, metric: Metric, predictions: Tensor, batch: Batch) -> None:
        """Add a batch's logits."""
        metric.update(predictions, batch.targets)

    def worthless(self) -> dict[str, float]:
        """What `constant` says, which is no sum."""
        loss, right = self.constant
        return {"cross_entropy": loss, "characters_right": right, "exact_match": 0.0}


class ArithmeticData(TaskData):
    """Sums of two random integers, read and said one character a step, such as `12+-7=` and `5`.

    Args:
        operand_limit: The operands are uniform among the integers from minus this to this.
        compute_steps: Steps between the `=` and the answer's first character (the paper tunes it in [1, 6]).
        steps: Steps that the network runs; there must be room for the longest sum.
        scored: Score every step (string), or the answer's characters and the space that ends it (answer).
        batch_size: Samples of an optimizer step over all devices, drawn afresh.
        evaluation_samples: Samples of the validation set, and of the test set.
        seed: Of the operands; the network has its own.

    Raises:
        ValueError: If an argument is out of range, or the steps have no room for the longest sum.
    """

    task_class = Arithmetic

    def __init__(
        self,
        operand_limit: int = 10**7,
        compute_steps: int = 3,
        steps: int = 36,
        scored: Scored = "string",
        batch_size: int = 64,
        evaluation_samples: int = 4096,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        self.any_size = Arithmetic(operand_limit, compute_steps, steps, scored, batch_size, evaluation_samples, seed)


class ArithmeticModule(RecurrentModule):
    """A recurrent network that learns to add; its figure is the cross-entropy per character."""
