from typing import Literal, NamedTuple

from ..arrays import Array, Scalar, maximum, one_minus_power, ratio, sqrt
from ._adam import epsilon_of
from ._rule import rule


class AMSGradState(NamedTuple):
    """m: mean gradient.  v: mean squared gradient.  v_max: the largest v so far."""

    m: Array = 0.0
    v: Array = 0.0
    v_max: Array = 0.0


@rule(AMSGradState, usual_learning_rate=1e-3)
def amsgrad(
    g: Array,
    state: AMSGradState,
    t: Scalar,
    *,
    learning_rate: Scalar,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    epsilon: Scalar = 1e-8,
    epsilon_root: Scalar = 0.0,
    epsilon_at: Literal["outside", "hat"] = "outside",
    correction: Literal["none", "after", "before"] = "none",
) -> tuple[Array, AMSGradState]:
    """AMSGrad: Adam that never forgets the largest mean square it has seen, so that no step size grows again.

        m     <- b1 m + (1 - b1) g
        v     <- b2 v + (1 - b2) g^2            v_max <- max(v_max, v)
        step   = -learning_rate m / (sqrt(v_max) + epsilon)

    g: gradient, any shape, in loss per unit of parameter.  t: step count, 1 on the first call.
    m, v: running means of g and g^2, v_max: the largest v, all shaped like g.
    learning_rate: units of parameter a step.
    b1, b2: share of m and v kept each step, in [0, 1).  epsilon, epsilon_root, epsilon_at: as in ``adam``.
    correction: the paper has "none" for the start at 0. "after" divides m and v_max as Adam does m and v; "before"
    takes the maximum of v that is divided already, and so keeps the large corrections of the first steps.
    Returns the step to add to the parameter, and the new state.
    The paper has no epsilon.
    Source: Reddi, Kale & Kumar 2018, Algorithm 2, arXiv:1904.09237.

    >>> step, state = amsgrad(2.0, AMSGradState(v_max=0.01), 1, learning_rate=0.1)
    >>> round(step, 6), round(state.v, 6), state.v_max
    (-0.2, 0.004, 0.01)
    """
    m = b1 * state.m + (1 - b1) * g
    v = b2 * state.v + (1 - b2) * g * g
    m_scale, v_scale = (1.0, 1.0) if correction == "none" else (one_minus_power(b1, t), one_minus_power(b2, t))
    if correction == "before":
        v_hat = v_max = maximum(state.v_max, v / v_scale)
    else:
        v_max = maximum(state.v_max, v)
        v_hat = v_max / v_scale
    scale = sqrt(v_hat + epsilon_root) + epsilon_of(epsilon, epsilon_at, b2, t)
    return -learning_rate * ratio(m / m_scale, scale), AMSGradState(m, v, v_max)
