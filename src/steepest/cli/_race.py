"""``steepest race``."""

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from ..data import Dataset
from ..errors import InputError
from ..files import check_new_directory
from ..problems import NetworkProblem
from ..races import (
    Ended,
    Estimate,
    Journal,
    Plan,
    Race,
    Standing,
    about,
    check_seeds,
    count_drawn,
    estimate,
    grown,
    parsed_knobs,
    plan_race,
    rate,
    save_race,
    with_knobs,
)
from ..races import race as run
from ..reports import report
from ..rules import proper_name
from ..training import Settings
from . import _options as options
from ._interrupts import interrupts
from ._progress import Line, progress
from ._table import counted, free_name, metrics_line, say_data, source_of, table_and_network


class Asked(NamedTuple):
    """A race that was asked for, and nothing is found against it.  source: where the table was read."""

    table: Dataset
    problem: NetworkProblem
    plan: Plan
    source: str


def run_race(
    *, data: str, add_seeds: int, resume: bool, out: Path | None, dry_run: bool, diagnosis: bool, quiet: bool,
    command: str, **asked: Any,
) -> None:  # fmt: skip
    """Read, say what will run, race, keep, say who won, and why runs went as they did."""
    console = Console(highlight=False, soft_wrap=True)
    check_going_on(out, resume, add_seeds)
    one = prepare(data, asked)
    place = out or free_name(f"race-{one.table.name}")
    if add_seeds:
        one = one._replace(plan=grown(one.plan, add_seeds, place))
    if dry_run:
        check_new_directory(place)
        foretell(console, one)
    else:
        race = run_one(console, one, place, resume=resume or bool(add_seeds), quiet=quiet, command=command)
        if not race.complete:
            sys.exit(130)
        if why := answerless(race):
            raise InputError(f"{why} What ran is kept in {place}.")
        if diagnosis:
            look_into(console, one, place, quiet=quiet)


def check_going_on(out: Path | None, resume: bool, add_seeds: int) -> None:
    """Raise InputError where it is not clear which race is to go on, or by how many seeds."""
    if add_seeds < 0:
        raise InputError(f"--add-seeds takes how many, 1 or more; received {add_seeds}. Try 10.")
    if out is None and (resume or add_seeds):
        raise InputError("Say which race is to go on: --out DIR, with what it was asked for at first.")


def prepare(data: str, asked: dict[str, Any]) -> Asked:
    """Read a table and plan its race; whatever is wrong with what was given is refused here."""
    table, problem = table_and_network(data, asked)
    plan = plan_race(
        options.listed(asked["optimizers"]),
        learning_rates=options.rates(asked["learning_rates"]),
        seeds=options.whole_numbers(asked["seeds"], "--seeds"),
        confirm_seeds=options.whole_numbers(asked["confirm_seeds"], "--confirm-seeds"),
        settings=Settings(asked["epochs"], asked["batch_size"], asked["patience"]),
        early=not asked["full"],
        search=options.listed(asked["search"]) or (),
    )
    check_seeds(problem, plan)
    (instance,) = problem.instances(plan.seeds[:1])
    plan.settings.batch_size_for(instance.rows)  # refuses one that is too large before anything is said
    return Asked(table, problem, plan, source_of(data))


def foretell(console: Console, one: Asked) -> None:
    """Say what would run, and how long it takes."""
    say_data(console, one.table)
    _say_plan(console, one.plan, estimate(one.problem, one.plan))


def answerless(race: Race) -> str:
    """Why a race that came to its end answers nothing; empty where it does."""
    if race.verdict is None:
        return race.outcome
    return next((finding.sentence for finding in race.sanity if finding.kind == "constant"), "")


def run_one(console: Console, one: Asked, place: Path, *, resume: bool, quiet: bool, command: str) -> Race:
    """Race, keep, and say who won, or leave it to the caller to say why nobody can be told to have."""
    with Journal(place, about(one.problem, one.plan), resume=resume) as journal:
        if not quiet:
            say_data(console, one.table)
            if journal.known:
                console.print(f"{counted(len(journal.known), 'run')} of this race ended before and are not run again.")
            _say_plan(console, one.plan, estimate(one.problem, one.plan))
        with interrupts(once=True):
            with progress(console, len(one.plan), "runs", quiet=quiet) as line:
                ended = run(one.problem, one.plan, on_end=_Teller(line, journal), known=journal.known)
            with journal.results() as directory:
                save_race(ended, directory, command, one.source)
            if ended.complete:
                journal.finish()
            report(place)
    if not (ended.complete and answerless(ended)):
        _say_verdict(console, one.problem, ended)
    console.print(f"Report: {place / 'report.html'}")
    if not ended.complete:
        console.print("Go on with it by the same command and --resume.")
    return ended


def look_into(console: Console, one: Asked, place: Path, *, quiet: bool) -> None:
    """Diagnose the winner and the failures of a race that was kept; whoever interrupts that loses nothing."""
    from ._race_diagnosis import diagnose_race

    try:
        diagnose_race(console, one.problem, one.plan, place, quiet=quiet)
    except KeyboardInterrupt:
        console.print(f"Interrupted; the race is kept. Diagnose its runs by `steepest diagnose {place}`.")
        sys.exit(130)


class _Teller:
    """Keeps each run as it ends, and tells the line of progress about it."""

    def __init__(self, line: Line, journal: Journal):
        self._line, self._journal, self._diverged = line, journal, 0
        self._done = len(journal.known)
        self._best, self._by = math.inf, ""

    def __call__(self, ended: Ended) -> None:
        row = ended.row
        self._journal.write(ended)
        self._done += 1
        self._diverged += row["status"] == "diverged"
        if row["status"] != "diverged" and row["best_validation_loss"] < self._best:
            self._best = row["best_validation_loss"]
            knobs = with_knobs(parsed_knobs(row["hyperparameters"]))
            self._by = f"{proper_name(row['optimizer'])}{knobs} at {rate(row['learning_rate'])}"
        best = f"lowest loss {self._best:.3g}, {self._by}" if self._by else "no loss yet"
        self._line.show(self._done, f"{best}; {self._diverged} diverged")


def _say_plan(console: Console, plan: Plan, estimated: Estimate) -> None:
    counts = {len(rates) for rates in plan.rates.values()}
    several = {"optimizer": len(plan.optimizers), "learning rate": max(counts), "seed": len(plan.seeds)}
    told = " x ".join(counted(number, noun) for noun, number in several.items())
    if plan.search:
        draws = f"{count_drawn(plan.search)} draws of {' and '.join(plan.search)}"
        told += f", {draws} for each x {counted(len(plan.seeds), 'seed')}"
    if plan.confirm_seeds:
        told += f", then the chosen and the usual rate of each x {counted(len(plan.confirm_seeds), 'fresh seed')}"
    longest = f"up to {counted(plan.settings.epochs, 'epoch')} each"
    console.print(f"{counted(estimated.runs, 'run')}: {told}, {longest}; at most {_duration(estimated.seconds)}.")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _say_verdict(console: Console, problem: NetworkProblem, race: Race) -> None:
    if race.verdict is not None:
        measure = race.problem.measure
        unit = f" in {measure.unit}" if measure.unit else ""
        ends = ", with 95 % intervals" if race.verdict.confirmed else ""
        console.print(
            f"{measure.part.capitalize()} {measure.name}{unit}, at each one's recommended learning rate{ends}:"
        )
        console.print(_leaderboard(race))
        if any(standing.at_edge for standing in race.verdict.leaderboard):
            console.print("* the end of its grid: a rate further out was not tried and may be better")
    console.print(race.outcome)
    if race.recommendation:
        console.print(race.recommendation.sentence)
    _say_sanity(console, race)
    if race.winner and race.winner.test:
        console.print(f"The model it leaves, on the test part: {metrics_line(race.winner.test)}.")


def _say_sanity(console: Console, race: Race) -> None:
    """What makes the verdict doubtful, and the best that was reached without a network."""
    for finding in race.sanity:
        if finding.warns:
            console.print(finding.sentence)
    beside = [finding for finding in race.sanity if finding.check == "baseline"]
    if beside:
        best = min(beside, key=lambda finding: finding.numbers["other_median"])
        console.print(f"Best baseline: {best.between[1]}, {_baseline(race, best.numbers)}.")


def _baseline(race: Race, numbers: Mapping[str, float]) -> str:
    """A baseline's median, and how the network stands to it, seed by seed."""
    low, high, seeds = numbers["low"], numbers["high"], counted(int(numbers["seeds"]), "seed")
    ends = f" (95 % interval {low:.2g} to {high:.2g})" if math.isfinite(low) and math.isfinite(high) else ""
    differs = f"the network differs from it by {numbers['difference']:.2g}{ends}"
    own = race.problem.measure.of(numbers["median"])
    return f"median {numbers['other_median']:.3g}; {differs}, median {own} on the same {seeds}"


def _leaderboard(race: Race) -> Table:
    assert race.verdict is not None
    confirmed = race.verdict.confirmed
    table = Table(box=None, pad_edge=False, header_style="bold")
    # What is too long for its column goes on below: one with hyperparameters must not push a number out.
    table.add_column("optimizer", overflow="fold", max_width=15)
    for name in _CONFIRMED if confirmed else _UNCONFIRMED:
        table.add_column(name, justify="right", overflow="fold")
    for standing in race.verdict.leaderboard:
        told = _beside(standing, race.verdict.leaderboard[0].median) if confirmed else _alone(standing)
        at = rate(standing.learning_rate) + ("*" if standing.at_edge else " ")
        table.add_row(standing.name, at, *told)
    return table


_CONFIRMED = ("rate", "median", "% above best", "p", "")
_UNCONFIRMED = ("learning rate", "median", "lowest", "highest", "at usual rate", "diverged")


def _alone(standing: Standing) -> tuple[str, ...]:
    losses = (standing.median, standing.low, standing.high, standing.usual_median)
    return *map(_loss, losses), f"{standing.diverged} of {standing.runs}"


def _beside(standing: Standing, best: float) -> tuple[str, ...]:
    """The median; by how much of the best's it is above it, seed by seed; Holm's p; what follows.

    best: the median of the best.
    """
    median, beside = _with_ends(_loss(standing.median), *standing.interval), standing.comparison
    if beside is None:
        return median, "", "", "best"
    share = 100 / abs(best) if best else math.nan
    above = _with_ends(_brief(share * beside.median), share * beside.low, share * beside.high)
    return median, above, f"{beside.adjusted:.2g}", beside.relation


def _with_ends(value: str, low: float, high: float) -> str:
    """A number with its interval, which fewer than six seeds do not allow."""
    return value if math.isnan(low) or math.isnan(high) else f"{value} [{_brief(low)}, {_brief(high)}]"


def _brief(value: float) -> str:
    """Two digits, and no exponent where a number is large.

    >>> _brief(0.0234), _brief(123.4), _brief(math.inf)
    ('0.023', '123', 'inf')
    """
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2g}"


def _loss(value: float) -> str:
    if math.isnan(value):
        return "not run"
    return f"{value:.3g}" if math.isfinite(value) else "diverged"
