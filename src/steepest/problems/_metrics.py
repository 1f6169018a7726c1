"""How good predictions are, in the words and units a user reports."""

from typing import Any

import numpy as np

# Enough points to see the shape of residuals; more only makes a report heavy.
_POINTS = 2000


def classification(codes: np.ndarray, probabilities: np.ndarray, labels: list[Any]) -> dict[str, Any]:
    """codes: true classes (rows,).  probabilities: (rows, classes).  labels: the classes' names."""
    from sklearn import metrics  # costs more than a second to import

    predicted = probabilities.argmax(axis=1)
    every = np.arange(len(labels))
    confusion = metrics.confusion_matrix(codes, predicted, labels=every)
    recalls = confusion.diagonal()[confusion.sum(axis=1) > 0] / confusion.sum(axis=1)[confusion.sum(axis=1) > 0]
    return {
        "cross_entropy": float(metrics.log_loss(codes, probabilities, labels=every)),
        "accuracy": float(metrics.accuracy_score(codes, predicted)),
        "balanced_accuracy": float(recalls.mean()),
        "rows": len(codes),
        "confusion": {"labels": labels, "counts": confusion.tolist()},
    }


def regression(actual: np.ndarray, predicted: np.ndarray, unit: str) -> dict[str, Any]:
    """actual, predicted: (rows,) in the user's units, which *unit* names."""
    from sklearn import metrics  # costs more than a second to import

    shown = np.linspace(0, len(actual) - 1, min(len(actual), _POINTS)).astype(int)
    return {
        "rmse": float(metrics.root_mean_squared_error(actual, predicted)),
        "mae": float(metrics.mean_absolute_error(actual, predicted)),
        "r2": float(metrics.r2_score(actual, predicted)) if len(actual) > 1 else None,
        "rows": len(actual),
        "unit": unit,
        "residuals": {"actual": actual[shown].tolist(), "predicted": predicted[shown].tolist()},
    }
