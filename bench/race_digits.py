"""The race: nine rules x 13 rates x 3 seeds on digits, 64-64-64-10, minibatches of 32; run-steps a second.

steepest runs all of it through its public API, early stopping off so that every run takes its steps; what is compared
holds the compilation of every rule and the validation loss after every epoch. Peers run one run after another, of which
a sample is enough: each optimizer that a peer has, once it is compiled, without validation. All of that favours the
peers. The last column is a process from its start: imports, and every program compiled once, besides the steps. The
last row is the command as a user gives it, early stopping on, everything included.
"""

import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import digits
import trainers
from harness import Claim, Figures, arguments, compete, figure, median, missing, ratio, steady, table

BATCH = 32
OURS = "steepest"
COMMAND = "steepest race digits"


def _race(seeds: tuple[int, ...], given: Namespace) -> tuple[int, float]:
    """Run-steps and seconds of a race."""
    import steepest as st

    began = time.perf_counter()
    problem = st.network(st.read("digits"), hidden=(64, 64))
    grid = {"learning_rates": 1, "epochs": 1} if given.short else {"learning_rates": 13, "epochs": 100}
    every = {"confirm_seeds": 0, "early": False}  # each run to its end, as the peers run theirs
    race = st.race(problem, ["sgd"] if given.short else None, seeds=seeds, patience=None, **every, **grid)
    return race.runs["steps"].sum(), time.perf_counter() - began


def _steepest(given: Namespace) -> Figures:
    steps, seconds = _race((0, 1, 2), given)
    process = time.monotonic() - given.started
    warm_steps, warm_seconds = _race((3,), given)
    return {
        "steps_per_second": steps / seconds,
        "warm_steps_per_second": warm_steps / warm_seconds,
        "steps": steps,
        "race_seconds": seconds,
        "process_seconds": process,
    }


def _command(given: Namespace) -> Figures:
    import polars as pl

    out = Path(given.work) / f"race-{time.monotonic_ns()}"
    small = ["--optimizers", "sgd", "--learning-rates", "1", "--seeds", "1", "--epochs", "1"] if given.short else []
    began = time.perf_counter()
    command = [sys.executable, "-m", "steepest", "race", "digits", "--out", str(out), *small]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if ended.returncode:
        told = ended.stderr.strip().splitlines()[-1:] or ["no message"]
        return {"missing": f"it ended with code {ended.returncode}: {told[0]}"}
    steps = pl.read_parquet(out / "runs.parquet")["steps"].sum()
    return {"steps_per_second": steps / seconds, "race_seconds": seconds, "process_seconds": seconds}


def _peer(library: str, make: trainers.Make, **settings: object) -> Callable[[Namespace], Figures]:
    """Steps a second over every optimizer the library has, the same number of steps each.

    start_seconds: what a process takes besides: to start and import once, to compile each optimizer's program once.
    """

    def measure(given: Namespace) -> Figures:
        train, _ = digits.read(Path(given.work))
        names = trainers.optimizers_of(library)
        seconds_a_step, start_seconds = [], 0.0
        for name in names[:1] if given.short else names:
            job = trainers.Job(*train, (64, 64), BATCH, epochs=1 if given.short else 20, optimizer=name)
            figures = steady(make(job, **settings), given, at_least=0.3)
            if not seconds_a_step:
                whole_first = figures["process_seconds"] - figures["first_steps"] / figures["steps_per_second"]
                start_seconds = max(0.0, whole_first - figures["compile_seconds"])
            start_seconds += figures["compile_seconds"]
            seconds_a_step.append(1 / figures["steps_per_second"])
        rate = len(seconds_a_step) / sum(seconds_a_step)
        return {"steps_per_second": rate, "start_seconds": start_seconds, "optimizers": len(seconds_a_step)}

    return measure


CONTESTANTS = {
    OURS: _steepest,
    "keras": _peer("keras", trainers.keras),
    "keras, tuned": _peer("keras", trainers.keras, steps_per_execution=32),
    "torch eager": _peer("torch", trainers.torch),
    "scikit-learn": _peer("sklearn", trainers.sklearn),
    "optax": _peer("optax", trainers.optax),
    COMMAND: _command,
}
# claim: (peer, goal), our run-steps a second over the peer's
CLAIMS = {
    "keras": ("keras", 10),
    "keras-tuned": ("keras, tuned", 3.5),
    "torch-eager": ("torch eager", 40),
    "sklearn": ("scikit-learn", 12),
}


def _table(rounds: list[dict[str, Figures]]) -> str:
    """Rates, and how long the race's steps take at them."""
    steps = median(rounds, OURS, "steps") if OURS in rounds[0] else None
    rows = []
    for name in rounds[0]:
        if why := missing(rounds, name):
            rows.append([f"{name}: not measured: {why}", "-", "-", "-", "-"])
            continue
        rate, times = median(rounds, name, "steps_per_second"), ratio(rounds, OURS, name)
        seconds = median(rounds, name, "race_seconds") or (steps / rate if steps and rate else None)
        start = median(rounds, name, "start_seconds")
        process = median(rounds, name, "process_seconds") or (seconds + start if seconds and start else None)
        told = "-" if isinstance(times, str) else f"{figure(times)} x"
        rows.append([name, figure(rate), told, figure(seconds), figure(process)])
    if not missing(rounds, OURS):
        warm = median(rounds, OURS, "warm_steps_per_second")
        seconds = steps / warm if steps and warm else None
        rows.append([f"{OURS}, once compiled", figure(warm), "-", figure(seconds), "-"])
    return table(["", "run-steps/s", f"{OURS} is", "the race, s", "process, s"], rows)


def main() -> None:
    """Measure, print the table, and say which claims hold."""
    given = arguments(rounds=3)
    rounds = compete(__file__, CONTESTANTS, given, digits.write)
    print("race on digits, 9 rules x 13 rates x 3 seeds, 100 epochs (peers: reckoned from a sample)\n")
    print(_table(rounds), end="\n\n")
    for name, (peer, goal) in CLAIMS.items():
        print(Claim(f"race-vs-{name}", ratio(rounds, OURS, peer), goal).line())
    seconds = missing(rounds, COMMAND) or median(rounds, COMMAND, "race_seconds") or "no time was taken"
    print(Claim("race-default-seconds", seconds, 60, at_most=True).line())


if __name__ == "__main__":
    main()
