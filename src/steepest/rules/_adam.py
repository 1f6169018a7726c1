from typing import Literal, NamedTuple

from ..arrays import Array, Scalar, one_minus_power, ratio, sqrt
from ._rule import rule


class AdamState(NamedTuple):
    """m: mean gradient.  v: mean squared gradient."""

    m: Array = 0.0
    v: Array = 0.0


@rule(AdamState, usual_learning_rate=1e-3)
def adam(
    g: Array,
    state: AdamState,
    t: Scalar,
    *,
    learning_rate: Scalar,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    epsilon: Scalar = 1e-8,
    epsilon_root: Scalar = 0.0,
    epsilon_at: Literal["outside", "hat"] = "outside",
) -> tuple[Array, AdamState]:
    """Adam: move by the mean gradient over its root mean square.

        m     <- b1 m + (1 - b1) g              m_hat = m / (1 - b1^t)
        v     <- b2 v + (1 - b2) g^2            v_hat = v / (1 - b2^t)
        step   = -learning_rate m_hat / (sqrt(v_hat) + epsilon)

    g: gradient, any shape, in loss per unit of parameter.  t: step count, 1 on the first call.
    m, v: running means of g and g^2, shaped like g.  learning_rate: units of parameter a step.
    b1, b2: share of m and v kept each step, in [0, 1).
    epsilon: in units of g, outside the root, as in Algorithm 1; epsilon_at="hat" is the remark below it, where sqrt(v)
    is not yet corrected when epsilon is added: epsilon / sqrt(1 - b2^t) in place of epsilon.
    epsilon_root: in units of g^2, added to v_hat inside the root; 0 in the paper.
    Returns the step to add to the parameter, and the new state.
    Source: Kingma & Ba 2015, Algorithm 1, arXiv:1412.6980.

    >>> step, state = adam(2.0, AdamState(), 1, learning_rate=0.1)
    >>> round(step, 6), round(state.m, 6), round(state.v, 6)
    (-0.1, 0.2, 0.004)
    """
    m = b1 * state.m + (1 - b1) * g
    v = b2 * state.v + (1 - b2) * g * g
    m_hat = m / one_minus_power(b1, t)
    v_hat = v / one_minus_power(b2, t)
    epsilon = epsilon_of(epsilon, epsilon_at, b2, t)
    return -learning_rate * ratio(m_hat, sqrt(v_hat + epsilon_root) + epsilon), AdamState(m, v)


def epsilon_of(epsilon: Scalar, epsilon_at: str, b2: Scalar, t: Scalar) -> Scalar:
    """The epsilon to add to ``sqrt(v_hat)``; the remark's epsilon hat is added to ``sqrt(v)``, before correction."""
    return epsilon if epsilon_at == "outside" else epsilon / sqrt(one_minus_power(b2, t))
