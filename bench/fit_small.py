"""Steps a second of a small fit: 64-64-64-10 on digits, minibatches of 32, Adam.

Peers look at no validation data here. steepest always watches something after each epoch: where it is compared, one
minibatch; the last rows have it watch what it does when given no validation data, and digits' own validation part.
torch cuts even these small products into a piece for each core, so a row shows it with one thread.
"""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import digits
import trainers
from harness import Claim, Figures, arguments, compete, rate_table, ratio, steady

BATCH = 32
OURS = "steepest"


def _job(given: Namespace) -> trainers.Job:
    train, _ = digits.read(Path(given.work))
    return trainers.Job(*train, (64, 64), BATCH, epochs=1 if given.short else 50)


def _steepest(given: Namespace) -> Figures:
    job = _job(given)
    return steady(trainers.steepest(job, validation=(job.x[:BATCH], job.y[:BATCH])), given)


def _steepest_watching_training(given: Namespace) -> Figures:
    return steady(trainers.steepest(_job(given)), given)


def _steepest_validated(given: Namespace) -> Figures:
    _, validation = digits.read(Path(given.work))
    return steady(trainers.steepest(_job(given), validation=validation), given)


def _peer(make: trainers.Make, **settings: object) -> Callable[[Namespace], Figures]:
    return lambda given: steady(make(_job(given), **settings), given)


CONTESTANTS = {
    OURS: _steepest,
    "keras": _peer(trainers.keras),
    "keras, tuned": _peer(trainers.keras, steps_per_execution=32),
    "torch eager": _peer(trainers.torch),
    "torch eager, one thread": _peer(trainers.torch, threads=1),
    "torch compiled": _peer(trainers.torch, compiled=True),
    "scikit-learn": _peer(trainers.sklearn),
    "optax": _peer(trainers.optax),
    "steepest, watching its training rows": _steepest_watching_training,
    "steepest, with validation": _steepest_validated,
}
# claim: (peer, goal), our steps a second over the peer's
CLAIMS = {
    "keras": ("keras", 4),
    "keras-tuned": ("keras, tuned", 1.3),
    "torch-eager": ("torch eager", 10),
    "sklearn": ("scikit-learn", 4),
}


def main() -> None:
    """Measure, print the table, and say which claims hold."""
    given = arguments(rounds=3)
    rounds = compete(__file__, CONTESTANTS, given, digits.write)
    print("fit, 64-64-64-10, batch 32, Adam\n")
    print(rate_table(rounds, OURS), end="\n\n")
    for name, (peer, goal) in CLAIMS.items():
        print(Claim(f"fit-small-vs-{name}", ratio(rounds, OURS, peer), goal).line())


if __name__ == "__main__":
    main()
