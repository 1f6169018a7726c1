from typing import NamedTuple

from ..arrays import Array, Scalar, one_minus_power, ratio, sqrt
from ._rule import rule


class NadamState(NamedTuple):
    """m: mean gradient.  v: mean squared gradient.  mu_product: product of every momentum so far."""

    m: Array = 0.0
    v: Array = 0.0
    mu_product: Scalar = 1.0


@rule(NadamState, usual_learning_rate=2e-3)
def nadam(
    g: Array,
    state: NadamState,
    t: Scalar,
    *,
    learning_rate: Scalar,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    epsilon: Scalar = 1e-8,
    momentum_decay: Scalar = 0.004,
    epsilon_root: Scalar = 0.0,
) -> tuple[Array, NadamState]:
    """Nadam: Adam with Nesterov's momentum, which is warmed up over the first thousands of steps.

        mu_t  = b1 (1 - 0.96^(t momentum_decay) / 2)
        m    <- b1 m + (1 - b1) g                   v <- b2 v + (1 - b2) g^2
        m_hat = mu_{t+1} m / (1 - mu_1 ... mu_{t+1}) + (1 - mu_t) g / (1 - mu_1 ... mu_t)
        v_hat = v / (1 - b2^t)
        step  = -learning_rate m_hat / (sqrt(v_hat) + epsilon)

    g: gradient, any shape, in loss per unit of parameter.  t: step count, 1 on the first call.
    m, v: running means of g and g^2, shaped like g.  mu_product: mu_1 ... mu_t, one number.
    learning_rate: units of parameter a step.  b1, b2: share of m and v kept each step, in [0, 1).
    momentum_decay: 0.004, so mu_t goes from b1 / 2 to b1 with a half-life of 4245 steps; infinity: mu_t = b1 always.
    epsilon: in units of g, outside the root.  epsilon_root: as in ``adam``.
    Returns the step to add to the parameter, and the new state.
    As everywhere it is used, m decays by b1 and not by mu_t, and the factor b2 that Algorithm 2 has in v_hat is left
    out: it would make every step 1 / sqrt(b2) times larger, 1.0005 by default.
    Source: Dozat 2016, Incorporating Nesterov Momentum into Adam, Algorithm 2.

    >>> step, state = nadam(2.0, NadamState(), 1, learning_rate=0.1)
    >>> round(step, 6), round(state.m, 6), round(state.v, 6), round(state.mu_product, 6)
    (-0.105645, 0.2, 0.004, 0.450073)
    """
    # 1 - mu_t is formed from 1 - b1, which is exact; 1 - mu_product is never small, mu_1 being about b1 / 2.
    half, half_next = 0.5 * 0.96 ** (t * momentum_decay), 0.5 * 0.96 ** ((t + 1) * momentum_decay)
    mu_product, mu_next = state.mu_product * b1 * (1 - half), b1 * (1 - half_next)
    m = b1 * state.m + (1 - b1) * g
    v = b2 * state.v + (1 - b2) * g * g
    m_hat = mu_next / (1 - mu_product * mu_next) * m + (1 - b1 + b1 * half) / (1 - mu_product) * g
    v_hat = v / one_minus_power(b2, t)
    return -learning_rate * ratio(m_hat, sqrt(v_hat + epsilon_root) + epsilon), NadamState(m, v, mu_product)
