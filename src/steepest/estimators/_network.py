"""What classifier and regressor share: a network trained on arrays the way the command line trains it on a table."""

import operator
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ..data import FeatureEncoder, Target
from ..errors import InputError
from ..losses import loss_for
from ..networks import Network
from ..optimizer import Optimizer, optimizer
from ..problems import Model, NetworkInit, NetworkLoss, Problem
from ..schedules import Schedule
from ..training import Run, Settings, fit
from ._rows import Rows, hold_back, merge_equal, relative

# Predictions are made for so many rows at least, then for powers of two up to the most: one compiled program serves
# many sizes of table, and what a row is predicted does not depend on how many others come along.
_FEWEST_PREDICTED, _MOST_PREDICTED = 64, 65536
# Where the best epoch is among this last share of all, the loss was still falling when training ended.
_LAST = 0.02


class NetworkEstimator(BaseEstimator):
    """The parameters and steps that both estimators have; see ``SteepestClassifier``."""

    model_: Model
    run_: Run

    def __init__(
        self,
        *,
        hidden: Sequence[int] = (128,),
        activation: str = "relu",
        initializer: str | None = None,
        loss: str | None = None,
        optimizer: str | Optimizer = "adam",
        learning_rate: float | Schedule | None = None,
        epochs: int = 100,
        batch_size: int | None = None,
        patience: int | None = 10,
        validation_fraction: float = 0.2,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.hidden = hidden
        self.activation = activation
        self.initializer = initializer
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        # The run holds the training rows, which a saved model should neither weigh nor disclose.
        return {name: value for name, value in super().__getstate__().items() if name != "run_"}

    def _rows(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, *, y_numeric: bool) -> Rows:
        """The checked rows whose weight is not 0, y as it was given."""
        x, given = validate_data(
            self, X, y, y_numeric=y_numeric, dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_samples=2
        )
        weights = _check_sample_weight(sample_weight, x, dtype=np.float64, ensure_non_negative=True)
        return Rows(x, given, weights).take(weights > 0)

    def _condensed(self, rows: Rows) -> Rows:
        """Equal rows merged where one batch holds them all.

        Training then follows the exact gradient, and a row of weight k must be the same as k such rows, in the split,
        in the encoder and in every step.
        """
        return merge_equal(rows) if self._batch_size(len(rows.y)) == len(rows.y) else rows

    def _batch_size(self, rows: int) -> int:
        settings = Settings(self.epochs, self.batch_size, self.patience)
        return rows if isinstance(self.batch_size, int) and self.batch_size > rows else settings.batch_size_for(rows)

    def _train(self, rows: Rows, task: str, groups: np.ndarray, learn_target: Callable[[Rows], Target]) -> Self:
        """Hold rows back, encode, train, and set what is learned.

        rows.y: class codes, or numbers in the user's unit.  groups: (rows,) what to hold back in proportion.
        learn_target: the target's encoding from the training rows.
        """
        network = Network(self._hidden(), self.activation, self.initializer)
        loss, chosen = loss_for(task, self.loss), self._optimizer()
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        train, held = hold_back(groups, self._fraction(), np.random.default_rng(seed))
        encoder = FeatureEncoder().fit(self._frame(rows.x[train]))
        target = learn_target(rows.take(train))
        self.run_ = fit(
            Problem(
                NetworkInit(network, len(encoder.feature_names), target.outputs),
                NetworkLoss(network, loss),
                self._arrays(rows.take(train), encoder, target),
                self._arrays(rows.take(held), encoder, target) if len(held) else None,
                name=type(self).__name__,
            ),
            chosen,
            epochs=self.epochs,
            batch_size=self._batch_size(len(train)),
            patience=self.patience,
            seed=seed,
        )
        parameters = tuple(type(layer)(*(np.asarray(array) for array in layer)) for layer in self.run_.parameters)
        self.model_ = Model(network, parameters, encoder, target, "y", task, loss)
        return self._report(validated=len(held) > 0)

    def _hidden(self) -> tuple[int, ...]:
        try:
            return tuple(operator.index(units) for units in self.hidden)
        except TypeError:
            raise InputError(
                f"hidden must list whole numbers of units, one a layer; received {self.hidden!r}. Try (64, 64)."
            ) from None

    def _optimizer(self) -> Optimizer:
        if not isinstance(self.optimizer, Optimizer):
            return optimizer(self.optimizer, self.learning_rate)
        return self.optimizer if self.learning_rate is None else self.optimizer.with_learning_rate(self.learning_rate)

    def _fraction(self) -> float:
        if not 0 <= self.validation_fraction < 1:
            raise InputError(
                f"validation_fraction is a share of the rows, from 0 to below 1; received {self.validation_fraction}. "
                "Try 0.2."
            )
        return self.validation_fraction

    def _arrays(self, rows: Rows, encoder: FeatureEncoder, target: Target) -> tuple[np.ndarray, ...]:
        arrays = encoder.transform(self._frame(rows.x)), target.encode(rows.y)
        weights = relative(rows.weights)
        return arrays if weights is None else (*arrays, weights)

    def _frame(self, x: np.ndarray) -> pl.DataFrame:
        """Columns by name: the user's where there are names and they differ, else x0, x1, ..."""
        names = list(getattr(self, "feature_names_in_", ()))
        return pl.DataFrame(x, schema=names if len(set(names)) == x.shape[1] else [f"x{i}" for i in range(x.shape[1])])

    def _report(self, *, validated: bool) -> Self:
        run = self.run_
        self.loss_curve_ = run.curves["train_loss"].to_list()
        self.validation_loss_curve_ = run.curves["validation_loss"].to_list() if validated else None
        self.best_loss_, self.best_epoch_ = run.best_loss, run.best_epoch
        self.n_iter_, self.n_layers_ = run.epochs, len(self.model_.parameters) + 1
        if run.status == "diverged":
            warnings.warn(
                f"Training diverged in epoch {run.epochs} at learning rate {run.optimizer.learning_rate:.3g}, and the "
                f"parameters of epoch {run.best_epoch} are kept. Lower learning_rate, for example to "
                f"{run.optimizer.learning_rate / 10:.3g}.",
                ConvergenceWarning,
                stacklevel=4,
            )
        elif run.status == "ok" and run.best_epoch > (1 - _LAST) * run.epochs:
            warnings.warn(
                f"The loss was still falling after {run.epochs} epochs, the most allowed. Raise epochs, for example to "
                f"{2 * run.epochs}, or learning_rate.",
                ConvergenceWarning,
                stacklevel=4,
            )
        return self

    def _padded(self, X: ArrayLike) -> tuple[pl.DataFrame, int]:
        """The checked rows as a frame with rows of zeros below, and how many are real."""
        check_is_fitted(self)
        x = validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")
        rows = len(x)
        block = min(max(_FEWEST_PREDICTED, 1 << (rows - 1).bit_length()), _MOST_PREDICTED)
        return self._frame(np.pad(x, ((0, -rows % block), (0, 0)))), rows
