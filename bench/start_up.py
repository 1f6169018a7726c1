"""Seconds to import steepest and to print the command's help, each in a fresh process."""

import statistics
import subprocess
import sys
import time

from harness import Claim, arguments, figure, table

# name: (what Python is called with, the claim, its goal in seconds)
STARTS = {
    "python -c ''": (["-c", ""], None, 0.0),
    "import steepest": (["-c", "import steepest"], "import-seconds", 0.3),
    "steepest --help": (["-m", "steepest", "--help"], "help-seconds", 0.5),
}


def seconds(options: list[str]) -> float | str:
    """Wall seconds of a whole Python process, or why it failed."""
    began = time.perf_counter()
    ended = subprocess.run([sys.executable, *options], capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    return took if ended.returncode == 0 else (ended.stderr.strip().splitlines() or ["it failed"])[-1]


def measured(rounds: list[dict[str, float | str]], name: str) -> float | str:
    """The median over the rounds, or why there is none."""
    times = [times[name] for times in rounds]
    numbers = [value for value in times if isinstance(value, float)]
    return statistics.median(numbers) if len(numbers) == len(times) else next(v for v in times if isinstance(v, str))


def main() -> None:
    """Measure, print the table, and say which claims hold."""
    given = arguments(rounds=5)
    seconds(["-m", "steepest", "--help"])  # compiles the modules to bytecode, once an installation
    rounds = [{name: seconds(options) for name, (options, *_) in STARTS.items()} for _ in range(given.rounds)]
    times = {name: measured(rounds, name) for name in STARTS}
    print("start-up, the whole process\n")
    shown = [[name, value if isinstance(value, str) else figure(value)] for name, value in times.items()]
    print(table(["", "seconds"], shown), end="\n\n")
    for name, (_, claim, goal) in STARTS.items():
        if claim:
            print(Claim(claim, times[name], goal, at_most=True).line())


if __name__ == "__main__":
    main()
