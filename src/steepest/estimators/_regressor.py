from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin

from ..data import Target
from ._network import NetworkEstimator
from ._rows import Rows


class SteepestRegressor(RegressorMixin, NetworkEstimator):
    """A feedforward network that predicts a number, as a scikit-learn regressor.

    Parameters, features, weights and what is learned are those of ``SteepestClassifier``, except that there are no
    classes. hidden: none, ``()``, is linear regression.  loss: ``squared_error`` (also where None) or ``huber``.
    The target is standardised inside: the loss curves are in (squared) standard deviations of the target among the
    training rows, predictions in its own unit.

    >>> X = np.linspace(-1, 1, 100)[:, None]
    >>> regressor = SteepestRegressor(learning_rate=0.01, random_state=0).fit(X, 1000 * X[:, 0] ** 2)
    >>> bool(regressor.score(X, 1000 * X[:, 0] ** 2) > 0.95)
    True
    """

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train from a fresh start.  X: (rows, columns).  y: (rows,) numbers.

        sample_weight: (rows,) 0 or more, or None for equal weights.
        """
        rows = self._rows(X, y, sample_weight, y_numeric=True)
        rows = self._condensed(rows._replace(y=rows.y.astype(np.float64)))
        return self._train(rows, "regression", np.zeros(len(rows.y), int), _learn_target)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """The number predicted for each row, (rows,) float64, in the target's unit."""
        frame, rows = self._padded(X)
        return self.model_.predict(frame)[:rows]


def _learn_target(train: Rows) -> Target:
    mean = np.average(train.y, weights=train.weights)
    scale = np.sqrt(np.average((train.y - mean) ** 2, weights=train.weights))
    return Target("regression", (), float(mean), float(scale) if scale > 0 else 1.0)
