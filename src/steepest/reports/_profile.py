"""The races of several tables together: how often each optimizer is nearly the quickest, and where it stands."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from ..errors import InputError
from ..files import new_file
from ..races import R_MAX, Profile, Task, TimesToTargets, performance_profile, times_to_targets
from ..rules import proper_name
from ._directory import Record, read
from ._format import count, listed, number

FORMAT, FILE = 1, "profile.json"


class TableRace(NamedTuple):
    """The race on one of the tables.

    name: its directory's, which tells the tables apart.  times: when each optimizer reached each target; None where the
    race has no verdict.
    """

    name: str
    record: Record
    times: TimesToTargets | None


class Standing(NamedTuple):
    """An optimizer over all tables that have a verdict.

    score, low, high: of its performance profile, with the 95 % interval over the seeds; None where no target was set.
    within: on how many tables its median loss is within 1 % of the leader's.  won: on how many nothing shows it to be
    worse than the leader.  tables: how many there are.  rank: of its median loss, a mean over the tables; ties share.
    """

    optimizer: str
    score: float | None
    low: float | None
    high: float | None
    within: int
    won: int
    tables: int
    rank: float


@dataclass(frozen=True)
class Together:
    """Races of several tables.

    profile: None where no race set a target.  standings: the highest score first, then the least rank.
    """

    directory: Path
    races: tuple[TableRace, ...]
    profile: Profile | None
    standings: tuple[Standing, ...]

    @property
    def judged(self) -> tuple[TableRace, ...]:
        """The races that have a verdict."""
        return tuple(one for one in self.races if one.record.verdict)

    @property
    def sentence(self) -> str:
        """Who is most often nearly the quickest, among whom and on what."""
        if self.profile is None:
            return "No race of these came to a target, so none is quickest."
        first, names = self.standings[0], listed(map(proper_name, self.profile.field))
        tables = {table for table, _ in self.profile.tasks}
        on = f"{count(len(tables), 'table')} ({count(len(self.profile.tasks), 'target')})"
        level = [one for one in self.standings[1:] if one.score == first.score]
        who = listed(map(proper_name, (first.optimizer, *(one.optimizer for one in level))))
        sure = f"95 % interval over the seeds {number(first.low)} to {number(first.high)}"
        has = f"{who} {'have' if level else 'has'} the highest score, {number(first.score)} ({sure})"
        return f"{has}, among {names} on {on}; another field has other scores."


def is_profile(directory: str | Path) -> bool:
    """Whether a directory holds the races of several tables."""
    return (Path(directory) / FILE).is_file()


def together(directory: str | Path, names: Sequence[str] | None = None) -> Together:
    """Read the races of several tables and score the optimizers over them.

    directory: what holds a race's directory for each.  names: of those; as ``profile.json`` there says if None.
    Raises InputError where one is missing or damaged.
    """
    place = Path(directory)
    races = tuple(_table_race(place / name) for name in (_names(place / FILE) if names is None else names))
    judged = [one for one in races if one.record.verdict]
    field = list(dict.fromkeys(name for one in judged for name in one.record.facts["spec"]["learning_rates"]))
    tasks = [task for one in judged for task in _tasks(one)]
    profile = performance_profile(tasks, field) if tasks else None
    standings = [_standing(name, field, judged, profile) for name in field]
    standings.sort(key=lambda one: (-(one.score or 0.0), one.rank))
    return Together(place, races, profile, tuple(standings))


def save_profile(told: Together) -> None:
    """Write ``profile.json`` beside the races."""
    with new_file(told.directory / FILE) as temporary:
        temporary.write_text(json.dumps(_plain(_facts(told)), indent=1, allow_nan=False))


def _names(file: Path) -> list[str]:
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
        names = [one["directory"] for one in facts["tables"]]
        known = facts["kind"] == "profile" and isinstance(facts["format"], int)
    except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:
        raise InputError(f"'{file}' is damaged ({error}); run the command that made it again.") from error
    if not (known and names) or not all(isinstance(name, str) and name == Path(name).name for name in names):
        raise InputError(f"'{file}' is damaged; run the command that made it again.")
    if facts["format"] > FORMAT:
        raise InputError(
            f"'{file}' has format {facts['format']}, and this steepest reads up to {FORMAT}; update steepest."
        )
    return names


def _table_race(path: Path) -> TableRace:
    record = read(path)
    if record.verdict is None:
        return TableRace(path.name, record, None)
    runs, curves = (pl.read_parquet(path / f"{table}.parquet") for table in ("runs", "curves"))
    rates = {rank["optimizer"]: rank["learning_rate"] for rank in record.verdict["leaderboard"]}
    return TableRace(path.name, record, times_to_targets(runs, curves, rates))


def _tasks(one: TableRace) -> list[Task]:
    """A task a target: the steps that each optimizer took to it, by seed."""
    if one.times is None:
        return []
    return [
        Task(one.name, target.share, {name: np.array(own[i].steps) for name, own in one.times.reached.items()})
        for i, target in enumerate(one.times.targets)
    ]


def _standing(name: str, field: Sequence[str], judged: Sequence[TableRace], profile: Profile | None) -> Standing:
    within = won = 0
    ranks = []
    for one in judged:
        medians = _medians(one.record, field)
        best = min(medians.values())
        verdict = one.record.verdict or {}
        within += medians[name] <= best + (verdict["margin"] or 0.0) * abs(best)
        won += name in verdict["winners"]
        ranks.append(_rank(medians, name))
    score, (low, high) = (profile.scores[name], profile.intervals[name]) if profile else (None, (None, None))
    return Standing(name, score, low, high, within, won, len(judged), sum(ranks) / len(ranks))


def _medians(record: Record, field: Sequence[str]) -> dict[str, float]:
    """Each optimizer's median loss, infinite where it is not known, since half its runs or more diverged."""
    board = {rank["optimizer"]: rank["median"] for rank in (record.verdict or {})["leaderboard"]}
    return {name: math.inf if board.get(name) is None else board[name] for name in field}


def _rank(medians: dict[str, float], name: str) -> float:
    """The place of its median, from 1; those that are equal share the mean of their places."""
    better = sum(one < medians[name] for one in medians.values())
    equal = sum(one == medians[name] for one in medians.values())
    return better + (equal + 1) / 2


def _facts(told: Together) -> dict[str, Any]:
    return {
        "kind": "profile",
        "format": FORMAT,
        "steepest": told.races[0].record.facts.get("steepest"),
        "tables": [_table_facts(one) for one in told.races],
        "field": told.profile.field if told.profile else [],
        "r_max": R_MAX,
        "tasks": _task_facts(told),
        "optimizers": [one._asdict() for one in told.standings],
    }


def _task_facts(told: Together) -> list[dict[str, Any]]:
    if told.profile is None:
        return []
    tasks = [task for one in told.judged for task in _tasks(one)]
    steps = [{name: own.tolist() for name, own in task.times.items()} for task in tasks]
    ratios = [{name: own[i] for name, own in told.profile.ratios.items()} for i in range(len(tasks))]
    return [
        {"table": task.table, "share": task.share, "steps": taken, "ratios": to_least}
        for task, taken, to_least in zip(tasks, steps, ratios, strict=True)
    ]


def _table_facts(one: TableRace) -> dict[str, Any]:
    facts, times = one.record.facts, one.times
    verdict = {key: (facts["verdict"] or {}).get(key) for key in ("sentence", "optimizer", "learning_rate", "winners")}
    return {
        "directory": one.name,
        "name": facts["data"].get("name"),
        "metric": facts["metric"],
        "verdict": verdict if facts["verdict"] else None,
        "baseline": times.baseline if times else None,
        "seeds": times.seeds if times else [],
        "targets": [target._asdict() for target in times.targets] if times else [],
    }


def _plain(value: Any) -> Any:
    """JSON has no infinity: it becomes None."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
