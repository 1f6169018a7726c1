"""Is a gradient right? Compare it with central differences, entry by entry, in float64."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import InputError
from ._problem import Loss, Minimised, start

# h = eps^(1/3): where the truncation error of a central difference, h^2, meets its rounding error, eps / h.
_STEP = float(np.finfo(np.float64).eps ** (1 / 3))


@dataclass(frozen=True)
class GradientCheck:
    """The comparison of a gradient with central differences.

    ok: whether the worst error is within the tolerance.  error: the worst entry's, relative to the larger of its two
    values (at least a millionth of the largest entry, below which a difference is rounding).
    entry: where it is, such as ``[0].weights[3, 5]``.  gradient, difference: its two values there.
    checked: how many entries were compared.
    """

    ok: bool
    error: float
    entry: str
    gradient: float
    difference: float
    checked: int

    def __str__(self) -> str:
        told = "agrees" if self.ok else "DISAGREES"
        return (
            f"The gradient {told} with central differences at {self.checked} entries; worst at {self.entry}: "
            f"{self.gradient:.8g} against {self.difference:.8g} (relative error {self.error:.1e})."
        )


def check_gradient(
    problem: Minimised,
    parameters: Any = None,
    *,
    seed: int = 0,
    rows: int = 64,
    most_entries: int = 1000,
    tolerance: float = 1e-5,
) -> GradientCheck:
    """Compare a problem's gradient with central differences and name the worst entry.

    parameters: where to check; the initial ones of the seed if not given.  rows: of the training part, the first ones.
    most_entries: drawn at random where there are more.  tolerance: the largest relative error that is still right.
    Everything is computed in float64. At a kink, such as ReLU's, the two rightly differ: check at another point.
    Raises InputError where the loss there is not finite.
    Source: Nocedal & Wright 2006, Numerical Optimization, 8.1, for the size of the difference.
    """
    if rows < 1 or most_entries < 1:
        raise InputError(
            f"rows and most_entries must be 1 or more; received {rows} and {most_entries}. Try 64 and 1000."
        )
    (instance,) = problem.instances([seed])
    if parameters is None:
        parameters, _ = start(instance.init, seed)
    with jax.enable_x64(True):
        point = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), jnp.float64), parameters)
        batch = jax.tree.map(lambda array: _wide(np.asarray(array[:rows])), instance.train)
        entries = _drawn(sum(leaf.size for leaf in jax.tree.leaves(point)), most_entries, seed)
        return _compare(instance.loss, point, batch, entries, tolerance)


def _drawn(count: int, most: int, seed: int) -> np.ndarray:
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


def _wide(array: np.ndarray) -> jax.Array:
    return jnp.asarray(array, jnp.float64 if array.dtype.kind == "f" else array.dtype)


def _compare(loss: Loss, point: Any, batch: Any, entries: np.ndarray, tolerance: float) -> GradientCheck:
    value, gradients = jax.value_and_grad(loss)(point, batch)
    if not bool(jnp.isfinite(value)):
        raise InputError(f"The loss is {float(value)} there, so it has no gradient to check. Give other parameters.")
    leaves, tree = jax.tree.flatten(point)
    exact = np.concatenate([np.ravel(np.asarray(leaf)) for leaf in jax.tree.leaves(gradients)])
    sizes = np.cumsum([0, *(leaf.size for leaf in leaves)])
    flat = np.concatenate([np.ravel(np.asarray(leaf)) for leaf in leaves])

    @jax.jit
    def at(vector: jax.Array) -> jax.Array:
        parts = [vector[a:b].reshape(leaf.shape) for a, b, leaf in zip(sizes, sizes[1:], leaves, strict=False)]
        return loss(jax.tree.unflatten(tree, parts), batch)

    differences = np.array([_difference(at, flat, int(i)) for i in entries])
    size = np.maximum(np.abs(exact[entries]), np.abs(differences))
    floor = max(1e-6 * np.abs(exact[np.isfinite(exact)]).max(initial=0.0), 1e-9)
    errors = np.abs(exact[entries] - differences) / np.maximum(size, floor)
    errors = np.where(np.isfinite(errors), errors, np.inf)
    worst = int(errors.argmax())
    return GradientCheck(
        ok=bool(errors[worst] <= tolerance),
        error=float(errors[worst]),
        entry=_name(point, sizes, int(entries[worst])),
        gradient=float(exact[entries[worst]]),
        difference=float(differences[worst]),
        checked=len(entries),
    )


def _difference(at: Any, flat: np.ndarray, i: int) -> float:
    h = _STEP * max(1.0, abs(flat[i]))
    above, below = flat.copy(), flat.copy()
    above[i] += h
    below[i] -= h
    return float(at(above) - at(below)) / (above[i] - below[i])


def _name(point: Any, sizes: np.ndarray, i: int) -> str:
    leaf = int(np.searchsorted(sizes, i, side="right")) - 1
    path, array = jax.tree_util.tree_leaves_with_path(point)[leaf]
    index = np.unravel_index(i - sizes[leaf], array.shape)
    place = f"[{', '.join(str(int(number)) for number in index)}]" if array.ndim else ""
    return jax.tree_util.keystr(path) + place
