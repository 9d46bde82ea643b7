"""Arithmetic: add two integers, character by character (Collins et al. 2017, sec. 4, App. B)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import torch
from torch import Tensor
from torchmetrics import Metric

from rnn_capacity.checks import check_choice, check_memory, check_minimum
from rnn_capacity.metrics import UNSCORED, CharacterAccuracy, nats_per_character
from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.training import Batch, FreshTask, generator

Scored = Literal["string", "answer"]

ANSWER_CHARACTERS = " -0123456789"
"""Alphabet of the network's output; the position of a character is its integer code."""

CHARACTERS = ANSWER_CHARACTERS + "+="
"""Alphabet of the network's input, the output's characters, `+` and `=`."""

SPACE, MINUS, ZERO, PLUS, EQUALS = map(CHARACTERS.index, " -0+=")

LARGEST_LIMIT = 10**17
"""Largest allowed `operand_limit`, with which sums still fit in 64-bit integers."""

CONSTANT = 3
"""Number that, with the task's seed, seeds the samples of the constant predictor; the splits use 0 to 2."""

CONSTANT_SAMPLES = 1 << 16
"""Number of samples from which the best predictor that ignores its input is estimated."""


def spell(numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Convert integers to the codes of their decimal characters.

    Args:
        numbers: (samples,), int64, within 2 * LARGEST_LIMIT of zero.

    Returns:
        Codes, (samples, width), left-aligned and padded with spaces, where width is that of the longest number with a
        sign; and the number of characters of each number, (samples,).
    """
    magnitude = numbers.abs().unsqueeze(1)
    width = 1 + len(str(int(magnitude.max())))
    digits = 1 + (magnitude >= 10 ** torch.arange(1, width)).sum(1, keepdim=True)
    length = digits + (numbers < 0).unsqueeze(1)
    power = length - 1 - torch.arange(width)  # of ten, by column: `digits` at the sign, negative after the end
    codes = ZERO + magnitude // 10 ** power.clamp(min=0) % 10
    return codes.masked_fill(power == digits, MINUS).masked_fill(power < 0, SPACE), length.squeeze(1)


def additions(first: Tensor, second: Tensor, steps: int, compute_steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Encode additions as input and target strings, one character code per time step.

    With compute_steps = 3 and steps = 20, the addition 12 + -7 = 5 looks like this (a dot is a space):

        inputs     12+-7=..............
        targets    .........5..........
        answer              ^^

    The answer's first character comes one step after the compute steps, which follow the `=`.

    Args:
        first: Left operands, (samples,), int64.
        second: Right operands, (samples,), int64; a negative one keeps its sign after the plus.
        steps: Characters T of a string, enough for the longest addition.
        compute_steps: Steps between the `=` and the answer.

    Returns:
        Codes of inputs and targets, (samples, T) each, and a mask of the answer and the space after it,
        (samples, T), bool.
    """
    inputs = torch.full((len(first), steps), SPACE)
    targets = inputs.clone()
    columns = torch.arange(steps)

    def write(strings: Tensor, codes: Tensor, start: Tensor) -> None:
        strings.scatter_(1, start.unsqueeze(1) + columns[: codes.shape[1]], codes)

    left, left_length = spell(first)
    right, right_length = spell(second)
    answer, answer_length = spell(first + second)
    equals = left_length + 1 + right_length
    start = equals + 1 + compute_steps
    write(inputs, left, torch.zeros_like(equals))  # in this order: each overwrites the spaces after the one before
    write(inputs, torch.full((len(first), 1), PLUS), left_length)
    write(inputs, right, left_length + 1)
    write(inputs, torch.full((len(first), 1), EQUALS), equals)
    write(targets, answer, start)
    within = (columns >= start.unsqueeze(1)) & (columns <= (start + answer_length).unsqueeze(1))
    return inputs, targets, within


@dataclass(frozen=True)
class Arithmetic(FreshTask):
    """Add two random integers, read and written one character per time step, such as `12+-7=` and `5`.

    The expression starts at the first step and the answer `compute_steps` steps after its `=`; all other characters are
    spaces. T = 36 steps are enough for the longest expression, `-10000000+-10000000=`, six compute steps, `-20000000`
    and a space.

    The paper's "cross-entropy after 36 steps" is taken to be that of the whole output string, padding included;
    `scored` = "answer" excludes the padding. The paper does not give the alphabets: here the input has 14
    characters and the output the 12 of them that occur in an answer.

    Raises:
        ValueError: If a field is out of range, or the steps are too few for the longest sum.

    Example:
        >>> import torch
        >>> from rnn_capacity.tasks.arithmetic import CHARACTERS
        >>> inputs, _ = Arithmetic(operand_limit=99, steps=20).draw_samples(1, torch.Generator().manual_seed(1))
        >>> "".join(CHARACTERS[code] for code in inputs[0, :, 0].tolist()).strip()
        '27+30='
    """

    name = "arithmetic"
    primary_metric = "cross_entropy"
    metric_directions = CharacterAccuracy.directions
    evaluation_batch = 1024
    input_size = len(CHARACTERS)
    output_size = len(ANSWER_CHARACTERS)
    scored_from = 0

    operand_limit: int = 10**7
    """Largest absolute value of an operand; operands are drawn uniformly from -operand_limit to operand_limit."""

    compute_steps: int = 3
    """Number of time steps between the `=` and the answer's first character (the paper tunes it in [1, 6])."""

    steps: int = 36
    """Number T of time steps that the network runs; must be enough for the longest sum."""

    scored: Scored = "string"
    """Which time steps count in loss and accuracy: all (string), or the answer and the space after it (answer)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_minimum(1, operand_limit=self.operand_limit, compute_steps=self.compute_steps, steps=self.steps)
        check_memory(steps=self.steps)
        if self.operand_limit > LARGEST_LIMIT:
            raise ValueError(f"operand_limit must be at most {LARGEST_LIMIT}, got {self.operand_limit}")
        check_choice(get_args(Scored), scored=self.scored)
        longest = f"{-self.operand_limit}+{-self.operand_limit}={-2 * self.operand_limit} "
        if self.steps < len(longest) + self.compute_steps:
            raise ValueError(
                f"steps must be at least {len(longest) + self.compute_steps} for {longest!r} with {self.compute_steps} "
                f"compute steps, got {self.steps}"
            )

    def draw_samples(self, samples: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw additions as character codes: inputs, (samples, T, 1), and targets, (samples, T), some UNSCORED."""
        operands = torch.randint(-self.operand_limit, self.operand_limit + 1, (2, samples), generator=random)
        inputs, targets, answer = additions(operands[0], operands[1], self.steps, self.compute_steps)
        return inputs.unsqueeze(2), targets if self.scored == "string" else targets.masked_fill(~answer, UNSCORED)

    @cached_property
    def constant_predictor(self) -> tuple[float, float]:
        """Cross-entropy in nats per character and character accuracy of the best predictor that ignores its input.

        It predicts the distribution of the characters at each time step, estimated from samples of its own.
        """
        targets = self.draw_samples(CONSTANT_SAMPLES, generator(self.seed, CONSTANT))[1]
        scored = targets != UNSCORED
        weights = scored / (scored.sum(1, keepdim=True).double() * len(targets))
        occurs = torch.zeros(self.steps, self.output_size, dtype=torch.float64)
        occurs.index_put_((scored.nonzero()[:, 1], targets[scored]), weights[scored], accumulate=True)
        chances = occurs / occurs.sum(1, keepdim=True).clamp(min=torch.finfo(occurs.dtype).tiny)
        return -float(torch.xlogy(occurs, chances).sum()), float(occurs.amax(1).sum())

    @property
    def baseline_loss(self) -> float:
        """Cross-entropy, in nats per character, of the best predictor that ignores its input."""
        return self.constant_predictor[0]

    def loss_per_sample(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Compute each sample's cross-entropy in nats per scored character, (batch,)."""
        return nats_per_character(predictions, batch.targets)

    def make_metric(self, network: RecurrentNetwork) -> Metric:
        """Build the `CharacterAccuracy` metric: cross-entropy, character accuracy and exact match."""
        return CharacterAccuracy()

    def update_metric(self, metric: Metric, predictions: Tensor, batch: Batch) -> None:
        """Add the logits and targets of a batch to the metric."""
        metric.update(predictions, batch.targets)

    def baseline_metrics(self) -> dict[str, float]:
        """Return the metrics of the best predictor that ignores its input, with an exact match of 0."""
        loss, accuracy = self.constant_predictor
        return {"cross_entropy": loss, "character_accuracy": accuracy, "exact_match": 0.0}
