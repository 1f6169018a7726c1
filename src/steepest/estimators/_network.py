"""What classifier and regressor share: a network trained on arrays the way the command line trains it on a table."""

import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ..data import FeatureEncoder, Target
from ..errors import InputError
from ..losses import loss_for
from ..networks import Network
from ..optimizer import Optimizer, optimizer
from ..problems import Model, Problem
from ..problems._network import NetworkInit, NetworkLoss
from ..training import Run, fit
from ..training._settings import DEFAULT_BATCH_SIZE
from ._rows import Rows, hold_back, merge_equal, relative

# Predictions are made on so many rows or a power of two more: one program then serves many sizes of table, and a row's
# prediction does not depend on how many others come along.
_FEWEST_PREDICTED, _MOST_PREDICTED = 64, 65536
# Best so late, the loss was still falling.
_LATE = 0.98


class NetworkEstimator(BaseEstimator):
    """The interface of both; see ``SteepestClassifier``."""

    def __init__(
        self,
        *,
        hidden: Sequence[int] = (64, 64),
        activation: str = "relu",
        initializer: str | None = None,
        loss: str | None = None,
        optimizer: str | Optimizer = "adam",
        learning_rate: Any = None,
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

    def _rows(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, *, y_numeric: bool) -> Rows:
        """The checked rows that count; y as it was given."""
        finite = {"dtype": np.float64, "ensure_all_finite": "allow-nan", "ensure_min_samples": 2}
        x, labels = validate_data(self, X, y, y_numeric=y_numeric, **finite)
        weights = _check_sample_weight(sample_weight, x, dtype=np.float64, ensure_non_negative=True)
        return Rows(x, labels, weights).take(weights > 0)

    def _train(self, rows: Rows, target: Target, target_name: str) -> Self:
        """Hold rows back, encode, train, and set what was learned.  rows.y: class codes, or numbers."""
        network, chosen = self._network(), self._optimizer()
        batch_size = DEFAULT_BATCH_SIZE if self.batch_size is None else self.batch_size
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        ...
