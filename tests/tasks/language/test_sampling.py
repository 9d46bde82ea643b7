from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.tasks.language import Language, sample_text
from rnn_capacity.tasks.language.sampling import sample_symbol

ALPHABET = "abcdef"
CELLS = ["rnn", "ugrnn", "gru", "lstm", "intersection"]


@pytest.fixture
def network(randomise: Callable[[nn.Module], None]) -> Callable[[str], RecurrentNetwork]:
    """A function that makes a network whose logits depend on all characters read."""

    def network(cell: str) -> RecurrentNetwork:
        made = RecurrentNetwork(cell, 2, 6, 5, 6)
        randomise(made)
        with torch.no_grad():
            made.readout.weight.mul_(4)
        return made.eval()

    return network


def logits_after(network: RecurrentNetwork, text: str) -> Tensor:
    """The logits after a text that is read from its start, one-hot."""
    read = torch.tensor([ALPHABET.index(symbol) for symbol in text])
    with torch.no_grad():
        return network(F.one_hot(read, 6).double().unsqueeze(0))[0][0, -1]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("prompt", ["a", "dcfab"])
def test_greedy_text_matches_a_network_that_rereads_the_whole_text(
    network: Callable[[str], RecurrentNetwork], cell: str, prompt: str
) -> None:
    made = network(cell)
    text = prompt
    for _ in range(20):
        text += ALPHABET[int(logits_after(made, text).argmax())]
    assert sample_text(made, ALPHABET, prompt, 20, temperature=0.0) == text
    assert sample_text(made, ALPHABET, prompt, 20, temperature=3.0, top_k=1, seed=5) == text


@pytest.mark.parametrize("cell", ["gru", "lstm", "intersection"])
def test_sampled_text_matches_a_network_that_rereads_the_whole_text(
    network: Callable[[str], RecurrentNetwork], cell: str
) -> None:
    made = network(cell)
    random = torch.Generator().manual_seed(9)
    text = "fa"
    for _ in range(20):
        text += ALPHABET[int(sample_symbol(logits_after(made, text).float(), 1.5, 4, random))]
    assert sample_text(made, ALPHABET, "fa", 20, temperature=1.5, top_k=4, seed=9) == text


def test_only_the_seed_determines_the_text(network: Callable[[str], RecurrentNetwork]) -> None:
    made = network("gru")
    texts = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        texts.append([sample_text(made, ALPHABET, "ab", 40, temperature=2.0, seed=seed) for seed in range(4)])
    assert texts[0] == texts[1]
    assert len(set(texts[0])) == 4
    assert {len(text) for text in texts[0]} == {42}
    assert all(text.startswith("ab") for text in texts[0])


def frequencies(logits: Tensor, temperature: float, top_k: int | None, trials: int = 4000) -> Tensor:
    random = torch.Generator().manual_seed(2)
    drawn = torch.cat([sample_symbol(logits, temperature, top_k, random) for _ in range(trials)])
    return torch.bincount(drawn, minlength=len(logits)).double() / trials


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("top_k", [None, 2, 4, 9])
def test_symbols_follow_the_softmax_of_logits_over_temperature(temperature: float, top_k: int | None) -> None:
    logits = torch.tensor([0.5, -1.0, 0.1, 1.0])
    kept = sorted(range(4), key=lambda place: -float(logits[place]))[: top_k or 4]
    weights = [math.exp(float(logits[place]) / temperature) if place in kept else 0.0 for place in range(4)]
    expected = [weight / sum(weights) for weight in weights]
    found = frequencies(logits, temperature, top_k).tolist()
    assert found == pytest.approx(expected, abs=4.5 * 0.5 * 4000**-0.5)
    assert [share == 0 for share in found] == [weight == 0 for weight in weights] or temperature < 1


def test_a_temperature_of_zero_takes_the_likeliest() -> None:
    assert frequencies(torch.tensor([0.5, 0.51, -3.0]), 0.0, None, trials=50).tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prompt": ""}, "prompt must have at least one character, got ''"),
        ({"prompt": "ax"}, "prompt must have characters of the alphabet only, got 'x'"),
        ({"length": 0}, "length must be at least 1, got 0"),
        ({"temperature": -0.5}, "temperature must be at least 0, got -0.5"),
        ({"top_k": 0}, "top_k must be at least 1, got 0"),
    ],
)
def test_sampling_arguments_out_of_range_are_rejected(
    network: Callable[[str], RecurrentNetwork], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=rf"^{message}"):
        sample_text(network("rnn"), ALPHABET, **{"prompt": "a", "length": 3, **arguments})


def test_a_prompt_outside_the_alphabet_is_rejected_despite_an_unknown_symbol(
    network: Callable[[str], RecurrentNetwork],
) -> None:
    message = (
        r"^prompt must have characters of the alphabet only, got .*'x'.*: the network's alphabet has no such character$"
    )
    with pytest.raises(ValueError, match=message):
        sample_text(network("rnn"), ALPHABET, "axz", 3)
    with pytest.raises(ValueError, match=message):
        Language(characters=2, language_order=1, length=100, prompt="zx", unknown="z").check_generation()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prompt": ""}, "prompt must have at least one character, got ''"),
        ({"sample_length": 0}, "sample_length must be at least 1, got 0"),
        ({"temperature": -1.0}, "temperature must be at least 0, got -1"),
        ({"temperature": float("nan")}, "temperature must be a finite number, got nan"),
        ({"top_k": -2}, "top_k must be at least 1, got -2"),
    ],
)
def test_the_task_rejects_sampling_options_out_of_range(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"^{message}"):
        Language(**arguments)


@pytest.mark.parametrize("temperature", [1e-30, 1e-40, 1e-60])
def test_a_temperature_close_to_zero_takes_the_likeliest(temperature: float) -> None:
    assert frequencies(torch.tensor([0.5, 0.51, -3.0]), temperature, None, trials=50).tolist() == [0, 1, 0]
