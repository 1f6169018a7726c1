"""``steepest diagnose``."""

import base64
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from rich.console import Console
from rich.table import Table

from ..diagnosis import Diagnosis, Sibling, diagnose
from ..diagnosis import shown as number
from ..errors import InputError
from ..files import new_file
from ..landscapes import landscape
from ..pictures import write_still
from ..reports import Record, read, report
from ..training import Run
from ._progress import progress

# Stages that a diagnosis goes through, for its line of progress.
_STAGES = 5
FILE = "diagnosis.json"
# Of a picture in a report: points along each side, rows of the table, dots an inch.
_POINTS, _ROWS, _DPI = 41, 500, 110


def run_diagnose(
    directory: Path, *, data: str | None, run: int | None, seconds: float, as_json: bool, quiet: bool
) -> None:
    """Train the run of a directory again, say what is wrong with it, and keep that beside it."""
    if not seconds > 0:
        raise InputError(f"--seconds must be positive; received {seconds}. Try 60.")
    console = Console(highlight=False, soft_wrap=True)
    record = read(directory, need_curves=False)
    from ._reopen import reopen  # which itself needs what this command and fit share

    one = reopen(record, data, run)
    found = diagnosed(console, one.run, siblings=one.siblings, seconds=seconds, quiet=quiet or as_json)
    keep(directory, {one.number: found}, pictures={one.number: drawn(one.run)})
    there, of = _epochs_kept(record, one.number)
    readable = there > 0
    if readable:
        report(directory)
    if as_json:
        print(json.dumps({"run": one.number, **found.to_json()}, indent=1))
        return
    console.print(f"Run {one.number}: {one.run!r}")
    say(console, found)
    if readable and there < of:
        console.print(
            f"Not told: what curves.parquet showed of the run, of which it keeps {there} of {of} rows; the run was "
            "trained again, and what is told is of that."
        )
    if readable:
        console.print(f"Report: {directory / 'report.html'}")
    else:
        console.print(
            "Not told: what other runs there would show, and no report is drawn, since curves.parquet is missing, "
            "empty or damaged; the run itself was trained again."
        )


def _epochs_kept(record: Record, number: int) -> tuple[int, int]:
    """How many rows the curves have of a run, and how many they had: a row an epoch, and one before the first."""
    of = int(record.runs["epochs"][record.runs["run"] == number][0]) + 1
    return int((record.curves["run"] == number).sum()), of


def diagnosed(
    console: Console, run: Run, *, siblings: Sequence[Sibling] = (), seconds: float = 60.0, quiet: bool
) -> Diagnosis:
    """Diagnose a run with a line of progress."""
    with progress(console, _STAGES, "stages", quiet=quiet) as line:
        done = 0

        def told(what: str) -> None:
            nonlocal done
            done += 1
            line.show(done, what)

        return diagnose(run, siblings=siblings, seconds=seconds, told=told)


def say(console: Console, found: Diagnosis) -> None:
    """A diagnosis as people read it: the sentence, then a row a verdict with what decided it."""
    console.print(found.sentence)
    if found.verdicts:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("trouble", "sure", "by", "what decided"):
            table.add_column(name, overflow="fold")
        for one in found.verdicts:
            decided = "; ".join(f"{name} {number(value)}" for name, value in one.numbers.items())
            table.add_row(one.name, f"{one.confidence:.0%}", one.basis, decided)
        console.print(table)
        for one in found.verdicts:
            console.print(f"{one.name.capitalize()}: {one.action.sentence} It would be refuted so: {one.refuted_by}")
    for missing in found.missing:
        console.print(f"Not told: {missing}")


def drawn(run: Run) -> dict[str, str] | None:
    """The loss around a run on the plane of its own path, as a picture in text and its description; None where none is.

    png: base64.  text: what is seen.
    """
    with tempfile.TemporaryDirectory() as place:
        try:
            seen = landscape(run.problem, around=run, points=_POINTS, rows=_ROWS)
            write_still(seen.still(), Path(place) / "seen.png", title=seen.title, text=seen.text, dpi=_DPI)
        except InputError:  # of one parameter, or a run that left what is finite at once
            return None
        return {"png": base64.b64encode((Path(place) / "seen.png").read_bytes()).decode(), "text": seen.text}


def keep(
    directory: Path,
    found: dict[int, Diagnosis],
    *,
    title: str = "",
    pictures: Mapping[int, dict[str, str] | None] = MappingProxyType({}),
) -> None:
    """Write diagnoses beside the runs, by run number, with those that are there already.

    title: what they are of, where that is not the run that the directory keeps.  pictures: as ``drawn`` makes them.
    """
    path = directory / FILE
    try:
        there = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.is_file() else {}
    except (OSError, ValueError, KeyError, TypeError):
        there = {}
    for run, one in found.items():
        there[str(run)] = {"title": title, "picture": pictures.get(run), **one.to_json()}
    with new_file(path) as temporary:
        temporary.write_text(json.dumps({"format": 1, "runs": there}, indent=1, allow_nan=False))
