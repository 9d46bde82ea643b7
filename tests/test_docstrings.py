import doctest
import importlib
import inspect
import pkgutil

import pytest

import rnn_capacity

PACKAGES = [found.name for found in pkgutil.walk_packages(rnn_capacity.__path__, "rnn_capacity.") if found.ispkg]
EXPORTS = [
    pytest.param(package, name, id=f"{package}.{name}")
    for package in PACKAGES
    for name in getattr(importlib.import_module(package), "__all__", [])
    if inspect.isroutine(found := getattr(importlib.import_module(package), name)) or inspect.isclass(found)
]


@pytest.mark.parametrize(("package", "name"), EXPORTS)
def test_the_example_in_an_exported_docstring_runs(package: str, name: str) -> None:
    exported = getattr(importlib.import_module(package), name)
    text = inspect.getdoc(exported) or ""
    globs = {name: exported}
    test = doctest.DocTestParser().get_doctest(text, globs, f"{package}.{name}", None, None)
    assert test.examples, "the docstring has no example"
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    report: list[str] = []
    assert doctest.DocTestRunner(optionflags=flags).run(test, out=report.append).failed == 0, "".join(report)
