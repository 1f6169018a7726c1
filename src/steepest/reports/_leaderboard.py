"""The leaderboard: a row an optimizer at its recommended learning rate, best first, and the set of winners."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..pictures import Style, styles
from ..races import with_knobs
from ..rules import proper_name
from ._directory import Record
from ._format import interval, number, percent, rate, signed
from ._fresh import Fresh, median_ends

LEADER = "leader"
# Digits of the ends of an interval: a third would say nothing of a handful of seeds.
BRIEF = 2


class Beside(NamedTuple):
    """A comparison with the leader, written out; each number with its 95 % interval where it has one."""

    difference: str
    interval: str
    p: str
    beaten: str
    beaten_interval: str
    relation: str
    more: str


class Row(NamedTuple):
    """A line of the leaderboard, written out. bar: start, middle and end of the range, in percent of its column.

    range: of the losses over all seeds; with fresh ones, the interval of their median.  usual: the loss at the usual
    rate, and where.  usual_cost: what that rate costs beside the recommended one.  step: microseconds.
    knobs: the hyperparameters that were searched and are not the usual ones.
    """

    rank: int
    name: str
    style: Style
    learning_rate: str
    plateau: str
    median: str
    range: str
    bar: tuple[float, float, float] | None
    beside: Beside | None
    usual: str
    usual_cost: str
    step: str
    diverged: str
    at_edge: bool
    recommended: bool
    knobs: str


class Chip(NamedTuple):
    """A winner."""

    name: str
    style: Style
    recommended: bool


def leaderboard_rows(record: Record, order: list[str], fresh: Fresh | None) -> list[Row]:
    """The leaderboard's rows, best first; none without a verdict. order: every optimizer, for the styles."""
    verdict = record.verdict
    if verdict is None:
        return []
    ranks, looks = verdict["leaderboard"], styles(order)
    ends = [rank[key] for rank in ranks for key in ("low", "high") if _finite(rank[key])]
    steps, margin = record.facts.get("step_seconds") or {}, verdict["margin"]
    rows = []
    for place, rank in enumerate(ranks, start=1):
        row = _row(place, rank, looks[rank["optimizer"]])
        row = row._replace(step=_step(steps, rank["optimizer"]), recommended=rank["optimizer"] == verdict["optimizer"])
        if fresh is None:
            row = row._replace(bar=_bar(rank, ends))
        else:
            row = row._replace(range=median_range(fresh.losses[place - 1]), beside=_beside(rank["comparison"], margin))
            row = row._replace(diverged=row.diverged.partition(" (")[0])
        rows.append(row)
    return rows


def chips(record: Record, order: list[str]) -> tuple[str, list[Chip]]:
    """What the winners are to one another, and who they are; none where no fresh seeds tell."""
    verdict, looks = record.verdict, styles(order)
    if not verdict or not verdict["winners"]:
        return "", []
    if len(verdict["winners"]) == 1:
        said = "Winner"
    else:
        said = f"Equal to within {percent(verdict['margin'])}" if verdict["decided"] else "Not told apart"
    return said, [Chip(proper_name(name), looks[name], name == verdict["optimizer"]) for name in verdict["winners"]]


def relation(comparison: Mapping[str, Any], margin: float) -> str:
    """What an optimizer is beside the leader.

    >>> relation({"relation": "equal"}, 0.01), relation({"relation": "worse"}, 0.01)
    ('equal within 1 %', 'worse')
    """
    return f"equal within {percent(margin)}" if comparison["relation"] == "equal" else str(comparison["relation"])


def median_range(losses: np.ndarray) -> str:
    """The 95 % interval of a median in small print; empty below six seeds, which allow none.

    >>> median_range(np.arange(1.0, 11.0)), median_range(np.arange(5.0))
    ('2.7 to 8.3', '')
    """
    ends = median_ends(losses)
    return _ends(*ends) if ends else ""


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _row(place: int, rank: dict[str, Any], style: Style) -> Row:
    usual, (lost, runs) = rank.get("usual_learning_rate"), (rank["diverged"], rank["runs"])
    plateau, tuning = rank["plateau"], rank["tuning"]
    return Row(
        rank=place,
        name=proper_name(rank["optimizer"]),
        style=style,
        learning_rate=rate(rank["learning_rate"]),
        plateau=interval(*plateau) if plateau and plateau[0] != plateau[1] else "",
        median=number(rank["median"]),
        range=interval(rank["low"], rank["high"]),
        bar=None,
        beside=None,
        usual=f"{number(rank.get('usual_median'))} at {rate(usual)}" if usual else "—",
        usual_cost=_cost(tuning) if tuning else "",
        step="—",
        diverged=f"{lost} of {runs} ({percent(lost / runs)})" if runs else "—",
        at_edge=bool(rank.get("at_edge")),
        recommended=False,
        knobs=with_knobs(rank["hyperparameters"]).strip(),
    )


def _cost(tuning: dict[str, Any]) -> str:
    ends = _ends(tuning["low"], tuning["high"])
    return signed(tuning["median"], BRIEF) + (f" ({ends})" if ends else "")


def _ends(low: float | None, high: float | None) -> str:
    """An interval in small print; empty where there is none, on fewer than six seeds."""
    return interval(low, high, BRIEF).strip("—")


def _beside(comparison: dict[str, Any] | None, margin: float) -> Beside:
    if comparison is None:
        return Beside(*("—", "", "—", "—", ""), LEADER, "")
    more, p = comparison["more_seeds"], comparison["adjusted"]
    low, high = (number(100 * comparison[key], BRIEF) for key in ("beaten_low", "beaten_high"))
    return Beside(
        difference=signed(comparison["median"]),
        interval=_ends(comparison["low"], comparison["high"]),
        p="< 0.001" if p is not None and p < 0.001 else number(p),
        beaten=percent(comparison["beaten"]),
        beaten_interval=f"{low} to {high} %",
        relation=relation(comparison, margin),
        more=f"about {more:,} more" if more else "",
    )


def _step(seconds: Mapping[str, float], optimizer: str) -> str:
    return number(1e6 * seconds[optimizer]) if seconds.get(optimizer) else "—"


def _bar(rank: dict[str, Any], ends: list[float]) -> tuple[float, float, float] | None:
    values = [rank["low"], rank["median"], rank["high"]]
    if not all(map(_finite, values)) or max(ends) <= min(ends):
        return None
    low, high = min(ends), max(ends)
    if low > 0:
        shares = [math.log(value / low) / math.log(high / low) for value in values]
    else:
        shares = [(value - low) / (high - low) for value in values]
    return tuple(round(100 * min(max(share, 0.0), 1.0), 1) for share in shares)  # type: ignore[return-value]
