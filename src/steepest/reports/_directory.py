"""Reads what a race or a fit left behind, and refuses in one sentence what is not whole.

The files may come from another machine or another version: everything the page relies on is checked here, once.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import Any

import numpy as np

from ..errors import InputError

FORMAT = 2
FILES = {"race": "race.json", "fit": "run.json"}
# Beside either since format 2: what two makings of the same results differ in.
MADE = "made.json"

_Kinds = dict[str, tuple[type, ...]]
_NUMBER = (int, float, NoneType)
_RANK: _Kinds = {"optimizer": (str,), "learning_rate": _NUMBER, "median": _NUMBER, "low": _NUMBER, "high": _NUMBER}
_RANK |= {"runs": (int,), "diverged": (int,)}
_RANK |= {"plateau": (list, NoneType), "comparison": (dict, NoneType), "tuning": (dict, NoneType)}
_RANK |= {"hyperparameters": (dict,), "interval": (list, NoneType)}
_COMPARED: _Kinds = {"differences": (list,), "relation": (str,), "more_seeds": (int, NoneType)}
_COMPARED |= dict.fromkeys(("median", "low", "high", "p", "adjusted", "beaten", "beaten_low", "beaten_high"), _NUMBER)
_VERDICT: _Kinds = {"sentence": (str,), "confirmed": (bool,), "leaderboard": (list,), "seeds": (list, NoneType)}
_VERDICT |= {"optimizer": (str,), "winners": (list,), "decided": (bool,), "more_seeds": (int, NoneType)}
_VERDICT |= {"reason": (str,), "margin": _NUMBER}
# What older verdicts lack: they knew no fresh seeds, or searched learning rates alone.
_RANK_LACKS: dict[str, Any] = {"plateau": None, "comparison": None, "tuning": None, "hyperparameters": {}}
_RANK_LACKS |= {"interval": None}
_VERDICT_LACKS: dict[str, Any] = {
    "seeds": None,
    "winners": [],
    "decided": False,
    "more_seeds": None,
    "reason": "",
    "margin": None,
}
_MODEL: _Kinds = {"optimizer": (str,), "learning_rate": _NUMBER}
_FACTS: _Kinds = {"versions": (dict,), "created": (str,), "command": (str,), "spec": (dict,), "data": (dict,)}
_FACTS |= {"verdict": (dict, NoneType), "model": (dict, NoneType), "metric": (dict, NoneType)}
_CONFUSION: _Kinds = {"labels": (list,), "counts": (list,)}
_RESIDUALS: _Kinds = {"actual": (list,), "predicted": (list,)}

_RUNS = {"run": int, "optimizer": str, "learning_rate": float, "seed": int, "status": str, "epochs": float}
_RUNS |= {"best_epoch": float, "train_loss": float, "best_validation_loss": float}
# Directories written before a race judged by them lack them; their races judged by the best loss.
_RUNS_MAYBE = {"steady_validation_loss": float, "stage": str, "hyperparameters": str}
_CURVES = {"run": int, "epoch": float, "train_loss": float, "validation_loss": float}
_CURVES_MAYBE = {"step": float}

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Record:
    """One run directory.

    kind: "race" or "fit".  facts: race.json or run.json.  runs: a row a run.  curves: a row a run and epoch.
    Losses are float64 with NaN where the file has null.
    """

    path: Path
    kind: str
    facts: dict[str, Any]
    runs: Columns
    curves: Columns

    @property
    def verdict(self) -> dict[str, Any] | None:
        """The verdict of a race; None for a fit, and where no run came to an end."""
        return self.facts.get("verdict")

    @property
    def counted(self) -> np.ndarray:
        """Which runs medians count, True or False a run: those of the verdict's seeds that were not interrupted.

        A seed that an interrupt cut short has run some optimizers and rates only, and the verdict leaves it out.
        """
        return self.of_verdict & (self.runs["status"] != "interrupted")

    @property
    def of_verdict(self) -> np.ndarray:
        """Which runs are of the verdict's seeds, True or False a run: all where it names none, or there is none."""
        seeds = (self.verdict or {}).get("seeds")
        return np.full(len(self.runs["seed"]), True) if seeds is None else np.isin(self.runs["seed"], seeds)

    @property
    def fresh(self) -> np.ndarray:
        """Which runs are on fresh seeds, True or False a run: those that no learning rate was chosen by."""
        stages = self.runs.get("stage")
        return np.full(len(self.runs["seed"]), False) if stages is None else stages == "confirm"

    @property
    def tuned(self) -> np.ndarray:
        """Which of the runs that medians count are of the tuning, True or False a run: those over all the rates."""
        return self.counted & ~self.fresh

    @property
    def hyperparameters(self) -> np.ndarray:
        """Those of each run that were searched and are not the usual ones, as text; mostly empty."""
        told = self.runs.get("hyperparameters")
        return np.full(len(self.runs["seed"]), "", dtype=object) if told is None else told

    @property
    def judged(self) -> np.ndarray:
        """Which runs the leaderboard is about, True or False a run: on fresh seeds where there are, else the tuning."""
        return self.of_verdict & (self.fresh if self.confirmed else ~self.fresh)

    @property
    def confirmed(self) -> bool:
        """Whether fresh seeds back the verdict."""
        return bool(self.verdict and self.verdict["confirmed"] and self.fresh.any())

    @property
    def model(self) -> dict[str, Any] | None:
        """The model that was kept; None where there is none."""
        return self.facts.get("model")


def read(directory: str | Path, *, need_curves: bool = True) -> Record:
    """Read a run directory.

    need_curves: whether it is damaged without its curves; else they are empty where they cannot be read.
    Raises InputError where it is missing, not a run directory, of a newer format, or damaged.
    """
    path = Path(directory)
    if not path.is_dir():
        raise InputError(f"There is no directory '{path}'; give one that `steepest race` or `steepest fit` wrote.")
    kind = next((kind for kind, name in FILES.items() if (path / name).is_file()), None)
    within = sorted(one.parent.name for one in path.glob("*/race.json")) if kind is None else []
    if within:
        raise InputError(f"'{path}' holds the races {', '.join(within)}. Give one of them: {path / within[0]}.")
    if kind is None:
        raise InputError(
            f"'{path}' holds neither race.json nor run.json; give a directory that `steepest race` or "
            "`steepest fit` wrote."
        )
    facts = _facts(path / FILES[kind], kind)
    runs = _columns(path / "runs.parquet", _RUNS, _RUNS_MAYBE)
    try:
        curves = _columns(path / "curves.parquet", _CURVES, _CURVES_MAYBE)
    except InputError:
        if need_curves:
            raise
        curves = {name: np.zeros(0, kind) for name, kind in _CURVES.items()}
    if len(np.unique(runs["run"])) != len(runs["run"]):
        raise _damaged(path / "runs.parquet", "a run number stands in it twice")
    if not np.all((runs["learning_rate"] > 0) & np.isfinite(runs["learning_rate"])):
        raise _damaged(path / "runs.parquet", "a learning rate in it is not positive and finite")
    return Record(path, kind, facts, runs, curves)


def _damaged(file: Path, why: str) -> InputError:
    return InputError(f"'{file}' is damaged ({why}); run the command that made the directory again.")


def _facts(file: Path, kind: str) -> dict[str, Any]:
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(file, str(error).splitlines()[0]) from error
    if not isinstance(facts, dict) or facts.get("kind") != kind or not isinstance(facts.get("format"), int):
        raise InputError(f"'{file}' was not written by steepest: it does not say format and kind '{kind}'.")
    if facts["format"] > FORMAT:
        raise InputError(
            f"'{file}' has format {facts['format']}, and this steepest reads up to {FORMAT}; update steepest."
        )
    facts = {"verdict": None, "model": None, "metric": None, **facts, **_made(file.with_name(MADE), facts)}
    _check(file, facts, _FACTS)
    _check_parts(file, facts)
    return facts


def _made(file: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """When, by which command and how fast it was made; format 1 tells that with the rest."""
    if facts["format"] < 2:
        return {}
    try:
        made = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(file, str(error).splitlines()[0]) from error
    if not isinstance(made, dict):
        raise _damaged(file, "the whole is not an object")
    return {key: made[key] for key in ("command", "created", "seconds", "step_seconds") if key in made}


def _check(file: Path, part: Any, allowed: _Kinds, where: str = "") -> None:
    if not isinstance(part, dict):
        raise _damaged(file, f"{where or 'the whole'} is not an object")
    for key, types in allowed.items():
        if key not in part or not isinstance(part[key], types):
            raise _damaged(file, f"'{where}{key}' is {'missing' if key not in part else 'of the wrong kind'}")


def _check_parts(file: Path, facts: dict[str, Any]) -> None:
    if facts["verdict"]:
        _check_verdict(file, facts["verdict"])
    if model := facts["model"]:
        _check(file, model, _MODEL, "model.")
        _check_test(file, model.get("test") or {})


def _check_verdict(file: Path, verdict: dict[str, Any]) -> None:
    """Check it, and fill in what older ones lack."""
    verdict |= {key: value for key, value in _VERDICT_LACKS.items() if key not in verdict}
    _check(file, verdict, _VERDICT, "verdict.")
    for rank in verdict["leaderboard"]:
        _check(file, rank, {}, "verdict.leaderboard.")
        rank |= {key: value for key, value in _RANK_LACKS.items() if key not in rank}
        _check(file, rank, _RANK, "verdict.leaderboard.")
        for key in ("comparison", "tuning"):
            if rank[key]:
                _check(file, rank[key], _COMPARED, f"verdict.leaderboard.{key}.")


def _check_test(file: Path, test: Any) -> None:
    _check(file, test, {}, "model.test")
    if confusion := test.get("confusion"):
        _check(file, confusion, _CONFUSION, "model.test.confusion.")
        size = len(confusion["labels"])
        if _shape(confusion["counts"]) != (size, size):
            raise _damaged(file, "the confusion matrix is not a square of numbers, one row a class")
    if residuals := test.get("residuals"):
        _check(file, residuals, _RESIDUALS, "model.test.residuals.")
        actual, predicted = _shape(residuals["actual"]), _shape(residuals["predicted"])
        if actual is None or actual != predicted or len(actual) != 1:
            raise _damaged(file, "the residuals are not two equally long lists of numbers")


def _shape(numbers: list) -> tuple[int, ...] | None:
    try:
        return np.asarray(numbers, dtype=float).shape
    except (TypeError, ValueError):
        return None


def _columns(file: Path, wanted: dict[str, type], maybe: Mapping[str, type] = MappingProxyType({})) -> Columns:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not file.is_file():
        raise _damaged(file, "it is missing")
    try:
        # No file of Python's, and no threads: one that still holds it when a short command ends aborts the process.
        with pa.OSFile(str(file)) as opened:
            table = pq.ParquetFile(opened, pre_buffer=False).read(use_threads=False)
        missing = [name for name in wanted if name not in table.column_names]
        if missing:
            raise _damaged(file, f"column '{missing[0]}' is missing")
        there = {**wanted, **{name: kind for name, kind in maybe.items() if name in table.column_names}}
        return {name: _column(table[name], kind) for name, kind in there.items()}
    except (OSError, pa.ArrowException, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise _damaged(file, str(error).splitlines()[0]) from error


def _column(column: Any, kind: type) -> np.ndarray:
    values = column.to_pylist()
    if kind is str:
        return np.array([str(value) for value in values], dtype=object)
    if kind is int:
        return np.array(values, dtype=np.int64)
    return np.array([np.nan if value is None else value for value in values], dtype=float)
