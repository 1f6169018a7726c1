"""How near a race comes to the best there is: what it recommends beside an exhaustive oracle's pick, on nine tables.

The race is ``st.race`` by default. The oracle runs every optimizer at each of its rates, those by which the race
extended its grids among them, to the end on ten seeds that the race never saw, and picks the lowest mean loss. The best
of so many owes some of its lead to luck, so both picks run on further seeds, and only those count: the regret is the
median of the paired differences over the median loss of the oracle's pick. Below zero the race picked better. On the
few rows that small tables leave for validation losses scatter: forty seeds tell a regret on digits to within 0.05, on
iris to within 0.1. So there are a hundred of them, and the more on small tables, in proportion to their rows.

The oracle's runs are also a sample of this project's own full grid, every rate on every seed of the race, tuning and
confirming ones: ten of thirteen seeds, so that the grid takes 1.3 times their seconds. Its programs are compiled by
then; the race's seconds hold their compilation.
"""

import statistics
import time
from argparse import Namespace
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

import race_digits
import tables
from harness import Claim, Figures, arguments, compete, figure, median, missing, ratio, table

HIDDEN = (64,)
ORACLE_SEEDS = tuple(range(1000, 1010))
FIRST_FRESH, FRESH, FRESH_ROWS = 2000, 100, 150_000
SHORT = {"optimizers": ["sgd", "adam"], "learning_rates": 3, "seeds": 2, "confirm_seeds": 6, "epochs": 3}
COMMAND = race_digits.COMMAND

Choice = tuple[str, float]  # an optimizer and its learning rate


def losses_of(problem: Any, choices: Iterable[Choice], seeds: Iterable[int], settings: Any) -> dict[Choice, np.ndarray]:
    """The steady validation losses of each choice, (seeds,), every run to its end; infinite where one diverged."""
    import polars as pl

    from steepest.races import Plan
    from steepest.races._choose import losses_by_rate
    from steepest.races._execute import Crew
    from steepest.races._plan import plan_race
    from steepest.races._race import runs_table

    rates: dict[str, list[float]] = {}
    for name, rate in sorted(set(choices)):
        rates.setdefault(name, []).append(rate)
    named = plan_race(list(rates), seeds=list(seeds)).optimizers
    plan = Plan(named, rates, list(seeds), settings, early=False)
    crew, entries = Crew(problem, plan, known={}), plan.entries()
    crew.train(entries, settings.epochs)
    if crew.stopped:
        raise KeyboardInterrupt
    runs = runs_table(crew.of(entries))
    by_rate = {name: losses_by_rate(runs.filter(pl.col("optimizer") == name)) for name in rates}
    return {(name, rate): losses for name, several in by_rate.items() for rate, losses in several.items()}


def regret(ours: np.ndarray, best: np.ndarray) -> tuple[float, float, float]:
    """The median difference with its 95 % interval, each over the median of the best.  ours, best: (seeds,), paired."""
    from steepest.races._statistics import differences, median_interval

    unit = float(np.median(best))
    middle, low, high = median_interval(differences(ours, best))
    return middle / unit, low / unit, high / unit


def fresh_seeds(rows: int) -> range:
    """The seeds on which picks are compared: 100, or as many as have 150,000 rows together.  rows: of the table."""
    return range(FIRST_FRESH, FIRST_FRESH + max(FRESH, FRESH_ROWS // rows))


def _measure(name: str) -> Callable[[Namespace], Figures]:
    def measure(given: Namespace) -> Figures:
        import steepest as st

        problem = st.network(tables.read(name), hidden=HIDDEN)
        ended, began = [], time.perf_counter()
        race = st.race(problem, **(SHORT if given.short else {}), on_end=lambda _: ended.append(time.perf_counter()))
        if race.verdict is None:
            return {"missing": race.outcome}
        ours = race.verdict.optimizer, race.verdict.learning_rate
        every = race.runs.select("optimizer", "learning_rate").unique().rows()
        seeds = ORACLE_SEEDS[:2] if given.short else ORACLE_SEEDS
        grid_began = time.perf_counter()
        means = {one: own.mean() for one, own in losses_of(problem, every, seeds, race.plan.settings).items()}
        grid_seconds = time.perf_counter() - grid_began
        best = min(means, key=means.__getitem__)
        fresh = fresh_seeds(problem.table.rows)[: 6 if given.short else None]
        losses = losses_of(problem, (ours, best), fresh, race.plan.settings)
        middle, low, high = regret(losses[ours], losses[best])
        whole = len(race.plan.seeds) + len(race.plan.confirm_seeds)
        return {
            "ours": ours, "best": best, "regret": middle, "low": low, "high": high, "fresh": len(fresh),
            "race_seconds": ended[-1] - began,  # what follows, baselines and checks, no grid does
            "grid_seconds": grid_seconds * whole / len(seeds),
        }  # fmt: skip

    return measure


CONTESTANTS = {**{name: _measure(name) for name in tables.TABLES}, COMMAND: race_digits.CONTESTANTS[COMMAND]}
# Of all: two tables of either task, and the command.
BRIEFLY = ("iris", "piston", COMMAND)


def _table(rounds: list[dict[str, Figures]]) -> str:
    rows = []
    for name in rounds[0]:
        if name == COMMAND:
            continue
        if why := missing(rounds, name):
            rows.append([f"{name}: not measured: {why}", *["-"] * 7])
            continue
        one = rounds[0][name]
        interval = f"{figure(one['low'])} to {figure(one['high'])}"
        seconds = [figure(median(rounds, name, key)) for key in ("race_seconds", "grid_seconds")]
        picks = _told(one["ours"]), _told(one["best"])
        rows.append([name, *picks, figure(one["regret"]), interval, str(one["fresh"]), *seconds])
    head = ["", "race's pick", "oracle's pick", "regret", "95 % interval", "fresh seeds", "race, s", "full grid, s"]
    return table(head, rows)


def _told(choice: Choice) -> str:
    from steepest.races import rate

    return f"{choice[0]} {rate(choice[1])}"


def claims(rounds: list[dict[str, Figures]]) -> list[Claim]:
    """What is claimed of the regrets, over all tables or not at all; of the full grid; and of the default race."""
    why = next((why for name in tables.TABLES if (why := missing(rounds, name))), None)
    regrets = [rounds[0][name]["regret"] for name in tables.TABLES] if not why else []
    grid = ratio(rounds, "digits", "digits", "race_seconds", our_key="grid_seconds")
    seconds = missing(rounds, COMMAND) or median(rounds, COMMAND, "process_seconds") or "no time was taken"
    return [
        Claim("regret-median", why or statistics.median(regrets), 0.01, at_most=True),
        Claim("regret-worst", why or max(regrets), 0.05, at_most=True),
        Claim("race-vs-full-grid", grid, 3),
        Claim("race-confirmed-seconds", seconds, 90, at_most=True),
    ]


def main() -> None:
    """Measure, print the table, and say which claims hold."""
    given = arguments(rounds=1)
    if given.short and not given.contestants:
        given.contestants = ";".join(BRIEFLY)
    rounds = compete(__file__, CONTESTANTS, given)
    print(f"regret of the default race, {HIDDEN[0]} hidden units, as a share of the loss\n")
    print(_table(rounds), end="\n\n")
    if not missing(rounds, COMMAND):
        print(f"{COMMAND}, the whole process: {figure(median(rounds, COMMAND, 'process_seconds'))} s\n")
    print("\n".join(claim.line() for claim in claims(rounds)))


if __name__ == "__main__":
    main()
