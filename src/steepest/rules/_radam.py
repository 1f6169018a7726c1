from typing import Literal

from ..arrays import Array, Scalar, log, maximum, one_minus_power, ratio, sqrt, where
from ._adam import AdamState, epsilon_of
from ._rule import rule


@rule(AdamState, usual_learning_rate=1e-3)
def radam(
    g: Array,
    state: AdamState,
    t: Scalar,
    *,
    learning_rate: Scalar,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    epsilon: Scalar = 1e-8,
    epsilon_root: Scalar = 0.0,
    threshold: Scalar = 4.0,
    epsilon_at: Literal["outside", "hat"] = "outside",
) -> tuple[Array, AdamState]:
    """Rectified Adam: Adam that trusts its root mean square only as far as it has seen gradients enough for one.

        m, v, m_hat, v_hat as in Adam
        rho_inf = 2 / (1 - b2) - 1                  rho = rho_inf - 2 t b2^t / (1 - b2^t)
        r^2     = (rho - 4) (rho - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho)
        step    = -learning_rate r m_hat / (sqrt(v_hat) + epsilon)      where rho > threshold
        step    = -learning_rate m_hat                                  before

    g: gradient, any shape, in loss per unit of parameter.  t: step count, 1 on the first call.
    rho: how many gradients v_hat is the mean of, 1 at first and rho_inf in the end.  r: 0 at rho = 4, in the end 1.
    learning_rate: units of parameter a step; before the threshold, units of parameter squared per unit of loss.
    threshold: 4, below which v_hat has no variance to rectify, or more.  All else: as in ``adam``.
    Returns the step to add to the parameter, and the new state.
    With b2 = 0.999 the first four steps are momentum's; with b2 of 0.6 or less all are.
    Source: Liu et al. 2020, Algorithm 2, arXiv:1908.03265.

    >>> step, state = radam(2.0, AdamState(), 1, learning_rate=0.1)
    >>> round(step, 6), round(state.m, 6), round(state.v, 6)
    (-0.2, 0.2, 0.004)
    >>> round(radam(2.0, AdamState(m=0.8, v=0.02), 6, learning_rate=0.1)[0], 6)
    -0.002533
    """
    m = b1 * state.m + (1 - b1) * g
    v = b2 * state.v + (1 - b2) * g * g
    m_hat = m / one_minus_power(b1, t)
    v_hat = v / one_minus_power(b2, t)
    rho, rho_inf = gradients_seen(b2, t), (1 + b2) / (1 - b2)
    tractable = maximum(rho - 4, 0 * rho)
    r = sqrt(ratio(tractable * (rho - 2) * rho_inf, (rho_inf - 4) * (rho_inf - 2) * rho))
    scale = sqrt(v_hat + epsilon_root) + epsilon_of(epsilon, epsilon_at, b2, t)
    return -learning_rate * where(rho > threshold, r * ratio(m_hat, scale), m_hat), AdamState(m, v)


def gradients_seen(b2: Scalar, t: Scalar) -> Scalar:
    """rho: how many equal weights say as much as those of a running mean with decay b2 after t steps.

    At first it is the small difference of two large numbers, of which float32 would keep three digits. With
    y = -log(b2) / 2 it is t + L(y) - t L(t y), L(y) = coth(y) - 1/y, and where t y < 0.05 four terms of the series of L
    miss less than float64 does.

    >>> round(gradients_seen(0.9, 3), 9), round((1 + 0.9) / 0.1 - 2 * 3 * 0.9**3 / (1 - 0.9**3), 9)
    (2.859778598, 2.859778598)
    """
    y, power = -log(b2) / 2, one_minus_power(b2, t)
    early = t + _langevin(y) - t * _langevin(t * y)
    return where(t * y < 0.05, early, (1 + b2) / (1 - b2) - 2 * t * (1 - power) / power)


def _langevin(y: Scalar) -> Scalar:
    return y * (1 / 3 - y * y * (1 / 45 - y * y * (2 / 945 - y * y / 4725)))
