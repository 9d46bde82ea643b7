"""Sphinx's configuration of the documentation."""

from __future__ import annotations

import re

from sphinx.application import Sphinx

from rnn_capacity import __version__

project = "rnn_capacity"
author = "the authors of rnn_capacity"
copyright = "the authors of rnn_capacity, Apache-2.0"
version = release = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
default_role = "literal"  # docstrings are written with single backticks

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 3

nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120  # seconds of one cell
nb_output_stderr = "remove"  # Lightning's notes
nb_render_markdown_format = "myst"  # with tables

suppress_warnings = ["ref.python"]  # fields of several tasks share a name, such as input_size
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_use_admonition_for_examples = False

html_theme = "furo"
html_title = f"rnn_capacity {__version__}"
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}


def escape_underscores(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Escape the underscore of a quoted prefix such as "val_", which reStructuredText takes for a link."""
    lines[:] = [re.sub(r'_"', r'\\_"', line) for line in lines]


def setup(app: Sphinx) -> None:
    """Register the hook on docstrings."""
    app.connect("autodoc-process-docstring", escape_underscores)
