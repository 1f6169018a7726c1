"""Fills the templates: pages that hold everything they need, and run no script but their own."""

from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from ..rules import proper_name
from ._format import number, rate
from ._style import Chart


def fill(template: str, *, nonce: str, **parts: Any) -> str:
    """A page as text.

    template: a file beside this one.  nonce: a word that nobody can foresee; only scripts that carry it run.
    """
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_text),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": _figure_json, "number": number, "rate": rate, "proper_name": proper_name}
    environment.filters |= {"embedded": embedded}
    style, plotly = Markup(_text("page.css")), Markup(get_plotlyjs())
    return environment.get_template(template).render(style=style, plotly=plotly, nonce=nonce, **parts)


def _text(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def _figure_json(chart: Chart) -> Markup:
    return embedded(chart.figure.to_json(engine="json"))


def embedded(text: str) -> Markup:
    """JSON as it may stand in a script element: no character that could end that, or start a comment, is left in it."""
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
