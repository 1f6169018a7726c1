"""Measure contestants side by side, each in a process of its own, and say which claims hold.

A library's threads and JAX's configuration are process-wide, so no two contestants share one. Rounds interleave them
(A B C A B C ...): whatever else the machine does meets all alike, and each comparison is the median of ratios taken
within a round.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Figures = dict[str, Any]  # what one process measured; {"missing": why} where it could not
Contestant = Callable[[argparse.Namespace], Figures]

_MARK = "figures: "
# Far beyond any measurement here: a contestant that hangs is a line of the table, not the end of the others.
_PATIENCE_SECONDS = 300


@dataclass(frozen=True)
class Claim:
    """name: what is claimed.  value: measured, or why it was not.  goal: holds at this or above, below if *at_most*."""

    name: str
    value: float | str
    goal: float
    at_most: bool = False

    def line(self) -> str:
        """``claim NAME: R (goal >= G) holds``, or ``falls short``, or ``not measured`` with the reason."""
        if isinstance(self.value, str):
            return f"claim {self.name}: not measured: {self.value}"
        sign, holds = ("<=", self.value <= self.goal) if self.at_most else (">=", self.value >= self.goal)
        return (
            f"claim {self.name}: {figure(self.value)} (goal {sign} {self.goal:g}) {'holds' if holds else 'falls short'}"
        )


def figure(value: float | None) -> str:
    """Three significant digits, without an exponent where the number is of everyday size; a dash for None.

    >>> figure(0.123456), figure(45678.0), figure(4.0), figure(0.0), figure(None)
    ('0.123', '45,700', '4.00', '0', '-')
    """
    if value is None or not math.isfinite(value):
        return "-" if value is None else str(value)
    if 0 < abs(value) < 1e-3:
        return f"{value:.2e}"
    if value == 0:
        return "0"
    decimals = 2 - math.floor(math.log10(abs(value)))
    return f"{round(value, decimals):,.{max(0, decimals)}f}"


def arguments(rounds: int) -> argparse.Namespace:
    """What a script was called with.  rounds: how many unless told otherwise."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=rounds, help="how often each contestant is measured")
    parser.add_argument("--short", action="store_true", help="a moment's work, to see that everything runs")
    parser.add_argument("--contestants", help="names of its table, separated by semicolons; all unless given")
    for internal in ("--only", "--work"):
        parser.add_argument(internal, help=argparse.SUPPRESS)
    parser.add_argument("--started", type=float, default=0.0, help=argparse.SUPPRESS)
    return parser.parse_args()


def compete(
    script: str,
    contestants: Mapping[str, Contestant],
    given: argparse.Namespace,
    prepare: Callable[[Path], None] | None = None,
    patience: float = _PATIENCE_SECONDS,
) -> list[dict[str, Figures]]:
    """Measure every contestant once a round; a process called with ``--only`` measures that one and ends here.

    script: the calling file.  prepare: writes what all contestants read into a directory, ``given.work`` to them.
    patience: seconds after which a process is given up.
    Returns the figures of each contestant, a dictionary a round.
    """
    if given.only:
        try:
            figures = contestants[given.only](given)
        except ImportError as error:
            figures = {"missing": str(error)}
        print(_MARK + json.dumps(figures))
        sys.exit(0)
    chosen = [name for name in contestants if not given.contestants or name in given.contestants.split(";")]
    print(busyness(), end="\n\n", flush=True)
    with tempfile.TemporaryDirectory() as work:
        if prepare:
            prepare(Path(work))
        return [{name: _measure(script, name, work, given, patience) for name in chosen} for _ in range(given.rounds)]


def busyness() -> str:
    """Which share of the cores others use: idle threads that wait for a taken core make some libraries crawl."""
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    told = f"{cores} cores, {load:.1f} busy in the last minute"
    return (
        f"{told}. Figures of a busy machine are worth little; torch's and Keras's suffer most."
        if load > cores / 2
        else told
    )


def _measure(script: str, name: str, work: str, given: argparse.Namespace, patience: float) -> Figures:
    command = [sys.executable, script, "--only", name, "--work", work, *(["--short"] if given.short else [])]
    started = time.monotonic()
    try:
        ended = subprocess.run(
            [*command, "--started", repr(started)],
            capture_output=True,
            text=True,
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"missing": f"it took more than {patience:g} s"}
    found = [line for line in ended.stdout.splitlines() if line.startswith(_MARK)]
    if not found:
        told = ended.stderr.strip().splitlines()[-1:] or ["no message"]
        return {"missing": f"it ended with code {ended.returncode}: {told[0]}"}
    return json.loads(found[-1].removeprefix(_MARK))


def steady(train: Callable[[], int], given: argparse.Namespace, at_least: float = 1.0) -> Figures:
    """Steps a second once everything is compiled.

    train: does one whole job and returns its number of steps.  at_least: seconds to measure for, after a first job.
    Returns steps_per_second, compile_seconds (how much longer the first job took) and process_seconds (from the start
    of the process, imports and compilation included, to the end of the first job).
    """
    began = time.perf_counter()
    first_steps = train()
    first, process = time.perf_counter() - began, time.monotonic() - given.started
    steps, seconds, began = 0, 0.0, time.perf_counter()
    while steps == 0 or (seconds < at_least and not given.short):
        steps += train()
        seconds = time.perf_counter() - began
    rate = steps / seconds
    return {
        "steps_per_second": rate,
        "compile_seconds": max(0.0, first - first_steps / rate),
        "process_seconds": process,
        "first_steps": first_steps,
    }


def turns(steps: Mapping[str, Callable[[], object]], count: int, warm: int = 2) -> dict[str, list[float]]:
    """Seconds of each contestant of one process in *count* turns; their order turns round each time.

    warm: turns before those, which compile and touch everything.
    """
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(-warm, count):
        for name in list(steps)[:: 1 if turn % 2 else -1]:
            began = time.perf_counter()
            steps[name]()
            if turn >= 0:
                taken[name].append(time.perf_counter() - began)
    return taken


def missing(rounds: Sequence[Mapping[str, Figures]], name: str) -> str | None:
    """Why a contestant was not measured; None where it was, in every round."""
    for figures in rounds:
        if name not in figures:
            return f"{name} did not take part"
        if "missing" in figures[name]:
            return str(figures[name]["missing"])
    return None


def median(rounds: Sequence[Mapping[str, Figures]], name: str, key: str) -> float | None:
    """A figure's median over the rounds; None where it was not measured."""
    if missing(rounds, name):
        return None
    values = [figures[name][key] for figures in rounds if key in figures[name]]
    return statistics.median(values) if values else None


def ratio(
    rounds: Sequence[Mapping[str, Figures]],
    ours: str,
    peer: str,
    key: str = "steps_per_second",
    our_key: str | None = None,
) -> float | str:
    """The median over rounds of our figure over the peer's in the same round, or why there is none."""
    for name in (ours, peer):
        if why := missing(rounds, name):
            return why
    return statistics.median(figures[ours][our_key or key] / figures[peer][key] for figures in rounds)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Text in columns, the first to the left and the others to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (head, *rows)
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def rate_table(rounds: Sequence[Mapping[str, Figures]], ours: str) -> str:
    """The usual table: steps a second, how many times as fast ours is, compilation, and the process as a whole."""
    head = ["", "steps/s", f"{ours} is", "compiling, s", "process, s"]
    rows = []
    for name in rounds[0]:
        if why := missing(rounds, name):
            rows.append([f"{name}: not measured: {why}", "-", "-", "-", "-"])
            continue
        times = ratio(rounds, ours, name)
        figures = [
            figure(median(rounds, name, key)) for key in ("steps_per_second", "compile_seconds", "process_seconds")
        ]
        rows.append([name, figures[0], "-" if isinstance(times, str) else f"{figure(times)} x", *figures[1:]])
    return table(head, rows)
