"""What to use after a race, with how much freedom: for people, as plain values, and as code to paste."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl

from ..optimizer import Optimizer
from ..rules import proper_name
from ..training import Settings
from ._plan import CONFIRM, TUNE, Plan
from ._sentence import rate
from ._snippets import CODED, shown, snippet
from ._space import configured, told_knobs, with_knobs, with_told_knobs
from ._standing import Verdict
from ._verdict import judged_runs, of_stage

_MANY = 2**31  # rows, more than any usual batch has


@dataclass(frozen=True)
class Recommendation:
    """The optimizer that a race recommends, and how to train with it.

    raced: the optimizer, at its recommended learning rate.  plateau: the lowest and highest rate that tuning does not
    tell from the best; anything between them is as good.  at_edge: they reach an end of what was tried.
    rates: how many rates were tried, with its hyperparameters: those of the tuning, and this one.
    searched: those of its hyperparameters that were searched and are not the usual ones.
    schedule: ``constant``, as in every race.
    epochs: so many suffice: the latest best epoch of the runs that count, and the patience it takes to see that it was
    the best; rounded up to two digits, and at most the race's own. Fewer would cut some of these runs short, more
    changes none that stops early, since the best parameters are kept either way.
    best_epoch, best_epochs: the median of those runs' best epochs, rounded up, and the earliest and latest of them.
    runs: how many count: those of the optimizer at its rate that did not diverge, on the seeds of the verdict, which
    are fresh ones where there are any.
    still_falling: those of them whose last epoch was the best, so that more epochs may do better.
    batch_size, patience: as in ``Settings``, the race's own.
    """

    raced: Optimizer
    plateau: tuple[float, float]
    at_edge: bool
    rates: int
    epochs: int
    best_epoch: int
    best_epochs: tuple[int, int]
    runs: int
    still_falling: int
    batch_size: int | Literal["all"] | None
    patience: int | None
    schedule: str = "constant"
    searched: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The optimizer's name, such as ``adam``."""
        return self.raced.name

    @property
    def learning_rate(self) -> float:
        """The recommended one: the middle of the plateau."""
        return self.raced.learning_rate

    @property
    def hyperparameters(self) -> Mapping[str, float]:
        """The optimizer's knobs, as they raced."""
        return self.raced.hyperparameters

    @property
    def training(self) -> dict[str, Any]:
        """What ``fit`` takes besides: ``fit(problem, recommendation.optimizer(), **recommendation.training)``."""
        return {"epochs": self.epochs, "batch_size": self.batch_size, "patience": self.patience}

    @property
    def sentence(self) -> str:
        """The recommendation for people, with its ranges."""
        return " ".join(self._sentences())

    def _sentences(self) -> list[str]:
        at = f"{proper_name(self.name)}{with_knobs(self.searched)} at a learning rate of {rate(self.learning_rate)}"
        use = f"{at}, held constant: {self._freedom()}."
        epochs = f"{self.epochs} epoch{'' if self.epochs == 1 else 's'}"
        told = [use, f"Train {self._batches()} for up to {epochs}{self._stopping()}: {self._best()}."]
        if self.still_falling:
            of = "its loss" if self.runs == 1 else f"the loss of {self.still_falling} of {self.runs} seeds"
            told.append(f"At the last epoch {of} was still falling: more epochs may do better.")
        return told

    def _freedom(self) -> str:
        low, high = self.plateau
        if self.rates == 1:
            return "no other rate was tried"
        told = f"anything from {rate(low)} to {rate(high)} is as good"
        if low == high:
            told = "no other that was tried is known to be as good"
        if self.at_edge:
            return f"{told}, and rates beyond were not tried"
        return told if low < high else f"the rate must be hit, since {told}"

    def _batches(self) -> str:
        if self.batch_size == "all":
            return "on all rows at once"
        if self.batch_size is None:
            return f"in batches of at most {Settings().batch_size_for(_MANY)}"
        return f"in batches of {self.batch_size}"

    def _stopping(self) -> str:
        return "" if self.patience is None else f" with a patience of {self.patience}"

    def _best(self) -> str:
        first, last = self.best_epochs
        spread = "" if first == last else f" ({first} to {last} over {self.runs} seeds)"
        return f"the loss was lowest at epoch {self.best_epoch}{spread}"

    def optimizer(self) -> Optimizer:
        """The optimizer itself, to fit with."""
        return self.raced

    def code(self, framework: str) -> str:
        """Lines to paste that build exactly this optimizer, with every knob told.

        framework: ``steepest``, ``torch`` (of a ``model``), ``keras`` or ``optax``. Where the framework's own class
        computes the same it comes first and steepest's drop-in follows in comments; elsewhere the drop-in is all.
        Raises InputError for another framework.
        """
        lines = [*(f"# {told}" for told in self._sentences()), snippet(self.raced, framework)]
        if framework == "steepest":
            told = ", ".join(f"{name}={shown(value)}" for name, value in self.training.items())
            lines.append(f"run = st.fit(problem, optimizer, {told})")
        return "\n".join(lines) + "\n"

    def to_json(self) -> dict[str, Any]:
        """Plain values, the sentence and the code for every framework among them."""
        return {
            "optimizer": self.name,
            "learning_rate": self.learning_rate,
            "plateau": list(self.plateau),
            "at_edge": self.at_edge,
            "hyperparameters": dict(self.hyperparameters),
            "transforms": [repr(transform) for transform in self.raced.transforms],
            "schedule": self.schedule,
            **self.training,
            "best_epoch": self.best_epoch,
            "best_epochs": list(self.best_epochs),
            "runs": self.runs,
            "still_falling": self.still_falling,
            "sentence": self.sentence,
            "code": {framework: self.code(framework) for framework in CODED},
        }


def recommend(plan: Plan, runs: pl.DataFrame, verdict: Verdict | None) -> Recommendation | None:
    """What a race recommends; None where it has no verdict.

    plan, runs, verdict: the race's own, runs a row each.
    """
    if verdict is None:
        return None
    stage = CONFIRM if verdict.confirmed else TUNE
    raced = configured(plan.optimizers[verdict.optimizer], verdict.learning_rate, verdict.recommended.hyperparameters)
    own = with_told_knobs(runs).filter(
        (pl.col("optimizer") == verdict.optimizer)
        & (pl.col("hyperparameters") == told_knobs(raced, plan.optimizers[verdict.optimizer]))
    )
    counted = judged_runs(of_stage(runs, stage)).filter(
        (pl.col("optimizer") == verdict.optimizer)
        & ((pl.col("learning_rate") / verdict.learning_rate - 1).abs() < 1e-9)
        & pl.col("status").is_in(["ok", "stopped"])
    )
    best, longest, patience = counted["best_epoch"].to_numpy(), plan.settings.epochs, plan.settings.patience
    return Recommendation(
        raced=raced,
        searched=verdict.recommended.hyperparameters,
        plateau=verdict.recommended.plateau,
        at_edge=verdict.recommended.at_edge,
        rates=len({*of_stage(own, TUNE)["learning_rate"], verdict.learning_rate}),
        epochs=min(longest, _rounded_up(max(1, int(best.max()) + (patience or 0)))),
        best_epoch=math.ceil(np.median(best)),
        best_epochs=(int(best.min()), int(best.max())),
        runs=len(counted),
        still_falling=int((best == longest).sum()),
        batch_size=plan.settings.batch_size,
        patience=patience,
    )


def _rounded_up(number: int) -> int:
    """The number, or the next one of two digits and zeros.

    >>> _rounded_up(7), _rounded_up(99), _rounded_up(101), _rounded_up(1234)
    (7, 99, 110, 1300)
    """
    unit = 10 ** max(0, len(str(number)) - 2)
    return -(-number // unit) * unit
