"""Run every benchmark, one after another, each in a process of its own, and repeat all claims at the end.

Ends with code 0 whatever holds: a benchmark tells, a test forbids. Options are passed on to each script.
"""

import subprocess
import sys
import time
from pathlib import Path

SCRIPTS = (
    "start_up", "compilations", "fit_small", "fit_large", "fit_rows", "race_digits", "quality", "torch_step",
    "optax_step", "keras_fit", "calibration", "early_stopping", "instruments", "regret", "time_to_answer", "landscape",
    "diagnosis",
)  # fmt: skip


def run(name: str, options: list[str]) -> list[str]:
    """Run a script, print what it prints as it does, and return its claim lines."""
    script = Path(__file__).with_name(f"{name}.py")
    began = time.perf_counter()
    claims = []
    with subprocess.Popen([sys.executable, str(script), *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            if line.startswith("claim "):
                claims.append(line.rstrip())
    if process.returncode:
        print(f"{script.name} ended with code {process.returncode}")
        claims.append(f"claim {name}: not measured: {script.name} ended with code {process.returncode}")
    print(f"({script.name}: {time.perf_counter() - began:.0f} s)\n", flush=True)
    return claims


def main() -> None:
    """Run them all."""
    claims = []
    for name in SCRIPTS:
        print(f"== {name}.py", flush=True)
        claims += run(name, sys.argv[1:])
    print("== all claims")
    print("\n".join(claims))


if __name__ == "__main__":
    main()
