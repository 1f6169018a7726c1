"""Seconds until there is an answer: ``steepest race digits`` beside Optuna that drives Keras on JAX, and torch.

The question is which optimizer to train a network 64-128-10 on digits with, and at which learning rate; no diagnosis is
asked for, which no peer gives. Optuna asks by its TPE sampler, and by its median or its Hyperband pruner with the
settings of its documentation, for as many trials as its time allows: ten times that of the race and a little more.
Rates are drawn from the same six decades around each optimizer's usual rate, as one parameter, their distance from it:
what Optuna learns of one optimizer serves all. As many processes as there are cores share the study in memory, since a
race uses all cores, too.

Everybody's time is that of the whole process. Optuna's answer at any moment is the best completed trial. How good an
answer is says steepest's engine: its regret on forty fresh seeds, the median paired difference to the configuration
with the lowest mean that anybody named, over that one's median loss. Optuna has its answer when its regret is, and
stays, at or below that of the race's recommendation, or one per cent where that is less. What it has not found when its
time ends counts as never; how many times as fast the race is has then a lower bound and no more.
"""

import json
import math
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import trials
from harness import Claim, Figures, arguments, compete, figure, median, missing, table
from regret import Choice, losses_of, regret
from trials import Study

FRESH_SEEDS = tuple(range(3000, 3040))
# A study takes ten times as long as the race before it, which on two slow cores may be forty seconds.
MOST_SECONDS = 900
TOLERANCE, GOAL = 0.01, 10
OURS = "steepest race digits"
# The journal waits for the disk at every line, which would cost a trial a tenth of its time.
MEMORY = Path("/dev/shm")

# name: (claim, the study)
PEERS = {
    "Optuna, median, Keras on JAX": ("median-keras", Study("keras", "MedianPruner", {})),
    "Optuna, Hyperband, Keras on JAX": ("hyperband-keras", Study("keras", "HyperbandPruner", {"max_resource": 100})),
    "Optuna, median, torch": ("median-torch", Study("torch", "MedianPruner", {})),
    "Optuna, Hyperband, torch": ("hyperband-torch", Study("torch", "HyperbandPruner", {"max_resource": 100})),
}


def _steepest(given: Namespace) -> Figures:
    out = Path(given.work) / f"race-{time.monotonic_ns()}"
    small = ["--optimizers", "sgd", "--learning-rates", "1", "--seeds", "1", "--epochs", "1"] if given.short else []
    began = time.perf_counter()
    command = [sys.executable, "-m", "steepest", "race", "digits", "--no-diagnosis", "--out", str(out), *small]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if ended.returncode:
        told = ended.stderr.strip().splitlines()[-1:] or ["no message"]
        return {"missing": f"it ended with code {ended.returncode}: {told[0]}"}
    (Path(given.work) / trials.RACE).write_text(json.dumps(seconds))
    verdict = json.loads((out / "race.json").read_text())["verdict"]
    named = [(one["optimizer"], one["learning_rate"]) for one in verdict["leaderboard"]]
    return {"seconds": seconds, "answer": (verdict["optimizer"], verdict["learning_rate"]), "named": named}


def _peer(study: Study) -> Callable[[Namespace], Figures]:
    def measure(given: Namespace) -> Figures:
        workers = 1 if given.short else os.cpu_count() or 1
        with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as place:
            journal = str(Path(place) / "study.log")
            with multiprocessing.get_context("spawn").Pool(workers) as pool:
                pool.starmap(trials.work, [(study, journal, worker, given) for worker in range(workers)])
            seconds = time.monotonic() - given.started
            ran = trials.opened(study, journal).get_trials(deepcopy=False)
        completed = [(one.user_attrs, one.value) for one in ran if one.state.name == "COMPLETE"]
        return {"trials": len(ran), "seconds": seconds, "incumbents": list(incumbents(completed))}

    return measure


def incumbents(completed: Iterable[tuple[dict[str, Any], float]]) -> Iterator[tuple[float, Choice]]:
    """The best trial so far whenever it changes, as (seconds, choice).  completed: (attributes, value) of trials."""
    best = math.inf
    for told, value in sorted(completed, key=lambda one: one[0]["seconds"]):
        if value < best:
            best = value
            yield told["seconds"], tuple(told["choice"])


CONTESTANTS = {OURS: _steepest, **{name: _peer(study) for name, (_, study) in PEERS.items()}}


def judged(choices: Iterable[Choice], short: bool = False) -> dict[Choice, float]:
    """The regret of each choice beside the best of them, by steepest's engine on fresh seeds."""
    import steepest as st
    from steepest.training import Settings

    problem = st.network(st.read("digits"), hidden=trials.HIDDEN)
    settings = Settings(1 if short else trials.EPOCHS, trials.BATCH, trials.PATIENCE)
    losses = losses_of(problem, choices, FRESH_SEEDS[:2] if short else FRESH_SEEDS, settings)
    best = min(losses.values(), key=lambda own: float(np.mean(own)))
    return {choice: regret(own, best)[0] for choice, own in losses.items()}


def answered(course: Sequence[tuple[float, float]], enough: float) -> float:
    """The first of the seconds from which on no regret is above *enough*; infinite where the last one is.

    course: (seconds, regret) of each incumbent.
    """
    found = math.inf
    for seconds, own in reversed(course):
        if own > enough:
            break
        found = seconds
    return found


def claim(name: str, found: float, limit: float, ours: float) -> Claim:
    """How many times as fast ours is; where the peer has found nothing in its time, what that says.

    found: the peer's seconds, infinite for none.  limit: how many it had.  ours: our seconds.
    """
    if math.isfinite(found) or limit / ours >= GOAL:
        return Claim(name, min(found, limit) / ours, GOAL)
    bound = f"{figure(limit / ours)} is a lower bound and not conclusive"
    return Claim(name, f"nothing as good was found within {figure(limit)} s, so that {bound}", GOAL)


def main() -> None:
    """Measure, print the table, and say which claims hold."""
    given = arguments(rounds=1)
    rounds = compete(__file__, CONTESTANTS, given, trials.write, patience=MOST_SECONDS)
    print("seconds from the start to an answer: optimizer and learning rate of a network 64-128-10 on digits\n")
    if why := missing(rounds, OURS):
        print("\n".join(Claim(f"answer-vs-{called}", why, GOAL).line() for called, _ in PEERS.values()))
        return
    there = [name for name in PEERS if not missing(rounds, name)]
    named = [choice for one in rounds for choice in (one[OURS]["answer"], *one[OURS]["named"])]
    named += [choice for one in rounds for name in there for _, choice in one[name]["incumbents"]]
    regrets = judged([(name, rate) for name, rate in named], given.short)
    rows, claims = [_row(rounds[-1][OURS], regrets, OURS, "-")], []
    for name, (called, _) in PEERS.items():
        if why := missing(rounds, name):
            rows.append([f"{name}: not measured: {why}", *["-"] * 5])
            claims.append(Claim(f"answer-vs-{called}", why, GOAL))
            continue
        found = statistics.median(_found(one, name, regrets) for one in rounds)  # a miss is infinite
        rows.append(_row(rounds[-1][name], regrets, name, figure(found) if math.isfinite(found) else "never"))
        limit, ours = (median(rounds, one, "seconds") or 0.0 for one in (name, OURS))
        claims.append(claim(f"answer-vs-{called}", found, limit, ours))
    print(table(["", "trials", "time, s", "as good after, s", "last answer", "regret"], rows), end="\n\n")
    print("\n".join(one.line() for one in claims))


def _found(figures: dict[str, Figures], name: str, regrets: dict[Choice, float]) -> float:
    """A peer's seconds to an answer as good as ours."""
    course = [(at, regrets[tuple(choice)]) for at, choice in figures[name]["incumbents"]]
    return answered(course, max(TOLERANCE, regrets[tuple(figures[OURS]["answer"])]))


def _row(figures: Figures, regrets: dict[Choice, float], name: str, found: str) -> list[str]:
    from steepest.races import rate

    answers = [figures["answer"]] if "answer" in figures else [choice for _, choice in figures["incumbents"]]
    last = tuple(answers[-1]) if answers else None
    told = (f"{last[0]} {rate(last[1])}", figure(regrets[last])) if last else ("none", "-")
    return [name, str(figures.get("trials", "-")), figure(figures["seconds"]), found, *told]


if __name__ == "__main__":
    main()
