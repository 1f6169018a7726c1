"""How curved a loss may be before an optimizer's steps grow from one to the next, and how curved it is to it."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..optimizer import Optimizer, OptimizerState
from ._spectrum import EXACT, Loss, spectrum

# Of the step at a frozen preconditioner: plain, with heavy-ball momentum, with Nesterov's, with a mean gradient, and
# with that mean seen a step ahead. b is the share of the momentum kept.
_LIMITS: dict[str, Callable[[float], float]] = {
    "plain": lambda b: 2.0,
    "heavy": lambda b: 2 + 2 * b,
    "ahead": lambda b: (2 + 2 * b) / (1 + 2 * b),
    "mean": lambda b: (2 + 2 * b) / (1 - b),
    "mean ahead": lambda b: (2 + 2 * b) / ((1 - b) * (1 + 2 * b)),
}


class _Kind(NamedTuple):
    """momentum: one of the above.  share: the hyperparameter that is its b.  field: of the state, what P is made of."""

    momentum: str
    share: str | None
    field: str | None


_KINDS = {
    "sgd": _Kind("plain", None, None),
    "momentum": _Kind("heavy", "momentum", None),
    "nesterov": _Kind("ahead", "momentum", None),
    "adagrad": _Kind("plain", None, "s"),
    "rmsprop": _Kind("plain", None, "v"),
    "adam": _Kind("mean", "b1", "v"),
    "adamw": _Kind("mean", "b1", "v"),
    "amsgrad": _Kind("mean", "b1", "v"),
    "nadam": _Kind("mean ahead", "b1", "v"),
    "adamax": _Kind("mean", "b1", "u"),
}
# Below this an entry of P is of a parameter whose gradients were all 0.
_LEAST = 1e-12
# State arrays that are sizes of gradients already, not squares of them.
_SIZES = ("u",)


class Sharpness(NamedTuple):
    """highest: the largest eigenvalue of P^-1 H, the Hessian as the optimizer sees it.  residual: how far it is off.

    limit: the largest that leaves the step stable.  ratio: highest over limit, above 1 where steps grow.
    """

    highest: float
    residual: float
    limit: float

    @property
    def ratio(self) -> float:
        """How much of the limit is used."""
        return self.highest / self.limit


def stability_limit(optimizer: Optimizer, step: int = 0) -> float | None:
    """The largest eigenvalue of P^-1 H at which the optimizer's steps do not grow; None for a rule that is not known.

        2/lr plain    (2 + 2 b)/lr momentum    (2 + 2 b)/((1 + 2 b) lr) Nesterov
        (2 + 2 b1)/((1 - b1) lr) Adam, so 38/lr at 0.9    (2 + 2 b1)/((1 - b1)(1 + 2 b1) lr) Nadam

    step: at which the schedule is asked for its rate.
    Source: Cohen et al. 2022, Adaptive gradient methods at the edge of stability, arXiv:2207.14484; Polyak 1964. For
    Nesterov's from the roots of its recursion on a parabola.

    >>> from steepest import Adam, SGD
    >>> stability_limit(SGD(0.1)), round(stability_limit(Adam(0.1)))
    (20.0, 380)
    """
    kind = _KINDS.get(optimizer.name)
    if kind is None:
        return None
    share = float(optimizer.hyperparameters[kind.share]) if kind.share else 0.0
    rate = float(optimizer.schedule(int(step)))
    return _LIMITS[kind.momentum](share) / rate if rate > 0 else math.inf


def adapts(optimizer: Optimizer) -> bool:
    """Whether the size of its steps does not follow the gradient's: all rules but SGD and those with momentum alone."""
    kind = _KINDS.get(optimizer.name)
    return kind is None or kind.field is not None


def preconditioner(optimizer: Optimizer, state: OptimizerState, parameters: Any) -> Any:
    """P of the optimizer's next steps, a tree like the parameters; None where it is 1, or the rule is not known.

    Of Adam sqrt(v_hat) + epsilon, of RMSProp sqrt(v + epsilon), of Adagrad sqrt(s + epsilon), of Adamax u + epsilon.
    """
    kind = _KINDS.get(optimizer.name)
    if kind is None or kind.field is None:
        return None
    held = optimizer.state_array(state, parameters, kind.field)
    epsilon = float(optimizer.hyperparameters.get("epsilon", 0.0))
    inside = optimizer.name in ("rmsprop", "adagrad")
    corrected = 1.0
    if "b2" in optimizer.hyperparameters and kind.field == "v":
        corrected = -np.expm1(max(1, int(state.t)) * np.log(float(optimizer.hyperparameters["b2"])))

    def of(leaf: jax.Array) -> jax.Array:
        if kind.field in _SIZES:
            return leaf + epsilon
        return jnp.sqrt(leaf + epsilon) if inside else jnp.sqrt(leaf / corrected) + epsilon

    return jax.tree.map(of, held)


def sharpness(
    loss: Loss, at: tuple[Any, OptimizerState], batch: Any, optimizer: Optimizer, *, steps: int = 40, exact: int = EXACT
) -> Sharpness | None:
    """The Hessian as an optimizer sees it, beside its limit; None for a rule whose limit is not known.

    at: the parameters, and the optimizer's state there.  steps, exact: as in ``spectrum``.
    Raises InputError like ``spectrum``.
    """
    parameters, state = at
    limit = stability_limit(optimizer, int(state.t))
    if limit is None:
        return None
    p = preconditioner(optimizer, state, parameters)
    scale = None if p is None else jax.tree.map(lambda leaf: 1 / jnp.sqrt(jnp.maximum(leaf, _LEAST)), p)
    seen = spectrum(loss, parameters, batch, scale=scale, steps=steps, exact=exact)
    return Sharpness(seen.highest, seen.highest_residual, limit)
