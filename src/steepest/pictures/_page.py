"""Pages that hold everything they need, and run no script but their own."""

import hashlib
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup


def page(template: str, *, package: str, plotly: bool, **parts: Any) -> str:
    """A page as text.

    template: a file of *package*, which extends ``base.html`` of this one.  plotly: whether it draws with Plotly, which
    is then in it.  parts: what the template names.
    """
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([_files(package), _files(__package__)]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = Markup("")
    if plotly:
        from plotly.offline import get_plotlyjs

        script = Markup(get_plotlyjs())
    # A word that nobody can foresee who has not seen the page: only scripts that carry it run.
    nonce = hashlib.sha256(repr(sorted(parts.items())).encode()).hexdigest()[:32]
    return environment.get_template(template).render(plotly=script, nonce=nonce, **parts)


def embedded(text: str) -> Markup:
    """JSON as it may stand in a script element: no character that could end that, or start a comment, is left in it.

    >>> embedded('"</script>"')
    Markup('"\\\\u003c/script\\\\u003e"')
    """
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _files(package: str) -> jinja2.FunctionLoader:
    def text(name: str) -> str | None:
        file = files(package) / name
        return file.read_text(encoding="utf-8") if file.is_file() else None

    return jinja2.FunctionLoader(text)
