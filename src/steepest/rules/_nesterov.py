"""Nesterov's accelerated gradient, twice: as it is told, and as it is computed. The two are one method.

The method told keeps a point theta and takes the gradient where the velocity v is about to carry it:

    g      = gradient at theta + momentum v
    v'     = momentum v - learning_rate g           theta' = theta + v'

Name that place: phi = theta + momentum v. Where is it one step later?

    phi' = theta' + momentum v'
         = theta + v' + momentum v'
         = phi - momentum v + v' + momentum v'
         = phi - learning_rate g + momentum v'      because v' - momentum v = -learning_rate g

The last line needs only phi, v and the gradient at phi: a network that keeps phi as its parameters never evaluates a
second point. Both begin at the same place, since v is 0 at first, and phi = theta + momentum v holds ever after, for
any loss and any schedule of the learning rate, so long as the momentum itself stays constant. Where the method comes
to rest v is 0 and phi is theta.
"""

from typing import Literal

from ..arrays import Array, Scalar
from ._momentum import MomentumState
from ._rule import rule


@rule(MomentumState, usual_learning_rate=1e-2)
def nesterov(
    g: Array,
    state: MomentumState,
    t: Scalar,
    *,
    learning_rate: Scalar,
    momentum: Scalar = 0.9,
    rate_at: Literal["inside", "outside"] = "inside",
) -> tuple[Array, MomentumState]:
    """Nesterov's accelerated gradient, with the parameter kept at the point looked ahead to.

        v    <- momentum v - learning_rate g
        step  = momentum v - learning_rate g        (with the new v)

    or, with the rate outside,

        v    <- momentum v - g
        step  = learning_rate (momentum v - g)      (with the new v)

    g: gradient at the parameter, any shape, in loss per unit of parameter.  t: step count, not used.
    v: velocity, shaped like g.  learning_rate: units of parameter squared per unit of loss.
    momentum: share of the velocity kept each step, in [0, 1).  rate_at: as in ``momentum``.
    Returns the step to add to the parameter, and the new state.
    It needs no second point; the module's docstring derives it from `nesterov_lookahead`.
    Source: Nesterov 1983, Soviet Math. Doklady 27, 372-376; in this form Bengio et al. 2013, arXiv:1212.0901, eq. 7.

    >>> step, state = nesterov(2.0, MomentumState(v=-0.1), 2, learning_rate=0.1)
    >>> round(step, 6), round(state.v, 6)
    (-0.461, -0.29)
    """
    if rate_at == "inside":
        v = momentum * state.v - learning_rate * g
        return momentum * v - learning_rate * g, MomentumState(v)
    v = momentum * state.v - g
    return learning_rate * (momentum * v - g), MomentumState(v)


def _ahead(state: MomentumState, *, momentum: Scalar = 0.9) -> Array:
    return momentum * state.v


@rule(MomentumState, look_ahead=_ahead, usual_learning_rate=1e-2)
def nesterov_lookahead(
    g: Array, state: MomentumState, t: Scalar, *, learning_rate: Scalar, momentum: Scalar = 0.9
) -> tuple[Array, MomentumState]:
    """Nesterov's accelerated gradient, with the gradient taken where the velocity is about to carry the parameter.

        g     = gradient at theta + momentum v      (the caller's part: ``nesterov_lookahead.look_ahead``)
        v    <- momentum v - learning_rate g
        step  = v

    g: gradient at the point looked ahead to, any shape, in loss per unit of parameter.  t: step count, not used.
    v: velocity, shaped like g.  learning_rate: units of parameter squared per unit of loss.
    momentum: share of the velocity kept each step, in [0, 1).
    Returns the step to add to the parameter, and the new state.
    Source: Nesterov 1983, Soviet Math. Doklady 27, 372-376; in this form Sutskever et al. 2013, eq. 3 and 4.

    >>> nesterov_lookahead.look_ahead(MomentumState(v=-0.5), momentum=0.5)
    -0.25
    >>> step, state = nesterov_lookahead(2.0, MomentumState(v=-0.1), 2, learning_rate=0.1)
    >>> round(step, 6), round(state.v, 6)
    (-0.29, -0.29)
    """
    v = momentum * state.v - learning_rate * g
    return v, MomentumState(v)
