import math
from typing import Literal, NamedTuple

from ..arrays import Array, Scalar, frobenius_norm, maximum, one_minus_power, ratio, transpose
from ..errors import InputError
from ._adamw import adamw
from ._rule import rule


class MuonState(NamedTuple):
    """m: mean (or sum) of gradients."""

    m: Array = 0.0


@rule(MuonState, usual_learning_rate=1e-3, elementwise=False, fallback=adamw)
def muon(
    g: Array,
    state: MuonState,
    t: Scalar,
    *,
    parameter: Array,
    learning_rate: Scalar,
    momentum: Scalar = 0.95,
    epsilon: Scalar = 1e-7,
    rms: Scalar = 0.2,
    weight_decay: Scalar = 0.0,
    gather: Literal["mean", "sum", "corrected"] = "mean",
    ahead: Literal["yes", "no"] = "yes",
    scale: Literal["rms", "rows", "columns", "none"] = "rms",
    epsilon_at: Literal["beside", "least"] = "beside",
) -> tuple[Array, MuonState]:
    """Muon: Nesterov's momentum, made nearly orthogonal, so that a matrix moves alike in all its directions.

        m    <- momentum m + (1 - momentum) g       x = momentum m + (1 - momentum) g
        step  = -learning_rate (rms sqrt(max(rows, columns)) orthogonal(x) + weight_decay parameter)

    g: gradient of a matrix, in loss per unit of parameter.  t: step count, 1 on the first call.  parameter: like g.
    m: shaped like g, from 0.  learning_rate: units of parameter a step.  momentum: share of m kept, in [0, 1).
    epsilon: in units of g, beside x's norm; epsilon_at="least" has it as the least that the norm counts for.
    rms: root mean square of a step's entries where learning_rate is 1; 0.2 is about Adam's, so that one learning rate
    serves Muon and the rule for all that is not a matrix, ``muon.fallback``.
    scale: what orthogonal(x) is multiplied by: "rms", as above; "rows", sqrt(max(1, rows / columns)), the blog's, whose
    rows are a layer's outputs; "columns", the same with columns for outputs; or nothing.
    gather: "sum" adds g where (1 - momentum) g stands, which leaves all but epsilon's weight as it is; "corrected"
    divides as Nadam does, by 1 - momentum^(t+1) below m and 1 - momentum^t below g.  ahead: "no" has x = m.
    weight_decay: share of the parameter that goes each step, per unit of learning_rate.
    Returns the step to add to the parameter, and the new state.  Raises InputError where g is not a matrix.
    Source: Jordan et al. 2024, kellerjordan.github.io/posts/muon; rms: Liu et al. 2025, eq. 4, arXiv:2502.16982.

    >>> import numpy as np
    >>> g = np.array([[3.0, 0.0], [0.0, 0.1]])
    >>> step, state = muon(g, MuonState(0 * g), 1, parameter=0 * g, learning_rate=0.1)
    >>> np.round(step, 3)
    array([[-0.02 , -0.   ],
           [-0.   , -0.032]])
    """
    share = 1.0 if gather == "sum" else 1 - momentum
    m = momentum * state.m + share * g
    old, new = (one_minus_power(momentum, t + 1), one_minus_power(momentum, t)) if gather == "corrected" else (1.0, 1.0)
    x = momentum * m / old + share * g / new if ahead == "yes" else m / new
    direction = orthogonalized(x, epsilon, epsilon_at) * _size(g, rms, scale)
    return -learning_rate * (direction + weight_decay * parameter), MuonState(m)


def orthogonalized(x: Array, epsilon: Scalar, epsilon_at: str) -> Array:
    """The matrix with the singular vectors of x and every singular value near 1: five steps of Newton-Schulz.

        x <- x / (norm(x) + epsilon)
        x <- a x + b (x x') x + c (x x')^2 x        (five times, on the flatter of x and its transpose x')

    Each step takes a singular value s to a s + b s^3 + c s^5. With the blog's coefficients all from 0.002 to 1 end in
    [0.68, 1.21]; those below grow up to 485 times.  Raises InputError where x is not a matrix.
    """
    if x.ndim != 2:
        raise InputError(f"Muon moves matrices; received an array of shape {tuple(x.shape)}. Try AdamW for it.")
    if x.shape[0] > x.shape[1]:
        return transpose(orthogonalized(transpose(x), epsilon, epsilon_at))
    norm = frobenius_norm(x)
    x = ratio(x, norm + epsilon if epsilon_at == "beside" else maximum(norm, 0 * norm + epsilon))
    a, b, c = 3.4445, -4.7750, 2.0315
    for _ in range(5):
        square = x @ transpose(x)
        x = a * x + (b * square + c * square @ square) @ x
    return x


def _size(x: Array, rms: Scalar, scale: str) -> Scalar:
    rows, columns = x.shape
    sizes = {"rms": max(rows, columns), "rows": max(1, rows / columns), "columns": max(1, columns / rows), "none": 1}
    return math.sqrt(sizes[scale]) * (rms if scale == "rms" else 1)
