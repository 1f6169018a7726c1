"""The words of the page: its headline, its badges, and the spec as rows."""

from typing import Any

import numpy as np

from ..races import LEAST_SEEDS, count_drawn
from ..rules import proper_name
from ._directory import Record
from ._format import count, number, rate, upper_first
from ._scale import scores


def headline(record: Record) -> str:
    """The verdict of a race, or what a fit came to."""
    if record.verdict:
        return record.verdict["sentence"]
    ended = record.runs["status"] != "interrupted"
    if not ended.any():
        return "Interrupted before a run came to its end." if len(ended) else "Nothing has been run."
    if not np.isfinite(scores(record)[ended]).any():
        return (
            "Training diverged." if record.kind == "fit" else "Every run diverged: no learning rate here trains this."
        )
    return _fitted(record) if record.kind == "fit" else "No verdict could be reached."


def _fitted(record: Record) -> str:
    runs = record.runs
    validated = np.isfinite(runs["best_validation_loss"][0])
    metric = record.facts["metric"] or {}
    reached = f"a {metric.get('name') or ('validation loss' if validated else 'training loss')}"
    at = f" at epoch {runs['best_epoch'][0]:g}" if validated and np.isfinite(runs["best_epoch"][0]) else ""
    how = f"{proper_name(runs['optimizer'][0])} at a learning rate of {rate(runs['learning_rate'][0])}"
    return f"{how} reached {reached} of {number(scores(record)[0])}{at}."


def badges(record: Record) -> list[tuple[str, str]]:
    """What the reader must know before believing the headline, as (kind, words)."""
    found = []
    if record.facts.get("partial"):
        ended, planned = int((record.runs["status"] != "interrupted").sum()), planned_runs(record.facts["spec"])
        of = f"{ended:,} of {count(planned, 'run')}" if planned >= ended else count(ended, "run")  # grids may grow
        after = f" after {of if record.kind == 'race' else 'some epochs'}"
        found.append(("partial", f"partial: interrupted{'' if headline(record).startswith('Partial') else after}"))
    seeds = len(np.unique(record.runs["seed"][record.judged & record.counted]))
    if record.verdict and not record.confirmed:
        found.append(("unconfirmed", f"unconfirmed: {count(seeds, 'tuning seed')}; differences may be luck"))
    elif record.verdict and seeds < LEAST_SEEDS:
        found.append(
            ("few", f"only {count(seeds, 'fresh seed')}: below {LEAST_SEEDS} no difference can be significant")
        )
    return found


def planned_runs(spec: dict[str, Any]) -> int:
    """How many runs a race's spec asks for; 0 where it does not say.

    >>> planned_runs({"learning_rates": {"sgd": [0.1, 1], "adam": [0.1]}, "seeds": [0, 1, 2]})
    9
    """
    rates, seeds = spec.get("learning_rates"), spec.get("seeds")
    if not isinstance(rates, dict) or not isinstance(seeds, list):
        return 0
    fresh = spec.get("confirm_seeds")
    confirming = 2 * len(rates) * len(fresh) if isinstance(fresh, list) else 0
    drawn = count_drawn(spec.get("search") or ())
    return confirming + len(seeds) * sum(len(one) + drawn for one in rates.values() if isinstance(one, list))


def rows(value: Any, name: str = "") -> list[tuple[str, str]]:
    """Anything JSON can hold, as (name, text) for a table: a row a leaf, nested names joined by commas.

    >>> rows({"network": {"hidden": [64, 64]}, "batch_size": 32, "seeds": None})
    [('Network, hidden', '64, 64'), ('Batch size', '32'), ('Seeds', '—')]
    """
    if isinstance(value, dict):
        parts = [rows(part, f"{name}, {_readable(key)}" if name else _readable(key)) for key, part in value.items()]
        return [row for part in parts for row in part]
    return [(upper_first(name), _leaf(value))]


def _readable(key: str) -> str:
    return proper_name(str(key)).replace("_", " ")


def _leaf(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_leaf(part) for part in value) or "none"
    if isinstance(value, dict):
        return "; ".join(f"{name}: {text}" for name, text in rows(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    return "—" if value is None else proper_name(str(value))


def data_rows(data: dict[str, Any]) -> list[tuple[str, str]]:
    """The data's description without its notes, which the page lists in full."""
    return rows({key: value for key, value in data.items() if key != "notes"})
