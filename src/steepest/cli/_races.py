"""``steepest race`` on several tables: a race of each, then who is nearly the quickest over all of them."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from ..errors import InputError
from ..files import check_new_directory
from ..races import grown
from ..reports import draw_profile, standing_table, together
from ._race import Asked, answerless, check_going_on, foretell, look_into, prepare, run_one, run_race
from ._table import counted, free_name
from ._told import told_table

# Names in the directory that no race's own directory may have.
_TAKEN = ("", ".", "..", "profile.json", "report.html")


def run_races(
    *, data: list[str], add_seeds: int, resume: bool, out: Path | None, dry_run: bool, diagnosis: bool, quiet: bool,
    command: str, **asked: Any,
) -> None:  # fmt: skip
    """Race one table as ``run_race`` does, or several one after another, none before all have been looked at."""
    if len(data) == 1:
        return run_race(
            data=data[0], add_seeds=add_seeds, resume=resume, out=out, dry_run=dry_run, diagnosis=diagnosis,
            quiet=quiet, command=command, **asked,
        )  # fmt: skip
    check_going_on(out, resume, add_seeds)
    if twice := [one for place, one in enumerate(data) if one in data[:place]]:
        raise InputError(f"Each table is raced once; received '{twice[0]}' more than once. Drop the repeats.")
    several = [prepare(one, asked) for one in data]
    place = out or free_name("races")
    races = dict(zip(_directories(place, several), several, strict=True))
    _check_place(place, races, going_on=resume or bool(add_seeds))
    if add_seeds:
        races = {own: one._replace(plan=grown(one.plan, add_seeds, own)) for own, one in races.items()}
    console = Console(highlight=False, soft_wrap=True)
    if dry_run:
        for one in several:
            foretell(console, one)
        return None
    unanswered = _run(console, races, place, diagnosis=diagnosis, quiet=quiet, command=command)
    _say_profile(console, place, [own.name for own in races])
    if unanswered:
        raise InputError(f"{unanswered} What ran is kept in {place}.")
    return None


def _directories(place: Path, several: Sequence[Asked]) -> list[Path]:
    """A directory for each race, named as its table; the second table of a name is *name*-2."""
    found: list[str] = []
    for one in several:
        stem = f"table-{one.table.name}" if one.table.name in _TAKEN else one.table.name
        number, name = 1, stem
        while name in found:
            number += 1
            name = f"{stem}-{number}"
        found.append(name)
    return [place / name for name in found]


def _check_place(place: Path, races: dict[Path, Asked], *, going_on: bool) -> None:
    """Raise InputError where races are there that nobody asked to go on with, or none where somebody did."""
    there = [own for own in races if own.exists()]
    if going_on and not there:
        raise InputError(f"There are no races of these tables in '{place}' to go on with. Leave out --resume to begin.")
    if there and not going_on:
        raise InputError(f"'{place}' holds races of these tables: add --resume to go on, or give another --out.")
    if not going_on:
        check_new_directory(place)


def _run(console: Console, races: dict[Path, Asked], place: Path, *, diagnosis: bool, quiet: bool, command: str) -> str:
    """Race one table after another; whoever interrupts one keeps what has ended, and ends them all.

    Returns which tables have no answer, and why; empty where all have.
    """
    found = []
    try:
        for number, (own, one) in enumerate(races.items(), start=1):
            console.print(f"Table {number} of {len(races)}: {own.name}", markup=False)
            race = run_one(console, one, own, resume=own.exists(), quiet=quiet, command=command)
            if not race.complete:
                sys.exit(130)
            if why := answerless(race):
                found.append(f"{own.name}: {why}")
            elif diagnosis:
                look_into(console, one, own, quiet=quiet)
            console.print()
    except KeyboardInterrupt:
        console.print(f"Interrupted; races that ended are kept in {place}. Go on by the same command and --resume.")
        sys.exit(130)
    return " ".join(found)


def _say_profile(console: Console, place: Path, names: Sequence[str]) -> None:
    """Say who is nearly the quickest, and leave the page and the numbers."""
    told = together(place, names)
    if told.standings:
        console.print(f"Over {counted(len(told.judged), 'table')}:")
        console.print(told_table(standing_table(told)))
    console.print(told.sentence)
    console.print(f"Report: {draw_profile(place, told)}", markup=False)
