"""The target between the user's labels or unit and what a network is trained on."""

import datetime
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ._dataset import Dataset

# How a label of each type is written in JSON and read back.
_WRITE: dict[str, Any] = {"date": str, "datetime": lambda label: label.isoformat()}
_READ: dict[str, Any] = {
    "int": int,
    "float": float,
    "bool": bool,
    "str": str,
    "date": datetime.date.fromisoformat,
    "datetime": datetime.datetime.fromisoformat,
}


@dataclass(frozen=True)
class Target:
    """Classes, or the mean and scale that make a number to predict of order one.

    classes: the sorted labels; empty for regression.  mean, scale: in the user's unit; 0 and 1 for classes.
    """

    task: str
    classes: tuple = ()
    mean: float = 0.0
    scale: float = 1.0

    @classmethod
    def fit(cls, dataset: Dataset, rows: np.ndarray) -> "Target":
        """Learn from *rows* of the dataset, indices of the training part: for regression, mean and standard deviation.

        Where all those rows agree, the scale is 1.
        """
        if dataset.classes:
            return cls(dataset.task, dataset.classes)
        values = dataset.target[rows]
        scale = float(values.std())
        return cls(dataset.task, (), float(values.mean()), scale if scale > 0 else 1.0)

    @property
    def outputs(self) -> int:
        """How many numbers the network gives for a row: one, or one a class where there are several."""
        return len(self.classes) if self.task == "multiclass" else 1

    def encode(self, values: np.ndarray) -> np.ndarray:
        """What the network learns from values as in ``Dataset.target``: int32 codes, or float32 of order one."""
        if self.classes:
            return np.asarray(values, np.int32)
        return ((np.asarray(values, np.float64) - self.mean) / self.scale).astype(np.float32)

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """A network's outputs in the user's terms: labels, or numbers in the user's unit (float64).

        outputs: (rows,) or (rows, 1) for regression and binary, (rows, classes) for multiclass. For classes these are
        logits, the largest or positive one wins; integers are taken as codes.

        >>> Target("binary", ("no", "yes")).decode(np.array([-0.3, 2.0])).tolist()
        ['no', 'yes']
        >>> Target("regression", (), mean=10.0, scale=2.0).decode(np.array([[0.5]])).tolist()
        [11.0]
        """
        outputs = np.asarray(outputs)
        if outputs.ndim == 2 and outputs.shape[1] == 1:
            outputs = outputs[:, 0]
        if not self.classes:
            return outputs.astype(np.float64) * self.scale + self.mean
        if outputs.dtype.kind == "f":
            outputs = outputs.argmax(axis=1) if outputs.ndim == 2 else outputs > 0
        return self._labels()[outputs.astype(np.int64)]

    def _labels(self) -> np.ndarray:
        kind = type(self.classes[0])
        return np.array(self.classes, dtype=None if kind in (int, float, bool, str) else object)

    def to_json(self) -> dict[str, Any]:
        """Everything, as what JSON can hold."""
        kind = type(self.classes[0]).__name__ if self.classes else "str"
        labels = [_WRITE.get(kind, lambda label: label)(label) for label in self.classes]
        return {"task": self.task, "label_type": kind, "classes": labels, "mean": self.mean, "scale": self.scale}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Target":
        """What ``to_json`` gave; labels have their types again. Raises InputError for anything else."""
        try:
            labels = tuple(_READ[content["label_type"]](label) for label in content["classes"])
            return cls(str(content["task"]), labels, float(content["mean"]), float(content["scale"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"This is not a target that steepest saved ({error!r}). Fit and save again.") from None
