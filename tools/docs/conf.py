"""Sphinx's configuration of the documentation."""

from __future__ import annotations

import re

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

from rnn_capacity import __version__

COLON = "\ufdd0"
"""Placeholder character that replaces colons while Sphinx's napoleon extension reads a docstring."""

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
nb_execution_timeout = 400  # seconds of one cell, on a busy machine
nb_output_stderr = "remove"  # Lightning's notes
nb_render_markdown_format = "myst"  # with tables

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_use_admonition_for_examples = False

html_theme = "furo"
html_math_renderer = "mathml"
html_title = f"rnn_capacity {__version__}"
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}


def hide_from_napoleon(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Replace colons in attribute docstrings by `COLON`, since napoleon takes what precedes one for a type."""
    if what in ("attribute", "data", "property"):
        lines[:] = [line.replace(": ", f"{COLON} ") for line in lines]
    lines[:] = [re.sub(r'_"', r'\\_"', line) for line in lines]  # reStructuredText takes it for a link


def show_colons(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Replace `COLON` by colons again after napoleon has read a docstring."""
    lines[:] = [line.replace(COLON, ":") for line in lines]


def inline_mathml(translator: HTML5Translator, node: nodes.math) -> None:
    """Render an inline formula as MathML, which browsers display without MathJax."""
    translator.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def display_mathml(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Render a display formula as MathML."""
    translator.body.append(tex2mathml(node.astext(), as_block=True))
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Register the docstring hooks, before and after napoleon's priority of 500, and the MathML renderer."""
    app.connect("autodoc-process-docstring", hide_from_napoleon, priority=400)
    app.connect("autodoc-process-docstring", show_colons, priority=600)
    app.add_html_math_renderer("mathml", (inline_mathml, None), (display_mathml, None))
