"""The names that `import rnn_capacity` offers, none of which is imported before its first use."""

from __future__ import annotations

import ast
import doctest
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import rnn_capacity


def test_nothing_is_imported_before_a_name_is_used() -> None:
    code = (
        "import sys, rnn_capacity as package\n"
        "assert {'Member', 'train', '__version__'} <= set(dir(package))\n"
        "assert not {'torch', 'numpy', 'yaml', 'importlib.metadata'} & set(sys.modules)\n"
        "from rnn_capacity import parameter_count\n"
        "assert parameter_count is package.parameter_count is vars(package)['parameter_count']\n"
        "assert 'torch' in sys.modules and 'pytorch_lightning' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_name_is_one_of_a_room_and_known_to_type_checkers() -> None:
    (block,) = (part for part in ast.parse(Path(rnn_capacity.__file__).read_text()).body if isinstance(part, ast.If))
    imported = {
        (part.module, alias.name) for part in block.body if isinstance(part, ast.ImportFrom) for alias in part.names
    }
    assert sorted(name for _, name in imported) == sorted(rnn_capacity.__all__)
    for module, name in imported:
        assert module is not None
        assert getattr(rnn_capacity, name) is getattr(import_module(module), name)


def test_the_example_of_the_package_runs() -> None:
    assert doctest.testmod(rnn_capacity) == (0, 2)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'rnn_capacity' has no attribute 'trian'"):
        _ = rnn_capacity.trian
