"""A race's directory while it runs: what was asked, and every run that has ended, so that a killed race goes on."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
from filelock import FileLock, Timeout

from ..errors import InputError
from ..files import explained, parents, umask
from ._execute import Ended
from ._plan import Plan
from ._race import RUN_SCHEMA

# Within the race's directory, hidden, and gone when it has ended.
_HOME, _SPEC, _RUNS, _NEW = ".race", "spec.json", "runs.jsonl", "new"
# Facts of race.json that must be the same for runs of two calls to be runs of one race.
_FIXED = ("steepest", "versions", "spec")


class Journal:
    """Keeps a race's ended runs in its directory as they come; a context manager.

    directory: where the results will be.  about: what is known of the race before it runs (see ``about``).
    resume: whether to go on with a race that is there, unfinished or not; with fewer confirming seeds, too.
    While it is open no other process can open it. Left without ``finish`` it keeps what has ended, or, where nothing
    has, leaves nothing that was not there before.
    known: the runs that have ended, by number.
    Raises InputError where the directory exists and is not to be resumed, holds another race, telling the difference,
    or is in use.
    """

    def __init__(self, directory: str | Path, about: Mapping[str, Any], *, resume: bool = False):
        self._directory, self._about, self._resume = Path(directory), json.loads(json.dumps(about)), resume
        self.known: dict[int, Ended] = {}

    def __enter__(self) -> "Journal":
        self._was_there = os.path.lexists(self._directory)
        if self._was_there and not self._resume:
            kind = "directory" if self._directory.is_dir() else "file"
            more = "Give another --out, or remove it first."
            if (self._directory / _HOME).is_dir():
                more = "It holds a race that did not end: add --resume to go on with it, or give another --out."
            raise InputError(f"The output {kind} '{self._directory}' exists already. {more}")
        if self._resume and not self._directory.is_dir():
            raise InputError(f"There is no race in '{self._directory}' to go on with. Leave out --resume to begin one.")
        self._home = self._directory / _HOME
        with contextlib.ExitStack() as stack:
            stack.enter_context(parents(self._directory))
            stack.callback(self._leave_no_empty_directory)
            with explained(self._directory):
                self._home.mkdir(parents=True, exist_ok=True)
                lock = FileLock(self._home / "lock")
                try:
                    lock.acquire(blocking=False)
                except Timeout:
                    raise InputError(
                        f"Another race is running in '{self._directory}'. Wait for it to end, or give another --out."
                    ) from None
            stack.callback(lock.release)
            stack.callback(self._leave_nothing_idle)
            self._open()
            stack.callback(self._file.close)
            self._stack = stack.pop_all()
        return self

    def _leave_nothing_idle(self) -> None:
        runs = self._home / _RUNS
        if not runs.exists() or b"\n" not in runs.read_bytes():  # there is nothing to go on with
            shutil.rmtree(self._home, ignore_errors=True)

    def _leave_no_empty_directory(self) -> None:
        if not self._was_there:
            with contextlib.suppress(OSError):
                self._directory.rmdir()

    def _open(self) -> None:
        spec, runs = self._home / _SPEC, self._home / _RUNS
        before = _read_spec(spec if spec.exists() else self._directory / "race.json", self._directory)
        if before is not None:
            self._refuse_another(before)
            self.known = _read_runs(runs) if spec.exists() else _read_results(self._directory)
        with explained(self._directory):
            if not spec.exists() and self.known:  # an ended race is to grow: its runs are known here from now on
                with runs.open("w") as file:
                    file.writelines(map(_line, self.known.values()))
            _write_whole(spec, json.dumps(self._about))
            self._file = runs.open("a")

    def _refuse_another(self, before: Mapping[str, Any]) -> None:
        was, asked = ({key: facts.get(key, {}) for key in (*_FIXED, "data")} for facts in (before, self._about))
        fresh = was["spec"].get("confirm_seeds", []), asked["spec"].get("confirm_seeds", [])
        if fresh[1][: len(fresh[0])] == fresh[0]:  # more seeds of the same race
            was["spec"] = {**was["spec"], "confirm_seeds": fresh[1]}
        changed = list(_changes(was, asked))
        if changed:
            raise InputError(
                f"'{self._directory}' holds another race than the one asked for: {'; '.join(changed)}. Ask for what it "
                "was made with, or give another --out."
            )

    def write(self, ended: Ended) -> None:
        """Keep a run; one that was interrupted is not, since it is to be run again."""
        if ended.row["status"] == "interrupted":
            return
        with explained(self._directory):
            self._file.write(_line(ended))
            self._file.flush()

    @contextlib.contextmanager
    def results(self) -> Iterator[Path]:
        """A directory to write all results into; they take their places when the block ends well."""
        new = self._home / _NEW
        with explained(self._directory):
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            new.chmod(0o777 & ~umask())
            yield new
            if not (new / "model").exists():
                shutil.rmtree(self._directory / "model", ignore_errors=True)
            # What says that a race is there comes last.
            for made in sorted(new.iterdir(), key=lambda path: path.name == "race.json"):
                place = self._directory / made.name
                if place.is_dir():
                    old = self._home / f"old-{made.name}"
                    shutil.rmtree(old, ignore_errors=True)  # of results before these
                    place.rename(old)
                os.replace(made, place)

    def finish(self) -> None:
        """The race has ended whole: nothing is to be gone on with."""
        self._file.close()
        for path in sorted(self._home.rglob("*"), reverse=True):
            if path.name != "lock":
                path.rmdir() if path.is_dir() else path.unlink()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        self._stack.__exit__(kind, error, trace)


def _write_whole(path: Path, text: str) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text)
    temporary.replace(path)


def _line(ended: Ended) -> str:
    """A run on one line. Python's JSON gives floats back to the bit, and knows infinity."""
    return (
        json.dumps([ended.number, ended.row, {name: ended.curves[name].to_list() for name in ended.curves.columns}])
        + "\n"
    )


def _read_runs(path: Path) -> dict[int, Ended]:
    """The runs in a journal; a last line that was cut short is left out, and cut off."""
    known: dict[int, Ended] = {}
    whole = 0
    with contextlib.suppress(FileNotFoundError):
        with path.open("rb") as file:
            for line in file:
                try:
                    number, row, curves = json.loads(line)
                except ValueError:
                    break
                if not line.endswith(b"\n"):
                    break
                known[number] = Ended(number, row, pl.DataFrame(curves, schema=_CURVES))
                whole += len(line)
        os.truncate(path, whole)
    return known


_CURVES = {"epoch": pl.Int32, "step": pl.Int32, "train_loss": pl.Float64, "validation_loss": pl.Float64}


def _read_results(directory: Path) -> dict[int, Ended]:
    """The runs of a race that has ended."""
    try:
        runs = pl.read_parquet(directory / "runs.parquet").select(list(RUN_SCHEMA))
        curves = pl.read_parquet(directory / "curves.parquet").partition_by("run", as_dict=True)
        rows = [row for row in runs.iter_rows(named=True) if row["status"] != "interrupted"]
        return {row["run"]: Ended(row["run"], row, curves[(row["run"],)].drop("run")) for row in rows}
    except (OSError, KeyError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise InputError(f"The race in '{directory}' is damaged ({error}). Race again with another --out.") from error


def _read_spec(path: Path, directory: Path) -> dict[str, Any] | None:
    try:
        told = json.loads(path.read_text())
    except FileNotFoundError:
        if any(path.name != _HOME for path in directory.iterdir()):
            raise InputError(f"'{directory}' holds no race to go on with. Give another --out.") from None
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"'{path}' is damaged ({error}). Race again with another --out.") from error
    if not isinstance(told, dict) or not isinstance(told.get("spec"), dict):
        raise InputError(f"'{path}' is not a race's. Race again with another --out.")
    return told


def _changes(was: Any, asked: Any, name: str = "") -> Iterator[str]:
    """Where two plain values differ, a phrase each."""
    if isinstance(was, dict) and isinstance(asked, dict):
        for key in dict.fromkeys([*was, *asked]):
            if key not in was or key not in asked:
                there = f"{was.get(key, 'none')!s:.60} before, {asked.get(key, 'none')!s:.60} now"
                yield f"{f'{name} {key}'.strip()}: {there}"
            else:
                yield from _changes(was[key], asked[key], f"{name} {key}".strip() if name not in ("spec",) else key)
    elif was != asked and name.endswith("fingerprint"):
        yield "the contents of the table"
    elif was != asked:
        yield f"{name}: {was!s:.60} before, {asked!s:.60} now"


def grown(plan: Plan, more: int, directory: str | Path) -> Plan:
    """The plan of the race that has ended in a directory with so many confirming seeds more.

    Raises InputError where there is none.
    """
    directory = Path(directory)
    ended = directory / "race.json"
    if not ended.exists():
        how = "has not ended: end it with --resume first" if (directory / _HOME).is_dir() else "is not there"
        raise InputError(f"The race in '{directory}' to which seeds are to be added {how}.")
    told = _read_spec(ended, directory)
    assert told is not None
    before = list(told["spec"].get("confirm_seeds", []))
    last = max([*before, *plan.seeds])
    return replace(plan, confirm_seeds=[*before, *range(last + 1, last + 1 + more)])
