"""A Problem: what is minimised. Anything with a start and a loss that JAX can differentiate."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import InputError

Loss = Callable[[Any, Any], jax.Array]  # (parameters, batch) -> mean loss, a scalar
Init = Callable[[jax.Array], Any]  # key -> parameters, any tree of float arrays


class Instance(NamedTuple):
    """A problem at one seed: its data parts are drawn, its arrays are on the device.

    init and loss are hashable and equal for equal computations, which is what a compiled program is found again by.
    train, validation, test: trees of arrays with rows first; None where there is no such part, and an empty tuple for
    the training part of a loss without data.
    """

    init: Init
    loss: Loss
    train: Any
    validation: Any = None
    test: Any = None

    @property
    def rows(self) -> int:
        """Rows of the training part; 1 where the loss takes no data."""
        leaves = jax.tree.leaves(self.train)
        return leaves[0].shape[0] if leaves else 1


def start(init: Init, seed: Any) -> tuple[Any, jax.Array]:
    """The initial parameters of a seed, and a key for the gradient noise of its run."""
    drawn, noise = jax.random.split(jax.random.key(seed))
    return init(drawn), noise


class Measure(NamedTuple):
    """How losses are reported: what they are called, in which unit (empty where there is none), and of which part.

    part: ``validation``, or ``training`` where nothing is held back and the training loss is watched.
    """

    name: str
    unit: str
    part: str = "validation"

    def of(self, loss: float) -> str:
        """A loss with its unit, to three digits."""
        return f"{loss:.3g} {self.unit}".rstrip()


class Minimised(Protocol):
    """What fit and race need of a problem."""

    @property
    def name(self) -> str:
        """What to call it in a table or title."""

    def instances(self, seeds: Iterable[int]) -> list[Instance]:
        """The problem at each seed, all of equal shapes."""

    @property
    def measure(self) -> Measure:
        """How losses are reported."""

    def reported(self, losses: Any, seed: int) -> Any:
        """Losses as they are reported, from those that are minimised at a seed: a number or an array."""


def check_minimised(problem: Any) -> None:
    """Raise InputError for anything that fit and race cannot minimise, such as a table or a file's name."""
    if not all(hasattr(problem, needed) for needed in ("instances", "measure", "reported")):
        raise InputError(
            f"fit and race minimise a problem; received {type(problem).__name__}. "
            "Make one with network(read(...)) from a table, or Problem(init, loss) from any loss."
        )


@dataclass(frozen=True)
class _Start:
    """An initialiser that always begins at the same point."""

    leaves: tuple[np.ndarray, ...]
    tree: Any

    def __call__(self, key: jax.Array) -> Any:
        return self.tree.unflatten([jnp.asarray(leaf) for leaf in self.leaves])

    __hash__ = object.__hash__
    __eq__ = object.__eq__


@dataclass(frozen=True)
class _NoData:
    """A loss without data, in the form of one with."""

    loss: Callable[[Any], jax.Array]

    def __call__(self, parameters: Any, batch: Any) -> jax.Array:
        return self.loss(parameters)


class Problem:
    """Any loss that JAX can differentiate.

    init: ``init(key) -> parameters``, or the parameters to start from: a tree of float arrays.
    loss: ``loss(parameters, batch) -> scalar``, the mean over the batch's rows; ``loss(parameters)`` without data.
    data: a tree of arrays with the same number of rows each; a batch is the same tree with fewer rows.
    validation: the same for early stopping; without it the whole training loss is watched.
    Raises InputError where the arrays' rows differ, a parameter is not of floating dtype, or the loss is not one number
    of floating dtype.

    >>> import jax.numpy as jnp
    >>> bowl = Problem(init=jnp.array([1.0, 2.0]), loss=lambda x: jnp.sum(x**2))
    >>> bowl.instances([0])[0].rows
    1
    """

    def __init__(
        self,
        init: Init | Any,
        loss: Callable[..., jax.Array],
        data: Any = None,
        validation: Any = None,
        *,
        name: str = "problem",
    ):
        self.name = name
        self.measure = Measure("loss", "", "training" if validation is None else "validation")
        if not callable(init):
            leaves, tree = jax.tree.flatten(init)
            init = _Start(tuple(_floating(leaf) for leaf in leaves), tree)
        if data is None and validation is not None:
            raise InputError("A problem without data cannot have validation data. Give data as well.")
        self._instance = Instance(
            init, loss if data is not None else _NoData(loss), _arrays(data, "data"), _arrays(validation, "validation")
        )
        if data is None:
            self._instance = self._instance._replace(train=())
        _check(self._instance)

    def instances(self, seeds: Iterable[int]) -> list[Instance]:
        """The problem as it is, once a seed: its data parts do not depend on it."""
        return [self._instance for _ in seeds]

    def reported(self, losses: Any, seed: int) -> Any:
        """The losses as they are."""
        return losses


def _floating(leaf: Any) -> np.ndarray:
    array = np.asarray(leaf)
    return array if array.dtype.kind not in "iub" else array.astype(np.float32)


def _arrays(data: Any, what: str) -> Any:
    if data is None:
        return None
    data = jax.tree.map(jnp.asarray, data)
    rows = {array.shape[0] if array.ndim else 0 for array in jax.tree.leaves(data)}
    if len(rows) != 1 or rows == {0}:
        raise InputError(
            f"The arrays of {what} must have the same number of rows, at least one; received {sorted(rows)}."
        )
    return data


def _check(instance: Instance) -> None:
    if isinstance(instance.init, _Start):
        _check_floating(instance.init.leaves)
    parameters = jax.eval_shape(instance.init, jax.random.key(0))
    _check_floating(jax.tree.leaves(parameters))
    value = jax.eval_shape(instance.loss, parameters, instance.train)
    if getattr(value, "shape", None) != () or not jnp.issubdtype(value.dtype, jnp.floating):
        raise InputError(f"The loss must return one real number; it returned {value}. Take its mean over the batch.")


def _check_floating(leaves: Iterable[Any]) -> None:
    dtypes = [leaf.dtype for leaf in leaves]
    if not dtypes or not all(jnp.issubdtype(dtype, jnp.floating) for dtype in dtypes):
        received = ", ".join(dict.fromkeys(str(dtype).lstrip("<") for dtype in dtypes)) or "none"
        raise InputError(f"Parameters must be arrays of floating-point numbers; received {received}. Try float32.")
