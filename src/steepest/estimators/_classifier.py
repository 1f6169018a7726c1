from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets

from ..data import Target
from ..errors import InputError
from ..optimizer import Optimizer
from ..schedules import Schedule
from ._network import NetworkEstimator
from ._rows import Rows


class SteepestClassifier(ClassifierMixin, NetworkEstimator):
    """A feedforward network that tells classes apart, as a scikit-learn classifier.

    hidden: units of each hidden layer; none, ``()``, is logistic regression.  activation, initializer: names, as in
    ``Network``.  loss: None, the cross-entropy that suits the number of classes, in nats.
    optimizer: the name of a rule, or an ``Optimizer``.  learning_rate: a number or schedule; None is the rule's usual.
    epochs: at most so many passes over the training rows.  batch_size: rows a step; None is 32, and all training rows
    are one batch where there are fewer.
    patience: stop after so many epochs in which the watched loss did not fall; None never.  validation_fraction: share
    of the rows held back to watch that loss on, of each class in proportion; with 0 the training loss is watched.
    class_weight: None, ``"balanced"`` (inverse to each class's share of the weight) or {label: weight}.
    random_state: an int, RandomState or None; fixes the rows held back, the start and the minibatches.

    X: (rows, columns) numbers, missing ones as NaN; encoded inside (see ``Squash``), in float32 from there on. Columns
    of text or dates become numbers with ``make_pipeline(skrub.TableVectorizer(), SteepestClassifier())``.
    Sample weights multiply each row's loss, and rows of weight 0 are left out. Where one batch holds all rows, weight k
    equals k copies of the row exactly; with more rows it does so on average over minibatches.

    Learned: classes_, n_features_in_, feature_names_in_ (where X names its columns); loss_curve_ and
    validation_loss_curve_, a value an epoch, at index 0 before training (the latter None where nothing is held back);
    best_loss_ and best_epoch_, of the parameters kept; n_iter_, epochs trained; n_layers_, input and output included;
    model_, the ``Model``, which can be saved without pickle; run_, the ``Run``, left out of pickles, as it holds data.
    ``fit`` raises ValueError for parameters or data that cannot be used, and warns (ConvergenceWarning) where training
    diverged or ended while the loss was still falling.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = SteepestClassifier(learning_rate=0.01, random_state=0).fit(X, y)
    >>> bool(classifier.score(X, y) > 0.9)
    True
    """

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
        class_weight: str | Mapping[Any, float] | None = None,
        random_state: int | np.random.RandomState | None = None,
    ):
        super().__init__(
            hidden=hidden,
            activation=activation,
            initializer=initializer,
            loss=loss,
            optimizer=optimizer,
            learning_rate=learning_rate,
            epochs=epochs,
            batch_size=batch_size,
            patience=patience,
            validation_fraction=validation_fraction,
            random_state=random_state,
        )
        self.class_weight = class_weight

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train from a fresh start.  X: (rows, columns).  y: (rows,) labels that can be sorted.

        sample_weight: (rows,) 0 or more, or None for equal weights.
        """
        rows = self._rows(X, y, sample_weight, y_numeric=False)
        labels = _labels(rows.y)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(f"All rows that count are of one class, {self.classes_[0]!r}. Give rows of two or more.")
        rows = self._condensed(rows._replace(y=codes))
        rows = rows._replace(weights=rows.weights * self._class_weights(rows)[rows.y])
        target = Target("binary" if len(self.classes_) == 2 else "multiclass", tuple(self.classes_.tolist()))
        return self._train(rows, target.task, rows.y, lambda _: target)

    def _class_weights(self, rows: Rows) -> np.ndarray:
        return compute_class_weight(
            self.class_weight, classes=self.classes_, y=self.classes_[rows.y], sample_weight=rows.weights
        )

    def predict(self, X: ArrayLike) -> np.ndarray:
        """The likeliest class of each row, (rows,)."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        return self.classes_[likeliest]

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Probability of each class, (rows, classes), in the order of ``classes_``."""
        frame, rows = self._padded(X)
        return self.model_.predict_probabilities(frame)[:rows]

    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Logarithm of each class's probability, (rows, classes), in nats."""
        with np.errstate(divide="ignore"):  # a probability that underflowed to 0 has the logarithm -inf
            return np.log(self.predict_proba(X))


def _labels(y: np.ndarray) -> np.ndarray:
    labels = np.ravel(y)
    check_classification_targets(labels)
    return labels
