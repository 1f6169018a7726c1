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
from ._scale import scores
from ._tables import judged_seeds

FORMAT, FILE = 1, "profile.json"
_RESAMPLES = 2000


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
    within: on how many tables its median loss is within 1 % of the lowest.  won: on how many nothing shows it to be
    worse than the leader.  tables: how many there are.  rank: of its median loss, a mean over the tables; ties share.
    within_low, within_high, rank_low, rank_high: the 95 % intervals over the seeds.
    """

    optimizer: str
    score: float | None
    low: float | None
    high: float | None
    within: int
    won: int
    tables: int
    rank: float
    within_low: int
    within_high: int
    rank_low: float
    rank_high: float


class Level(NamedTuple):
    """On a table, (..., optimizers).  within: whether a median is within the margin of the least.  rank: its place."""

    within: np.ndarray
    rank: np.ndarray


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
        if not self.standings[1:]:
            return f"{names} raced alone, so none is quickest."
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
    resampled = _resampled(judged, field)
    standings = [_standing(name, field, judged, profile, resampled) for name in field]
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


def _standing(
    name: str, field: Sequence[str], judged: Sequence[TableRace], profile: Profile | None, resampled: Sequence[Level]
) -> Standing:
    """resampled: how all stand on each table, by the verdict's seeds drawn with replacement."""
    at, margins = field.index(name), [float((one.record.verdict or {})["margin"] or 0.0) for one in judged]
    own = [_levels(_medians(one.record, field), margin) for one, margin in zip(judged, margins, strict=True)]
    won = sum(name in (one.record.verdict or {})["winners"] for one in judged)
    score, (low, high) = (profile.scores[name], profile.intervals[name]) if profile else (None, (None, None))
    within, ranks = (sum(getattr(one, what)[..., at] for one in resampled) for what in ("within", "rank"))
    ends = [np.quantile(told, (0.025, 0.975), method="inverted_cdf") for told in (within, ranks / len(judged))]
    (within_low, within_high), (rank_low, rank_high) = (end.tolist() for end in ends)
    rank = sum(float(one.rank[at]) for one in own) / len(own)
    total = int(sum(one.within[at] for one in own))
    return Standing(
        name, score, low, high, total, won, len(judged), rank, int(within_low), int(within_high), rank_low, rank_high
    )


def _resampled(judged: Sequence[TableRace], field: Sequence[str]) -> list[Level]:
    """How the field stands on each table by seeds drawn with replacement, the same for all its optimizers."""
    random, found = np.random.default_rng(0), []
    for one in judged:
        losses = _losses(one.record, field)
        seeds = random.integers(losses.shape[1], size=(_RESAMPLES, losses.shape[1]))
        medians = np.median(losses[:, seeds], axis=-1).T
        found.append(_levels(medians, float((one.record.verdict or {})["margin"] or 0.0)))
    return found


def _losses(record: Record, field: Sequence[str]) -> np.ndarray:
    """Each optimizer's losses by the verdict's seeds, (optimizers, seeds); infinite where it was not run on one."""
    seeds, runs, every = np.array(judged_seeds(record)), record.runs, scores(record)
    losses = np.full((len(field), len(seeds)), np.inf)
    for rank in (record.verdict or {})["leaderboard"]:
        near = np.isclose(runs["learning_rate"], rank["learning_rate"] or 0, rtol=1e-6)
        mine = record.judged & near & (runs["optimizer"] == rank["optimizer"]) & np.isin(runs["seed"], seeds)
        losses[field.index(rank["optimizer"]), np.searchsorted(seeds, runs["seed"][mine])] = every[mine]
    return losses


def _medians(record: Record, field: Sequence[str]) -> np.ndarray:
    """Each optimizer's median loss, infinite where it is not known, since half its runs or more diverged."""
    board = {rank["optimizer"]: rank["median"] for rank in (record.verdict or {})["leaderboard"]}
    return np.array([math.inf if board.get(name) is None else board[name] for name in field])


def _levels(medians: np.ndarray, margin: float) -> Level:
    """How an optimizer's median stands among all, (..., optimizers).

    >>> _levels(np.array([0.5, 0.3, 0.3, 0.302]), 0.01)
    Level(within=array([False,  True,  True,  True]), rank=array([4. , 1.5, 1.5, 3. ]))
    """
    best = medians.min(axis=-1, keepdims=True)
    own, other = medians[..., :, None], medians[..., None, :]
    better, equal = (other < own).sum(axis=-1), (other == own).sum(axis=-1)
    return Level(medians <= best + margin * np.where(np.isfinite(best), abs(best), 0.0), better + (equal + 1) / 2)


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
