"""Trains recurrent networks to measure their capacity and trainability (Collins et al., ICLR 2017).

What a program needs first is here: cells, networks and their sizes, metrics, and the training of many networks at once.
Each name imports its package, and torch with it, when it is first used. Tasks are in `rnn_capacity.tasks`, and the
module that trains one network in `rnn_capacity.training`.

Example:
    >>> import rnn_capacity
    >>> rnn_capacity.units_for_budget("gru", depth=1, max_parameters=700, input_size=12, output_size=1)
    9
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnn_capacity.cells import CELLS, Cell
    from rnn_capacity.metrics import (
        BitsPerCharacter,
        CharacterAccuracy,
        CountAccuracy,
        ImpliedBits,
        ReconstructionError,
        StoredInformation,
        bits_per_parameter,
        likelihood_bits,
        stored_bits,
    )
    from rnn_capacity.models import RecurrentNetwork, parameter_count, units_for_budget
    from rnn_capacity.population import Member, train

__version__ = "0.1.0"

# without the classes that configs name: a config has the shortest path to a class, which must not change
__all__ = [
    "CELLS",
    "BitsPerCharacter",
    "Cell",
    "CharacterAccuracy",
    "CountAccuracy",
    "ImpliedBits",
    "Member",
    "ReconstructionError",
    "RecurrentNetwork",
    "StoredInformation",
    "bits_per_parameter",
    "likelihood_bits",
    "parameter_count",
    "stored_bits",
    "train",
    "units_for_budget",
]

SUBPACKAGES = ("cells", "models", "metrics", "population")
"""Subpackages that the exported names are imported from, in the order of their import time."""


def __getattr__(name: str) -> object:
    """Import an exported name from its subpackage when it is first used (PEP 562)."""
    if name in __all__:
        for subpackage in SUBPACKAGES:
            module = import_module(f"{__name__}.{subpackage}")
            if name in module.__all__:
                globals()[name] = getattr(module, name)
                return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the module's names, with the exported ones that have not been imported yet."""
    return sorted({*globals(), *__all__})
