"""The words for what a comparison of dialects holds: short enough for a column of a narrow terminal."""

import inspect
import math
from collections.abc import Callable
from typing import Any

from .. import rules
from ._dialect import REQUIRED
from ._named import Named
from ._table import Cell, Comparison, Row

_WORDS = {
    "rate_at": {"inside": "inside the velocity", "outside": "outside the velocity"},
    "epsilon_at": {
        "inside": "inside the root", "outside": "outside the root", "hat": "outside, as epsilon hat",
        "beside": "beside the divisor", "within": "within the maximum", "least": "as the least divisor",
    },
    "around": {"zero": "no", "mean": "yes"},
    "correction": {"after": "after the maximum", "before": "before the maximum"},
    "gather": {"mean": "a mean", "sum": "a sum", "corrected": "a corrected mean"},
    "scale": {
        "rms": "rms sqrt(longer side)", "rows": "sqrt(rows / columns)", "columns": "sqrt(columns / rows)",
        "none": "nothing",
    },
    "weight_decay_kind": {"coupled": "coupled (L2)"},
    "step_count": {"each parameter": "each parameter's", "all": "one for all"},
}  # fmt: skip


def default(value: Any) -> str:
    """A default as one writes it.

    >>> default(1e-8), default((0.9, 0.999)), default(None)
    ('1e-8', '(0.9, 0.999)', 'None')
    """
    return "required" if value is REQUIRED else repr(value).replace("e-0", "e-")


def in_cell(row: Row, framework: str, *, state: bool = False) -> str:
    """What a framework has in a row: arguments with their defaults, and what it computes.

    state: whether the row is one of the state's.
    """
    cell = row.cells[framework]
    if cell is None:
        return "-"
    told = [f"{name} = {default(value)}" for name, value in cell.arguments.items()]
    if state:
        return _named(cell, told)
    word = _WORDS.get(row.key, {}).get(cell.word, cell.word)
    return "; ".join(filter(None, [word, ", ".join(told)]))


def _named(cell: Cell, told: list[str]) -> str:
    return f"{cell.word}, from {told[0] if told else format(cell.value, 'g')}"


def ways(comparison: Comparison) -> dict[str, str]:
    """Other ways to the same rule by framework, with their weight decay where it is of another kind."""
    here = {framework: one for framework, one in comparison.calls.items() if one}
    told = {
        framework: ", ".join(_way(way, one) for way in comparison.also[framework]) for framework, one in here.items()
    }
    return {framework: text for framework, text in told.items() if text}


def _way(way: Named, here: Named) -> str:
    same = way.case.weight_decay == here.case.weight_decay
    return str(way) if same else f"{way} (weight decay {way.case.weight_decay})"


def notes(comparison: Comparison) -> list[tuple[str, str]]:
    """What a reader should know: (framework, sentences), the textbook's source first."""
    told = [("textbook", source(comparison.rule))]
    return told + [(framework, " ".join(said)) for framework, said in comparison.notes.items()]


def source(rule: rules.Rule) -> str:
    """Where a rule comes from, as its docstring says.

    >>> source(rules.adam)
    'Kingma & Ba 2015, Algorithm 1, arXiv:1412.6980.'
    """
    said = (inspect.getdoc(rule) or "").partition("Source: ")[2].partition("\n\n")[0]
    return " ".join(said.split())


def as_data(comparison: Comparison) -> dict[str, Any]:
    """A comparison as JSON can hold it: what is required and what is infinite stand there in words."""
    return {
        "rule": comparison.rule.__name__,
        "name": comparison.name,
        "calls": {framework: str(one) if one else None for framework, one in comparison.calls.items()},
        "other_ways": ways(comparison),
        "rows": [{"key": row.key, "means": row.label, "dialects": _each(row, _computed)} for row in comparison.rows],
        "state": [{"field": row.key, "dialects": _each(row, _kept)} for row in comparison.states],
        "mechanics": {framework: list(names) for framework, names in comparison.besides.items()},
        "notes": dict(notes(comparison)),
    }


def _each(row: Row, told: Callable[[Cell], dict[str, Any]]) -> dict[str, Any]:
    return {
        framework: told(cell) | {"differs": row.differs(framework)} if cell else None
        for framework, cell in row.cells.items()
    }


def _computed(cell: Cell) -> dict[str, Any]:
    arguments = {name: _plain(value) for name, value in cell.arguments.items()}
    return {"arguments": arguments, "computes": _plain(cell.value) if cell.word else None}


def _kept(cell: Cell) -> dict[str, Any]:
    return {"name": cell.word, "starts_at": cell.value, "argument": next(iter(cell.arguments), None)}


def _plain(value: Any) -> Any:
    if value is REQUIRED:
        return "required"
    return "infinity" if isinstance(value, float) and math.isinf(value) else value
