"""A feedforward network on a table as a Problem: split, encoded and standardised anew for each seed."""

import copy
import functools
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..data import Dataset, FeatureEncoder, Split, Target, count_splits, split
from ..errors import InputError, unknown
from ..losses import LOSSES, loss_for
from ..networks import Layer, Network
from ._model import Model
from ._problem import Instance, Measure


@dataclass(frozen=True)
class NetworkInit:
    """Initial parameters of a network; equal for equal shapes.

    padding: inputs besides *inputs* that are always zero. Their weights are zero, and no gradient and no decay of
    weights ever moves them, so what they stand beside trains as it would without them.
    """

    network: Network
    inputs: int
    outputs: int
    padding: int = 0

    def __call__(self, key: jax.Array) -> tuple[Layer, ...]:
        first, *others = self.network.init(key, self.inputs, self.outputs)
        return first._replace(weights=jnp.pad(first.weights, ((0, self.padding), (0, 0)))), *others


@dataclass(frozen=True)
class NetworkLoss:
    """Mean loss of a network on a batch (x, y) or (x, y, weights); weights have mean 1 over their part."""

    network: Network
    loss: str

    def __call__(self, parameters: tuple[Layer, ...], batch: tuple[jax.Array, ...]) -> jax.Array:
        x, y, *weights = batch
        losses = LOSSES[self.loss](self.network.apply(parameters, x), y)
        return jnp.mean(losses * weights[0]) if weights else jnp.mean(losses)


class Prepared(NamedTuple):
    """A table at one seed: who is in which part, and what was learned on the training part."""

    split: Split
    encoder: FeatureEncoder
    target: Target


class NetworkProblem:
    """A network to train on a table.

    table: the data.  network: its shape.  loss: a name, or None for the task's own.
    class_weight: ``balanced`` weighs each class by the inverse of its frequency in the training part; None does not.
    validation, test: shares of the rows kept for early stopping and for the last measurement.
    test_seed: fixes the test part, which stays the same whatever the seed of a run.
    Raises InputError for names and shares out of range, or classes too small to split.
    """

    def __init__(
        self,
        table: Dataset,
        network: Network,
        *,
        loss: str | None = None,
        class_weight: str | None = None,
        validation: float = 0.2,
        test: float = 0.2,
        test_seed: int = 0,
    ):
        if not isinstance(table, Dataset):
            raise InputError(
                f"A network is trained on a table that was read; received {type(table).__name__}. "
                "Try network(read(...))."
            )
        if class_weight not in (None, "balanced"):
            raise unknown("class weight", class_weight, ["balanced"])
        if not (0 <= validation < 1 and 0 <= test < 1 and validation + test < 1):
            raise InputError(
                f"The shares of validation and test must leave some training rows; received {validation} and {test}."
            )
        self.table, self.network = table, network
        self.loss = loss_for(table.task, loss)
        self.class_weight = class_weight
        self.validation, self.test, self.test_seed = validation, test, test_seed
        self._prepared = functools.lru_cache(maxsize=64)(self._prepare)

    def __repr__(self) -> str:
        units = "-".join(str(width) for width in self.network.hidden) or "no"
        return f"Network of {units} hidden units, {self.network.activation}, on {self.table.describe()}"

    def with_network(self, network: Network) -> "NetworkProblem":
        """The same table, loss and splits with another network; what was learned of the table is shared."""
        other = copy.copy(self)
        other.network = network
        return other

    @property
    def name(self) -> str:
        """The table's name."""
        return self.table.name

    @property
    def splits(self) -> int:
        """How many validation parts different seeds can draw; one where nothing is held back for it."""
        return count_splits(self.table, validation=self.validation, test=self.test)

    @property
    def measure(self) -> Measure:
        """How losses are reported: errors in the user's units, cross-entropies in nats."""
        unit = f"units of '{self.table.target_name}'"
        name, unit = {
            "squared_error": ("root mean squared error", unit),
            "huber": ("Huber loss", f"squared {unit}"),
        }.get(self.loss, ("cross-entropy", "nats"))
        return Measure(name, unit, "validation" if self.validation else "training")

    def reported(self, losses: Any, seed: int) -> Any:
        """Losses in the user's units: of a standardised target at a seed, the root of squared errors times its scale.

        A Huber loss times the squared scale is the Huber loss that turns linear at an error of one scale.
        """
        scale = self._prepared(seed).target.scale
        if self.loss == "squared_error":
            return scale * np.sqrt(losses)
        return scale**2 * losses if self.loss == "huber" else losses

    def minimised(self, losses: Any, seed: int) -> Any:
        """The inverse of ``reported``: what is minimised at a seed, of losses in the user's units."""
        scale = self._prepared(seed).target.scale
        if self.loss == "squared_error":
            return (losses / scale) ** 2
        return losses / scale**2 if self.loss == "huber" else losses

    @property
    def outputs(self) -> int:
        """Output units: one a class beyond two classes, else one."""
        return len(self.table.classes) if self.table.task == "multiclass" else 1

    def instances(self, seeds: Iterable[int]) -> list[Instance]:
        """The problem at each seed, all of the same shapes so that one program serves them.

        A category that one seed's training part lacks is a column of zeros there, at the right. The start is drawn for
        the seed's own columns, so that its run does not depend on which other seeds there are.
        """
        seeds = list(seeds)
        inputs = max(len(self._prepared(seed).encoder.feature_names) for seed in seeds)
        return [self._instance(seed, inputs) for seed in seeds]

    def _prepare(self, seed: int) -> Prepared:
        drawn = split(self.table, seed=seed, validation=self.validation, test=self.test, test_seed=self.test_seed)
        encoder = FeatureEncoder().fit(self.table.features[drawn.train])
        return Prepared(drawn, encoder, Target.fit(self.table, drawn.train))

    def _instance(self, seed: int, inputs: int) -> Instance:
        part = self._prepared(seed)
        own = len(part.encoder.feature_names)
        return Instance(
            NetworkInit(self.network, own, self.outputs, padding=inputs - own),
            NetworkLoss(self.network, self.loss),
            *(self._arrays(part, rows, inputs) for rows in (part.split.train, part.split.validation, part.split.test)),
        )

    def _arrays(self, part: Prepared, rows: np.ndarray, inputs: int) -> tuple[jax.Array, ...] | None:
        if len(rows) == 0:
            return None
        x = part.encoder.transform(self.table.features[rows])
        x = np.pad(x, ((0, 0), (0, inputs - x.shape[1])))
        y = part.target.encode(self.table.target[rows])
        weights = self._weights(part, rows)
        return tuple(jnp.asarray(array) for array in ((x, y) if weights is None else (x, y, weights)))

    @property
    def weighted(self) -> bool:
        """Whether rows count unequally in the loss; metrics of a model count them equally all the same."""
        by_class = self.class_weight is not None and self.table.task != "regression"
        return by_class or self.table.weights is not None

    def _weights(self, part: Prepared, rows: np.ndarray) -> np.ndarray | None:
        """Sample weights times class weights, with mean 1 over these rows; None where all are equal."""
        table = self.table
        if not self.weighted:
            return None
        weights = np.ones(len(rows)) if table.weights is None else table.weights[rows].astype(np.float64)
        if self.class_weight == "balanced" and table.task != "regression":
            counts = np.bincount(table.target[part.split.train], minlength=len(table.classes))
            weights = weights / counts[table.target[rows]]
        total = weights.sum()
        if total == 0:
            raise InputError("All sample weights of a part of the table are zero. Give each part some weight.")
        return (weights * (len(rows) / total)).astype(np.float32)

    def model(self, parameters: tuple[Layer, ...], seed: int) -> Model:
        """What predicts: parameters trained at a seed, with what that seed's training part taught the encoders."""
        part = self._prepared(seed)
        first = parameters[0]._replace(weights=parameters[0].weights[: len(part.encoder.feature_names)])
        arrays = tuple(Layer(*(np.asarray(array) for array in layer)) for layer in (first, *parameters[1:]))
        return Model(
            self.network, arrays, part.encoder, part.target, self.table.target_name, self.table.task, self.loss
        )

    def evaluate(self, model: Model, seed: int, part: str = "test") -> dict[str, Any]:
        """Metrics of a model on a part of the table, in the user's units; empty where the part is, or an output is not
        finite.
        """
        rows = getattr(self._prepared(seed).split, part)
        if len(rows) == 0:
            return {}
        return model.score(self.table.features[rows], self.table.target[rows])

    def to_json(self) -> dict[str, Any]:
        """What was asked, as plain values."""
        return {
            "network": asdict(self.network),
            "loss": self.loss,
            "weight": self.table.weight_name,
            "class_weight": self.class_weight,
            "validation": self.validation,
            "test": self.test,
            "test_seed": self.test_seed,
        }

    def describe_data(self, seed: int = 0) -> dict[str, Any]:
        """The table and the sizes of its parts, as plain values."""
        table, drawn = self.table, self._prepared(seed).split
        return {
            "name": table.name,
            "fingerprint": table.fingerprint,
            "rows": table.rows,
            "columns": table.features.width,
            "target": table.target_name,
            "task": table.task,
            "classes": [label if isinstance(label, (int, float, bool)) else str(label) for label in table.classes],
            "notes": list(table.notes),
            "train_rows": len(drawn.train),
            "validation_rows": len(drawn.validation),
            "test_rows": len(drawn.test),
        }


def network(
    table: Dataset,
    hidden: tuple[int, ...] = (128,),
    *,
    activation: str = "relu",
    initializer: str | None = None,
    scale: float = 1.0,
    loss: str | None = None,
    class_weight: str | None = None,
    validation: float = 0.2,
    test: float = 0.2,
) -> NetworkProblem:
    """A feedforward network to train on a table.

    hidden: units of each hidden layer, none for linear or logistic regression.  activation, initializer, scale: as in
    ``Network``.  loss, class_weight, validation, test: as in ``NetworkProblem``.  Raises InputError like those.
    """
    shape = Network(hidden, activation, initializer, scale)
    return NetworkProblem(table, shape, loss=loss, class_weight=class_weight, validation=validation, test=test)
