"""What was found of single runs: the winner's, and one of each kind of failure."""

import json
import re
from typing import Any, NamedTuple

from ..errors import InputError
from ..rules import proper_name
from ._directory import Record
from ._format import number, rate
from ._style import Table

FILE = "diagnosis.json"
_FORMAT = 1


class Diagnosed(NamedTuple):
    """One run's diagnosis: what it is of, the sentence, a row a verdict, what to do, what could not be told.

    png: the loss around it, base64, or empty.  text: what is seen there.
    """

    title: str
    outcome: str
    sentence: str
    table: Table | None
    next: list[str]
    missing: list[str]
    png: str
    text: str


def diagnosed(record: Record) -> list[Diagnosed]:
    """Of each run that was diagnosed, the model's first; none where nobody asked.

    Raises InputError where the file is damaged or of a newer format.
    """
    path = record.path / FILE
    if not path.is_file():
        return []
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["format"] > _FORMAT:
            raise InputError(
                f"'{path}' has format {told['format']}, and this steepest reads up to {_FORMAT}; update steepest."
            )
        runs = {int(name): one for name, one in told["runs"].items()}
        own = (record.model or {}).get("run")
        order = sorted(runs, key=lambda run: (run != own, run))
        return [_one(record, run, runs[run], run == own) for run in order]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"'{path}' is damaged ({error}). Run `steepest diagnose` again.") from error


def _one(record: Record, run: int, told: dict[str, Any], own: bool) -> Diagnosed:
    verdicts, picture = told["verdicts"], told.get("picture") or {}
    rows = [
        [
            str(one["name"]),
            f"{float(one['confidence']):.0%}",
            str(one["basis"]),
            "; ".join(f"{name} {number(value)}" for name, value in one["numbers"].items()),
        ]
        for one in verdicts
    ]
    table = Table("What was found", ["trouble", "sure", "by", "what decided"], rows) if rows else None
    following = [
        f"{str(one['name']).capitalize()}: {one['action']['sentence']} It would be refuted so: {one['refuted_by']}"
        for one in verdicts
    ]
    title = str(told.get("title") or _title(record, run, own))
    return Diagnosed(
        title, str(told["outcome"]), str(told["sentence"]), table, following,
        [str(one) for one in told["missing"]], _base64(picture.get("png", "")), str(picture.get("text", "")),
    )  # fmt: skip


def _base64(text: str) -> str:
    """The text of a picture, of which nothing else is believed."""
    if re.fullmatch(r"[A-Za-z0-9+/=]*", text) is None:
        raise ValueError("a picture is not base64")
    return text


def _title(record: Record, run: int, own: bool) -> str:
    places = [place for place, there in enumerate(record.runs["run"].tolist()) if there == run]
    if not places:
        return f"Run {run}"
    place = places[0]
    name, at = proper_name(str(record.runs["optimizer"][place])), rate(float(record.runs["learning_rate"][place]))
    what = "The model's run" if own else f"Run {run}"
    return f"{what}: {name} at {at}, seed {record.runs['seed'][place]}"
