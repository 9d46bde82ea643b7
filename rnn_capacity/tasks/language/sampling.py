"""Text generation with a trained language model."""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_capacity.checks import check_minimum
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
    """Generate text that continues a prompt, by sampling one character per time step.

    Args:
        network: The network, in evaluation mode.
        alphabet: Symbols of its input and output by their indices.
        prompt: At least one character of the alphabet.
        length: Characters to add.
        temperature: Divides the logits; 0 takes the likeliest character.
        top_k: Draw among the k likeliest characters only; None is all.
        seed: Seed of the draws.

    Returns:
        The prompt with the added characters.

    Raises:
        ValueError: If an argument is out of range, or the prompt has a character outside the alphabet.

    Example:
        >>> from rnn_capacity.models import RecurrentNetwork
        >>> network = RecurrentNetwork("gru", 1, input_size=3, hidden_size=4, output_size=3, seed=0).eval()
        >>> text = sample_text(network, "abc", "ab", length=4)
        >>> len(text), text[:2]
        (6, 'ab')
    """
    check_sampling(prompt, length, temperature, top_k)
    random = torch.Generator().manual_seed(seed)
    device = next(network.parameters()).device
    read = encode_prompt(prompt, alphabet).to(device)
    logits, state = network(read.view(1, -1, 1), warmup=len(read) - 1)
    added = []
    for _ in range(length):
        character = sample_symbol(logits[0, -1].float().cpu(), temperature, top_k, random)
        added.append(alphabet[int(character)])
        logits, state = network(character.view(1, 1, 1).to(device), state)
    return prompt + "".join(added)


def sample_symbol(logits: Tensor, temperature: float, top_k: int | None, random: torch.Generator) -> Tensor:
    """Draw the index of a symbol, (1,), from logits (symbols,)."""
    if temperature == 0:
        return logits.argmax(0, keepdim=True)
    if top_k is not None and top_k < len(logits):
        logits = logits.masked_fill(logits < logits.topk(top_k).values[-1], float("-inf"))
    # the largest logit becomes 0, so that no temperature gives inf - inf
    probabilities = ((logits - logits.max()).double() / temperature).softmax(0)
    return torch.multinomial(probabilities, 1, generator=random)


def encode_prompt(prompt: str, alphabet: str) -> Tensor:
    """Encode a prompt as indices, (characters,), int64.

    Raises:
        ValueError: If a character is outside the alphabet.
    """
    return encode(prompt, alphabet, "prompt", "the network's alphabet has no such character").long()


def check_sampling(
    prompt: str, length: int, temperature: float, top_k: int | None, length_name: str = "length"
) -> None:
    """Check that prompt, length, temperature and top_k of `sample_text` are in range.

    Args:
        prompt: The prompt.
        length: Characters to add.
        temperature: Divides the logits.
        top_k: Likeliest characters to draw among; None is all.
        length_name: Name of the argument `length`, for error messages.

    Raises:
        ValueError: If an argument is out of range.
    """
    if not prompt:
        raise ValueError("prompt must have at least one character, got ''")
    check_minimum(1, **{length_name: length}, top_k=top_k)
    check_minimum(0, temperature=temperature)
