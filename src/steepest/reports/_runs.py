"""What a click on a run opens: every run in a line, and the curves of as many as a page can carry."""

import json
from typing import Any, NamedTuple

import numpy as np

from ..pictures import styles
from ..races import parsed_knobs, with_knobs
from ..rules import proper_name
from ._directory import Record
from ._format import number, plotly_text, rate, rounded
from ._losses import COLUMNS, parts
from ._rates import ended_how
from ._scale import scores
from ._style import figure

# A page should open at once: beyond so many characters only the fresh runs bring their curves, or none.
MOST = 1_000_000
# More points than this a curve of that size does not show.
POINTS = 200


class Runs(NamedTuple):
    """text: JSON, for the page's script.  curves: whose curves are in it: "all", "fresh", "shown" or "none" of them."""

    text: str
    curves: str


def embedded_runs(record: Record, order: list[str], unit: str) -> Runs:
    """Every run, and the curves of all of them, of the fresh ones, of those in the leaderboard, or of none.

    The first of these that stays below ``MOST`` characters.
    """
    told = _told(record, order, unit)
    everyone = np.full(len(record.runs["run"]), True)
    choices = {"all": everyone, "fresh": record.fresh, "shown": record.judged & _recommended(record), "none": ~everyone}
    for name, which in choices.items():
        found = Runs(json.dumps(told | {"curves": _curves(record, which)}, separators=(",", ":")), name)
        if len(found.text) <= MOST:
            break
    return found


def _told(record: Record, order: list[str], unit: str) -> dict[str, Any]:
    looks, layout = styles(order), figure(height=320, margin=(58, 14, 10, 48)).layout.to_plotly_json()
    layout["yaxis"]["title"] |= {"text": plotly_text(f"loss, {unit}")}
    layout["xaxis"]["title"] |= {"text": "epoch"}
    return {
        "optimizers": [proper_name(name) for name in order],
        "colors": [looks[name].color for name in order],
        "parts": list(parts(record).values()),
        "layout": layout,
        "first": (record.model or {}).get("run"),
        "runs": _lines(record, order),
    }


def _lines(record: Record, order: list[str]) -> list[list[Any]]:
    """Each run: its number, optimizer (where in *order*), rate, seed, stage, end, best epoch and loss."""
    runs, losses, fresh = record.runs, scores(record), record.fresh
    return [
        [
            int(runs["run"][i]),
            order.index(runs["optimizer"][i]),
            rate(float(runs["learning_rate"][i])) + with_knobs(parsed_knobs(record.hyperparameters[i])),
            int(runs["seed"][i]),
            "fresh" if fresh[i] else "tuning",
            ended_how(record, i),
            int(runs["best_epoch"][i]) if np.isfinite(runs["best_epoch"][i]) else None,
            number(float(losses[i])),
        ]
        for i in range(len(losses))
    ]


def _recommended(record: Record) -> np.ndarray:
    """Which runs are at the rate that the leaderboard gives their optimizer, True or False a run."""
    runs, ranks = record.runs, (record.verdict or {}).get("leaderboard", [])
    found = np.full(len(runs["run"]), False)
    for rank in ranks:
        near = np.isclose(runs["learning_rate"], rank["learning_rate"] or 0, rtol=1e-6)
        found |= near & (runs["optimizer"] == rank["optimizer"])
    return found


def _curves(record: Record, which: np.ndarray) -> dict[str, list[Any]]:
    """By run number: its epochs, None for 0, 1, 2, ..., and the losses of both parts, to five digits."""
    curves = record.curves
    kept = np.isin(curves["run"], record.runs["run"][which])
    order = np.lexsort((curves["epoch"][kept], curves["run"][kept]))
    run, epochs, *losses = (curves[name][kept][order] for name in ("run", "epoch", *COLUMNS))
    numbers, starts = np.unique(run, return_index=True)
    cuts = [*starts.tolist(), len(run)]
    return {
        str(one): _curve(epochs[first:last], [part[first:last] for part in losses])
        for one, first, last in zip(numbers.tolist(), cuts, cuts[1:], strict=False)
    }


def _curve(epochs: np.ndarray, losses: list[np.ndarray]) -> list[Any]:
    kept = np.unique(np.linspace(0, len(epochs) - 1, POINTS).round().astype(int))
    at = epochs[kept]
    plain = None if np.array_equal(at, np.arange(len(at))) else at.astype(int).tolist()
    return [plain, *([rounded(loss) for loss in part[kept].tolist()] for part in losses)]
