"""A training step of K plain networks, as PyTorch and JAX make it without this package."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import torch
from plain_network import logits
from torch import Tensor
from torch.func import grad, vmap
from torch.nn import functional as F
from torch.optim import Adam
from torch.utils._pytree import tree_leaves, tree_map

SCAN = 20
"""Optimizer steps of a call of JAX."""


Network = dict[str, dict[str, Tensor]]
"""Weights of a plain network, from `initial_weights`."""


def loop_step(cell: str, networks: list[Network], inputs: Tensor, labels: Tensor) -> Callable[[], None]:
    """Make a function that makes a step of every network, one after another, and changes their weights in place."""
    optimizers = [Adam(tree_leaves(network), lr=1e-3) for network in networks]

    def step() -> None:
        for network, optimizer in zip(networks, optimizers, strict=True):
            optimizer.zero_grad()
            loss = F.binary_cross_entropy_with_logits(logits(torch, cell, network, inputs), labels)
            loss.backward()  # type: ignore[no-untyped-call]  # torch types it so
            optimizer.step()

    return step


def stacked(networks: list[Network]) -> Network:
    """Copy the weights of all networks into tensors with one more dimension, the first."""
    weights: Network = tree_map(lambda *parts: torch.stack(parts).detach(), *networks)
    return weights


def vmap_step(cell: str, weights: Network, inputs: Tensor, labels: Tensor) -> Callable[[], None]:
    """Make a function that makes a step of all networks, mapped over their stacked weights, which change in place."""
    leaves = tree_leaves(weights)
    optimizer = Adam(leaves, lr=1e-3)
    gradients = vmap(grad(lambda own: F.binary_cross_entropy_with_logits(logits(torch, cell, own, inputs), labels)))

    def step() -> None:
        for weight, gradient in zip(leaves, tree_leaves(gradients(weights)), strict=True):
            weight.grad = gradient
        optimizer.step()

    return step


def jax_steps(cell: str, weights: Network, inputs: Tensor, labels: Tensor) -> Callable[[], None] | None:
    """Make a function that makes SCAN steps of all networks by JAX; None if JAX or optax is not installed.

    Args:
        cell: Name of the cell.
        weights: The networks' initial weights, stacked.
        inputs: (batch, features).
        labels: (batch,).
    """
    try:
        jax, jnp, optax = map(import_module, ("jax", "jax.numpy", "optax"))
    except ImportError:
        return None
    ops = SimpleNamespace(sigmoid=jax.nn.sigmoid, tanh=jnp.tanh, relu=jax.nn.relu, broadcast_to=jnp.broadcast_to)
    optimizer = optax.adam(1e-3)
    x, y = jnp.asarray(inputs.numpy()), jnp.asarray(labels.numpy())

    def loss(own: Any) -> Any:
        return optax.sigmoid_binary_cross_entropy(logits(ops, cell, own, x), y).mean()

    def one(carried: Any, _: None) -> Any:
        own, state = carried
        updates, state = jax.vmap(optimizer.update)(jax.vmap(jax.grad(loss))(own), state)
        return (optax.apply_updates(own, updates), state), None

    many = jax.jit(lambda carried: jax.lax.scan(one, carried, None, length=SCAN)[0])
    start = tree_map(lambda part: jnp.asarray(part.numpy()), weights)
    carried = [(start, jax.vmap(optimizer.init)(start))]

    def steps() -> None:
        carried[0] = jax.block_until_ready(many(carried[0]))

    return steps
