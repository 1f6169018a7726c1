"""What predicts: a trained network with the encoders its training part taught, on disk and in memory."""

import functools
import json
import warnings
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import jax
import numpy as np
import polars as pl
import safetensors
import safetensors.numpy

from ..data import FeatureEncoder, Target, read_features
from ..errors import InputError
from ..files import new_directory
from ..losses import loss_for
from ..networks import Layer, Network
from . import _metrics

_FORMAT = 1
_MODEL, _WEIGHTS, _ENCODER = "model.json", "weights.safetensors", "encoder.safetensors"
# Rows of one forward pass: bounds the memory of a prediction over a large table.
_ROWS = 65536


@dataclass(frozen=True, eq=False)
class Model:
    """A network that predicts a table's target from its columns.

    network, parameters: the trained network (NumPy arrays).  encoder: columns to numbers.  target: outputs to labels.
    target_name: the predicted column.  task: ``binary``, ``multiclass`` or ``regression``.
    loss: what it was trained on.
    """

    network: Network
    parameters: tuple[Layer, ...]
    encoder: FeatureEncoder
    target: Target
    target_name: str
    task: str
    loss: str

    def __repr__(self) -> str:
        units = "-".join(str(layer.weights.shape[0]) for layer in self.parameters) + f"-{self.target.outputs}"
        return f"Model of '{self.target_name}' ({self.task}): network of {units} units, {self.network.activation}"

    def outputs(self, features: Any) -> np.ndarray:
        """Raw outputs (rows, outputs): logits, or standardised numbers.

        features: a table as for ``read``, such as a Polars or pandas DataFrame or a file; no target is needed.
        This and all that predicts warns (UserWarning) of categories that training did not see: they count as none.
        """
        features = read_features(features, self.encoder)
        for note in self.encoder.unseen(features):
            warnings.warn(note, UserWarning, stacklevel=3)
        return self._outputs(features)

    def _outputs(self, features: pl.DataFrame) -> np.ndarray:
        x = self.encoder.transform(features)
        parts = [x[start : start + _ROWS] for start in range(0, len(x), _ROWS)]
        return np.concatenate([np.asarray(_forward(self.parameters, part, self.network)) for part in parts])

    def predict_probabilities(self, features: Any) -> np.ndarray:
        """Probability of each class (rows, classes), in the order of ``target.classes``.

        features: as for ``outputs``.
        """
        if self.task == "regression":
            raise InputError(f"A number has no class probabilities; '{self.target_name}' is one. Use predict.")
        return self._probabilities(self.outputs(features))

    def _probabilities(self, outputs: np.ndarray) -> np.ndarray:
        z = outputs.astype(np.float64)
        if self.task == "binary":
            z = np.concatenate([np.zeros_like(z), z], axis=1)
        exponentials = np.exp(z - z.max(axis=1, keepdims=True))
        return exponentials / exponentials.sum(axis=1, keepdims=True)

    def predict(self, features: Any) -> np.ndarray:
        """Predicted labels, or numbers in the user's units (rows,).  features: as for ``outputs``."""
        return self._decoded(self.outputs(features))

    def _decoded(self, outputs: np.ndarray) -> np.ndarray:
        if self.task == "regression":
            return self.target.decode(outputs[:, 0])
        return self.target.decode(self._probabilities(outputs).argmax(axis=1))

    def score(self, features: pl.DataFrame, target: np.ndarray) -> dict[str, Any]:
        """Metrics against the true target: class codes, or numbers in the user's units (rows,).

        Categories that training did not see are part of what is measured, and need no warning. Empty where an output
        is not finite.
        """
        outputs = self._outputs(features)
        if not np.isfinite(outputs).all():
            return {}
        if self.task == "regression":
            return _metrics.regression(target, self._decoded(outputs), f"units of '{self.target_name}'")
        labels = [label if isinstance(label, (int, float, bool)) else str(label) for label in self.target.classes]
        return _metrics.classification(target, self._probabilities(outputs), labels)

    def save(self, directory: str | Path, metrics: dict[str, Any] | None = None) -> None:
        """Write a directory, whole or not at all: model.json, weights.safetensors, encoder.safetensors. No pickle.

        metrics: plain values to keep with it. Raises InputError where the directory exists or cannot be written.
        """
        with new_directory(directory) as place:
            self._write(place, metrics or {})

    def _write(self, directory: Path, metrics: dict[str, Any]) -> None:
        arrays = {
            f"{layer}.{name}": np.ascontiguousarray(array)
            for layer, parameters in enumerate(self.parameters)
            for name, array in parameters._asdict().items()
        }
        safetensors.numpy.save_file(arrays, directory / _WEIGHTS)
        self.encoder.save(directory / _ENCODER)
        described = {
            "format": _FORMAT,
            "steepest": version("steepest"),
            "task": self.task,
            "loss": self.loss,
            "network": asdict(self.network),
            "target": self.target.to_json(),
            "target_name": self.target_name,
            "features": list(self.encoder.feature_names),
            "metrics": metrics,
        }
        (directory / _MODEL).write_text(json.dumps(described, indent=1))

    @staticmethod
    def load(directory: str | Path) -> "Model":
        """Read a model directory, or the run directory around it. Runs no code from it.

        Raises InputError where it is missing, damaged, from a newer version, or holds anything unexpected.
        """
        place = Path(directory)
        place = place / "model" if (place / "model" / _MODEL).is_file() else place
        if not (place / _MODEL).is_file():
            raise InputError(
                f"'{directory}' holds no model: there is no {_MODEL} in it. Give the --out of fit or race."
            )
        try:
            described = json.loads((place / _MODEL).read_text())
            if described["format"] != _FORMAT:
                raise InputError(
                    f"The model in '{directory}' has format {described['format']}; this version reads {_FORMAT}. "
                    "Use the version of steepest that wrote it."
                )
            network = Network(**{**described["network"], "hidden": tuple(described["network"]["hidden"])})
            encoder = FeatureEncoder.load(place / _ENCODER)
            target = Target.from_json(described["target"])
            if described["task"] != target.task:
                raise ValueError(f"its task is {described['task']}, its target's {target.task}")
            loss = loss_for(target.task, described["loss"])
            shapes = list(pairwise((len(encoder.feature_names), *network.hidden, target.outputs)))
            layers = _layers(safetensors.numpy.load_file(place / _WEIGHTS), shapes)
            model = Model(network, layers, encoder, target, str(described["target_name"]), target.task, loss)
            # What loads but cannot predict a row of gaps is damaged too, in one of the many ways a file can be.
            model.predict(encoder.gaps())
            return model
        except InputError:
            raise
        except Exception as error:
            raise InputError(
                f"The model in '{directory}' is damaged ({error}). Train it again, or copy it afresh."
            ) from error


def _layers(arrays: dict[str, np.ndarray], shapes: list[tuple[int, int]]) -> tuple[Layer, ...]:
    if len(arrays) != 2 * len(shapes):
        raise ValueError(f"{len(shapes)} layers have {len(arrays)} arrays of weights and biases")
    layers = tuple(Layer(arrays[f"{i}.weights"], arrays[f"{i}.biases"]) for i in range(len(shapes)))
    for layer, shape in zip(layers, shapes, strict=True):
        found = (layer.weights.shape, layer.biases.shape, layer.weights.dtype.kind + layer.biases.dtype.kind)
        if found != (shape, shape[1:], "ff"):
            raise ValueError(f"a layer of {shape[0]} inputs and {shape[1]} outputs has weights of {found[0]}")
    return layers


@functools.partial(jax.jit, static_argnames="network")
def _forward(parameters: tuple[Layer, ...], x: jax.Array, network: Network) -> jax.Array:
    return network.apply(parameters, x)
