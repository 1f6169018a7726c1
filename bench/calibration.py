"""How far a verdict can be trusted: optimizers raced against themselves, and against what is known to be worse.

Equals: one optimizer under two names. On the same seeds its runs are the same runs, and it must be found equal. Else
the second name has starts and minibatches of its own on the same splits, so that what sets them apart is luck: once at
one rate, and once with each name's rate tuned apart, by its own luck.
Coverage: how often the 95 % interval of the median difference holds the true one, beside the bootstrap's (BCa).
Power: how often a difference that is there is found, beside what theory says of Student's t test.
"""

import multiprocessing
import os
from argparse import Namespace
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from harness import Claim, arguments, figure, table
from known_races import FRESH, PROBLEMS, SHAPES, coverage, nine, real, shifted, total, two_equals

DIFFERENCES = ("normal", "lognormal", "heavy tails (t, 3 degrees)")  # those of the shapes with a median of 0

HOW = ("one rate", "tuned apart", "same seeds")  # real races between equals


class Job(NamedTuple):
    """A kind of race to run so often.  kind: one of KINDS.  of: its shape or problem."""

    kind: str
    of: str
    races: int


def jobs(*, short: bool) -> list[Job]:
    """What to run, the longest first."""
    if short:
        few = ("real", "noisy bowl", 2), ("two_equals", "normal", 3), ("nine", "9", 1), ("shifted", "1.5", 2)
        return [*(Job(*one) for one in few), Job("coverage", "normal", 40)]
    return [
        *(Job("real", name, 90) for name in ("digits", *(name for name in PROBLEMS if name != "digits"))),
        *(Job("nine", equal, 150) for equal in "925"),
        *(Job("two_equals", shape, 600) for shape in SHAPES),
        *(Job("shifted", size, 500) for size in ("1.0", "1.5")),
        *(Job("coverage", shape, 3000) for shape in DIFFERENCES),
    ]


KINDS = {"real": real, "nine": nine, "two_equals": two_equals, "shifted": shifted, "coverage": coverage}


def done(job: Job) -> dict[Any, Any]:
    """The job's figures; its draws are its own, whoever runs it and when."""
    rng = np.random.default_rng([ord(letter) for letter in job.kind + job.of])
    return KINDS[job.kind](job.of, job.races, rng)


def measure(given: Namespace) -> dict[str, dict[Any, Any]]:
    """The figures of each kind of job, those of all its jobs together."""
    asked = jobs(short=given.short)
    if given.short:
        results = [done(job) for job in asked]
    else:
        os.environ["POLARS_MAX_THREADS"] = "1"  # tables of a few rows: threads would only wait for each other
        with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as workers:
            results = workers.map(done, asked, chunksize=1)
    found: dict[str, dict[Any, Any]] = {}
    for job, result in zip(asked, results, strict=True):
        found.setdefault(job.kind, {}).update({job.of: result} if job.kind == "real" else result)
    return found


def equals_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """A row a kind of race between equals."""
    kinds = {**found["two_equals"], **found["nine"]}
    for how in HOW:
        kinds |= {f"{name}, {how}": figures[how] for name, figures in found["real"].items()}
    rows = [
        [name, str(one.races), *(figure(many / one.races) for many in (one.winner, one.left_out, one.worse)),
         figure(one.covered / one.asked if one.asked else None)]
        for name, one in kinds.items()
    ]  # fmt: skip
    return table(["equals", "races", "one winner", "a best left out", "any called worse", "covered"], rows)


def tables(found: Mapping[str, Mapping[Any, Any]]) -> str:
    """All tables."""
    widths = [[f"{shape}, {seeds} seeds", *map(figure, both)] for (shape, seeds), both in found["coverage"].items()]
    power = [[f"{size} standard deviations", *map(figure, both)] for size, both in found["shifted"].items()]
    power += [[f"{name}, rate / 5", figure(one["found"]), "-"] for name, one in found["real"].items()]
    return "\n\n".join(
        [
            equals_table(found),
            table(["share of intervals that hold the true median", "race's", "BCa"], widths),
            table([f"share of races that find the better, {FRESH} seeds", "found", "theory"], power),
        ]
    )


def false_winners(found: Mapping[str, Mapping[str, Any]]) -> list[Claim]:
    """How often luck is called a winner: of all races of two at one rate, then of the real ones, which are fewer."""
    one, apart, same = (total([figures[how] for figures in found["real"].values()]) for how in HOW)
    everywhere, nine_of = total([*found["two_equals"].values(), one]), total(list(found["nine"].values()))
    return [
        Claim("false-winners", everywhere.winner / everywhere.races, 0.05, at_most=True),
        Claim("false-winners-real", one.winner / one.races, allowed(one.races), at_most=True),
        Claim("false-winners-tuned-apart", apart.winner / apart.races, allowed(apart.races), at_most=True),
        Claim("false-winners-same-seeds", same.winner / same.races, 0.0, at_most=True),
        Claim("false-winners-of-nine", nine_of.winner / nine_of.races, 0.05, at_most=True),
        Claim("best-left-out-of-nine", nine_of.left_out / nine_of.races, 0.05, at_most=True),
    ]


def allowed(races: int) -> float:
    """The highest rate that so many races of a true one in twenty show in 95 of 100 measurements."""
    return float(f"{0.05 + 1.645 * (0.05 * 0.95 / races) ** 0.5:.3f}")


def claims(found: Mapping[str, Mapping[Any, Any]]) -> list[Claim]:
    """What is claimed of a verdict."""
    simulated = [share for share, _ in found["coverage"].values()]
    one = total([figures[HOW[0]] for figures in found["real"].values()])
    return [
        *false_winners(found),
        Claim("coverage-lowest", min(simulated), 0.93),
        Claim("coverage-highest", max(simulated), 0.97, at_most=True),
        Claim("coverage-real-at-least", one.covered / one.asked, 0.93),
        Claim("coverage-real-at-most", one.covered / one.asked, 0.97, at_most=True),
        *(
            Claim(f"power-at-{size}-deviations", seen, float(f"{theory - 0.05:.2f}"))
            for size, (seen, theory) in found["shifted"].items()
        ),
        Claim("power-real", float(np.mean([figures["found"] for figures in found["real"].values()])), 0.8),
    ]


def main() -> None:
    """Measure, print the tables, and say which claims hold."""
    found = measure(arguments(rounds=1))
    print(tables(found), end="\n\n")
    print("\n".join(claim.line() for claim in claims(found)))


if __name__ == "__main__":
    main()
