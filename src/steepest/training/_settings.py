"""How a run is trained, apart from its problem, optimizer and seed."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ..errors import InputError, unknown
from ._sampling import Sampling

DEFAULT_BATCH_SIZE = 32


@dataclass(frozen=True)
class Settings:
    """epochs: at most so many passes over the training rows.

    batch_size: rows a step, held fixed; None takes 32 or, where there are fewer, all rows; ``all`` is gradient descent
    on the whole set.
    patience: stop after so many epochs in which the watched loss did not fall by *least_improvement* (a share of its
    best value so far); None never stops early. The best parameters are kept either way.
    sampling: ``shuffled`` passes, or ``replacement`` for uniform independent draws.
    Raises InputError for numbers out of range.
    """

    epochs: int = 100
    batch_size: int | Literal["all"] | None = None
    patience: int | None = 10
    least_improvement: float = 1e-4
    sampling: Sampling = "shuffled"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            value = getattr(self, name)
            if (value is None and name != "epochs") or (value == "all" and name == "batch_size"):
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise InputError(f"{name} must be a whole number, 1 or more; received {value}.")
        if not 0 <= self.least_improvement < 1:
            raise InputError(f"least_improvement must be in [0, 1); received {self.least_improvement}. Try 1e-4.")
        if self.sampling not in ("shuffled", "replacement"):
            raise unknown("sampling", self.sampling, ("shuffled", "replacement"))

    def batch_size_for(self, rows: int) -> int:
        """The batch size for so many training rows. Raises InputError for a batch larger than the data."""
        if self.batch_size is None:
            return min(DEFAULT_BATCH_SIZE, rows)
        if self.batch_size == "all":
            return rows
        if self.batch_size > rows:
            raise InputError(
                f"batch_size {self.batch_size} is larger than the {rows} training rows. Give {rows} or fewer."
            )
        return self.batch_size

    @property
    def patience_epochs(self) -> float:
        """Patience as a number: infinite where there is none."""
        return math.inf if self.patience is None else float(self.patience)

    def to_json(self) -> dict[str, Any]:
        """Plain values by name."""
        return asdict(self)
