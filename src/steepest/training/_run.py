"""What a run leaves: its parameters, its curves, and how it ended."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ..optimizer import Optimizer
from ..problems import Minimised
from ._settings import Settings

OK, STOPPED, DIVERGED, INTERRUPTED, DROPPED = "ok", "stopped", "diverged", "interrupted", "dropped"

# Epochs to either side of the best one that say how steady it is.
_STEADY = 2


@dataclass(frozen=True, eq=False)
class Run:
    """One training, ended.

    parameters: those with the lowest watched loss (validation where there is a validation part).  last: the final ones.
    curves: a row an epoch, from 0 (before the first step): epoch, step, train_loss, validation_loss; the training loss
    at 0 is that of 2048 evenly spaced rows, where there are more and a validation part is watched.
    status: ``ok`` (all epochs), ``stopped`` (early), ``diverged``, ``interrupted``, or ``dropped`` from a race that it
    could not win.
    steps: minibatch steps taken.  seconds: wall time, compilation included in the first of its kind.
    warm: the parameters that it began with, where they were given and not drawn; else None.
    """

    problem: Minimised
    optimizer: Optimizer
    settings: Settings
    seed: int
    status: str
    parameters: Any
    last: Any
    curves: pl.DataFrame
    best_epoch: int
    best_loss: float
    steps: int
    seconds: float
    warm: Any = None

    @property
    def epochs(self) -> int:
        """Epochs trained."""
        return len(self.curves) - 1

    def reported_curves(self) -> pl.DataFrame:
        """The curves with losses as the problem reports them: for a number to predict, errors in the user's units."""
        # Not by an expression that calls back: Ctrl-C in there would come out as an error of Polars.
        return self.curves.with_columns(
            pl.Series(name, self.problem.reported(self.curves[name].to_numpy(), self.seed), pl.Float64)
            for name in ("train_loss", "validation_loss")
        )

    @property
    def reported_best(self) -> float:
        """The best watched loss as the problem reports it."""
        return float(self.problem.reported(self.best_loss, self.seed))

    @property
    def steady_loss(self) -> float:
        """The mean watched loss over the five epochs around the best one, as the problem reports it.

        On a few dozen rows a run that swings wildly has an epoch at which it is right about all of them by luck; its
        best loss is then next to nothing, and the epochs beside it show what it is worth.
        """
        if not self.epochs:
            return self.reported_best
        mean = steady(self.curves["validation_loss"].to_numpy()[1:], self.best_epoch - 1)
        return float(self.problem.reported(max(mean, self.best_loss), self.seed))

    def row(self) -> dict[str, Any]:
        """This run as a row of a table of runs, with losses as the problem reports them."""
        final = self.reported_curves().row(-1, named=True)
        return {
            "optimizer": self.optimizer.name,
            "learning_rate": self.optimizer.learning_rate,
            "seed": self.seed,
            "status": self.status,
            "epochs": self.epochs,
            "steps": self.steps,
            "best_epoch": self.best_epoch,
            "train_loss": final["train_loss"],
            "validation_loss": final["validation_loss"],
            "best_validation_loss": self.reported_best,
            "steady_validation_loss": self.steady_loss,
        }

    def __repr__(self) -> str:
        ended = {
            OK: "ran all",
            STOPPED: "stopped early after",
            DIVERGED: "diverged in",
            INTERRUPTED: "interrupted after",
            DROPPED: "dropped after",
        }
        which = f"{self.optimizer.name} at {self.optimizer.learning_rate:.4g} on {self.problem.name}"
        return (
            f"Run of {which}, seed {self.seed}: {ended[self.status]} {self.epochs} epochs "
            f"({self.steps} steps, {self.seconds:.1f} s), best loss {self.best_loss:.4g} at epoch {self.best_epoch}"
        )


def steady(watched: np.ndarray, best: int) -> float:
    """The mean of the five losses around the one at *best*, fewer at an end.

    watched: after each epoch, (epochs,).
    """
    return float(np.mean(watched[max(0, best - _STEADY) : best + _STEADY + 1]))


def curves_table(losses: np.ndarray, steps_per_epoch: int) -> pl.DataFrame:
    """A run's curves as a table.  losses: training and watched (2, epochs + 1), at epoch 0, 1, ..."""
    epoch = np.arange(losses.shape[1], dtype=np.int32)
    train, watched = losses.astype(np.float64)
    return pl.DataFrame(
        {"epoch": epoch, "step": epoch * steps_per_epoch, "train_loss": train, "validation_loss": watched}
    )
