from typing import Literal, NamedTuple

from ..arrays import Array, Scalar, absolute, maximum, one_minus_power, ratio
from ._rule import rule


class AdamaxState(NamedTuple):
    """m: mean gradient.  u: largest absolute gradient, slowly forgotten."""

    m: Array = 0.0
    u: Array = 0.0


@rule(AdamaxState, usual_learning_rate=2e-3)
def adamax(
    g: Array,
    state: AdamaxState,
    t: Scalar,
    *,
    learning_rate: Scalar,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    epsilon: Scalar = 1e-8,
    epsilon_at: Literal["beside", "within"] = "beside",
) -> tuple[Array, AdamaxState]:
    """Adamax: Adam that measures gradients by the largest of them instead of their mean square.

        m    <- b1 m + (1 - b1) g                   m_hat = m / (1 - b1^t)
        u    <- max(b2 u, |g|)
        step  = -learning_rate m_hat / (u + epsilon)

    g: gradient, any shape, in loss per unit of parameter.  t: step count, 1 on the first call.
    m: running mean of g, u: its decaying maximum norm, both shaped like g.  learning_rate: units of parameter a step.
    b1, b2: share of m and u kept each step, in [0, 1).  epsilon: in units of g.
    Returns the step to add to the parameter, and the new state.
    u needs no correction for its start at 0. The paper has no epsilon, and so 0/0 for a parameter whose gradients were
    all 0; here it stands beside u, outside the maximum, and such a parameter stays where it is whatever epsilon is.
    epsilon_at="within" adds it to |g| instead: u <- max(b2 u, |g| + epsilon), and the step divides by u.
    Source: Kingma & Ba 2015, Algorithm 2, arXiv:1412.6980.

    >>> step, state = adamax(2.0, AdamaxState(), 1, learning_rate=0.1)
    >>> round(step, 6), round(state.m, 6), state.u
    (-0.1, 0.2, 2.0)
    """
    m = b1 * state.m + (1 - b1) * g
    within, beside = (epsilon, 0.0) if epsilon_at == "within" else (0.0, epsilon)
    u = maximum(b2 * state.u, absolute(g) + within)
    m_hat = m / one_minus_power(b1, t)
    return -learning_rate * ratio(m_hat, u + beside), AdamaxState(m, u)
