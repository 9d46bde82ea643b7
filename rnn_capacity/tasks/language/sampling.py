"""Text from a trained language model."""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.tasks.language.corpus import encode


@torch.no_grad()
def sample_text(
    network: RecurrentNetwork,
    alphabet: str,
    prompt: str,
    length: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    seed: int = 0,
) -> str:
    """Go on from a prompt, one state update a character.

    Args:
        network: The network, in evaluation mode.
        alphabet: The symbols of its input and output.
        prompt: At least one character of the alphabet; read in one go.
        length: Characters to add.
        temperature: Divides the logits; towards 0 the likeliest character is taken, above 1 the text gets wilder.
        top_k: Draw among the k likeliest characters only; None is all.
        seed: Of the draws.

    Returns:
        The prompt and the characters added.

    Raises:
        ValueError: If an argument is out of range, or the prompt has a character outside the alphabet.
    """
    check_sampling(prompt, length, temperature, top_k)
    random = torch.Generator().manual_seed(seed)
    device = next(network.parameters()).device
    read = encode_prompt(prompt, alphabet).to(device)
    logits, state = network(read.view(1, -1, 1), warmup=len(read) - 1)
    added = []
    for _ in range(length):
        character = draw(logits[0, -1].float().cpu(), temperature, top_k, random)
        added.append(alphabet[int(character)])
        logits, state = network(character.view(1, 1, 1).to(device), state)
    return prompt + "".join(added)


def draw(logits: Tensor, temperature: float, top_k: int | None, random: torch.Generator) -> Tensor:
    """One symbol's index, (1,), from logits (symbols,)."""
    if temperature == 0:
        return logits.argmax(0, keepdim=True)
    if top_k is not None and top_k < len(logits):
        logits = logits.masked_fill(logits < logits.topk(top_k).values[-1], float("-inf"))
    # the largest is 0 and float64 holds it, so that no temperature makes a chance of inf - inf
    chances = ((logits - logits.max()).double() / temperature).softmax(0)
    return torch.multinomial(chances, 1, generator=random)


def encode_prompt(prompt: str, alphabet: str) -> Tensor:
    """Indices of a prompt's characters, (characters,), int64.

    Raises:
        ValueError: If a character is outside the alphabet.
    """
    return encode(prompt, alphabet, "prompt", "the network's alphabet has no such character").long()


def check_sampling(
    prompt: str, length: int, temperature: float, top_k: int | None, length_name: str = "length"
) -> None:
    """Refuse what cannot be sampled.

    Args:
        prompt: What is gone on from.
        length: Characters to add.
        temperature: Divides the logits.
        top_k: Likeliest characters to draw among; None is all.
        length_name: What the length was given as, for the message.

    Raises:
        ValueError: If an argument is out of range.
    """
    if not prompt:
        raise ValueError("prompt: '' given, at least one character needed")
    if length < 1:
        raise ValueError(f"{length_name}: {length} given, at least 1 needed")
    if not temperature >= 0:
        raise ValueError(f"temperature: {temperature:g} given, at least 0 needed")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k: {top_k} given, at least 1 needed")
