"""Training steps of many plain networks in PyTorch (loop and vmap) and JAX without this package, for benchmarks."""

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
"""Number of optimizer steps that one call of the JAX function makes (`jax.lax.scan`)."""


Network = dict[str, dict[str, Tensor]]
"""Weights of a plain network by part and name, as `initial_weights` returns them."""


def loop_step(cell: str, networks: list[Network], inputs: Tensor, labels: Tensor) -> Callable[[], None]:
    """Return a PyTorch function that makes an optimizer step of every network, one after another, in place."""
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
    """Return a function that makes an optimizer step of all networks by `torch.func.vmap` over stacked weights."""
    leaves = tree_leaves(weights)
    optimizer = Adam(leaves, lr=1e-3)
    gradients = vmap(grad(lambda own: F.binary_cross_entropy_with_logits(logits(torch, cell, own, inputs), labels)))

    def step() -> None:
        for weight, gradient in zip(leaves, tree_leaves(gradients(weights)), strict=True):
            weight.grad = gradient
        optimizer.step()

    return step


def jax_steps(cell: str, weights: Network, inputs: Tensor, labels: Tensor) -> Callable[[], None] | None:
    """Return a JAX function that makes `SCAN` optimizer steps of all networks, or None without JAX and optax.

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
