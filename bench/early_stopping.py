"""What dropping hopeless runs on the way saves, and whether it changes who wins, on the five built-in tables.

Each race runs twice on the same seeds, as by default and with every run to its end. The runs that both make are equal
to the bit, so that a verdict can only change where the rate that the whole race would choose was dropped. What
either compiles is compiled beforehand; what both do besides, such as the baselines, is in their seconds.
"""

import time
from argparse import Namespace
from collections.abc import Callable
from typing import Any

import tables
from harness import Claim, Figures, arguments, compete, figure, missing, table
from regret import HIDDEN, SHORT


def _measure(name: str) -> Callable[[Namespace], Figures]:
    def measure(given: Namespace) -> Figures:
        import steepest as st

        problem = st.network(tables.read(name), hidden=HIDDEN)
        told: Figures = {}
        asked = SHORT if given.short else {}
        for way, early in (("early", True), ("whole", False)):
            st.race(problem, **{**asked, "learning_rates": 1, "seeds": 1, "confirm_seeds": 0}, early=early)  # compiles
            began = time.perf_counter()
            race = st.race(problem, **asked, early=early)
            if race.verdict is None:
                return {"missing": race.outcome}
            seconds, steps = time.perf_counter() - began, int(race.runs["steps"].sum())
            told[way] = {"seconds": seconds, "steps": steps, **picked(race.verdict)}
        return told

    return measure


def picked(verdict: Any) -> dict[str, Any]:
    """Whom a verdict recommends at which rate and mean loss, and the set of winners."""
    best = verdict.recommended
    return {
        "pick": [best.optimizer, best.learning_rate], "leader": verdict.leaderboard[0].optimizer, "mean": best.mean,
        "winners": sorted(verdict.winners),
    }  # fmt: skip


def same(figures: Figures) -> bool:
    """Whether both recommend the same, and call the same the winners."""
    early, whole = figures["early"], figures["whole"]
    return early["pick"] == whole["pick"] and early["winners"] == whole["winners"]


CONTESTANTS = {name: _measure(name) for name in tables.BUILT_IN}


def main() -> None:
    """Measure, print the table, and say which claims hold."""
    from steepest.races import MARGIN  # by which a race calls optimizers equal

    given = arguments(rounds=1)
    if given.short and not given.contestants:
        given.contestants = "iris"
    rounds = compete(__file__, CONTESTANTS, given)
    names = list(rounds[0])
    there = [name for name in names if not missing(rounds, name)]
    print(f"default race, {HIDDEN[0]} hidden units, with runs dropped on the way and with none\n")
    print(table(["", "dropping picks", "whole picks", "mean over", "winners", "steps over", "s", "whole, s"],
                [_row(name, rounds[0][name]) for name in there]), end="\n\n")  # fmt: skip
    why = next((f"{name}: {missing(rounds, name)}" for name in names if missing(rounds, name)), None)
    share = sum(same(rounds[0][name]) for name in there) / max(1, len(there))
    worst = max((_over(rounds[0][name], "mean") for name in there), default=0.0)
    print(Claim("early-same-verdict", why or share, 1.0).line())
    print(Claim("early-worst-loss", why or worst, 1 + MARGIN, at_most=True).line())


def _over(figures: Figures, key: str) -> float:
    """With runs dropped over without."""
    return figures["early"][key] / figures["whole"][key]


def _row(name: str, figures: Figures) -> list[str]:
    from steepest.races import rate

    early, whole = figures["early"], figures["whole"]
    picks = [f"{one['pick'][0]} {rate(one['pick'][1])}" for one in (early, whole)]
    winners = (
        "same" if early["winners"] == whole["winners"] else f"{len(early['winners'])}, not {len(whole['winners'])}"
    )
    shares = figure(_over(figures, "mean")), figure(_over(figures, "steps"))
    return [name, *picks, shares[0], winners, shares[1], figure(early["seconds"]), figure(whole["seconds"])]


if __name__ == "__main__":
    main()
