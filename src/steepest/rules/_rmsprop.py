from typing import Literal, NamedTuple

from ..arrays import Array, Scalar, maximum, ratio, root
from ._momentum import MomentumState, momentum
from ._nesterov import nesterov
from ._rule import rule


class RMSPropState(NamedTuple):
    """v: mean squared gradient.  m: mean gradient, where v is to be spread around it."""

    v: Array = 0.0
    m: Array = 0.0


_AROUND_MEAN = {"m": {"around": ("mean",)}}


@rule(RMSPropState, usual_learning_rate=1e-3, needs=_AROUND_MEAN)
def rmsprop(
    g: Array,
    state: RMSPropState,
    t: Scalar,
    *,
    learning_rate: Scalar,
    decay: Scalar = 0.9,
    epsilon: Scalar = 1e-7,
    epsilon_at: Literal["inside", "outside"] = "inside",
    around: Literal["zero", "mean"] = "zero",
) -> tuple[Array, RMSPropState]:
    """RMSProp: Adagrad that forgets, so that its steps need not shrink for ever.

        v    <- decay v + (1 - decay) g^2
        step  = -learning_rate g / sqrt(v + epsilon)

    or, around the mean gradient ("centered"), with v - m^2 in place of v in the step, and

        m    <- decay m + (1 - decay) g

    g: gradient, any shape, in loss per unit of parameter.  t: step count, not used.
    v, m: running means of g^2 and g, shaped like g, from 0.  learning_rate: units of parameter a step.
    decay: share of v and m kept each step, in [0, 1).  epsilon: inside the root, in units of g^2;
    epsilon_at="outside" divides by sqrt(v) + epsilon, in units of g.
    Returns the step to add to the parameter, and the new state.
    v is not corrected for its start at 0: the first step is learning_rate / sqrt(1 - decay), 3.2 times the usual.
    v - m^2 is a variance; where rounding makes it negative it counts as 0.
    Source: Tieleman & Hinton 2012, Coursera lecture 6.5; epsilon inside and the mean as in Graves 2013,
    arXiv:1308.0850, eq. 38 to 40.

    >>> step, state = rmsprop(2.0, RMSPropState(v=4.0), 2, learning_rate=0.1)
    >>> round(step, 6), round(state.v, 6)
    (-0.1, 4.0)
    """
    v = decay * state.v + (1 - decay) * g * g
    if around == "zero":
        return -learning_rate * ratio(g, root(v, epsilon, epsilon_at)), RMSPropState(v, state.m)
    m = decay * state.m + (1 - decay) * g
    spread = maximum(v - m * m, 0 * v)
    return -learning_rate * ratio(g, root(spread, epsilon, epsilon_at)), RMSPropState(v, m)


class RMSPropMomentumState(NamedTuple):
    """v, m: as in RMSPropState.  u: velocity, as in MomentumState."""

    v: Array = 0.0
    m: Array = 0.0
    u: Array = 0.0


@rule(RMSPropMomentumState, usual_learning_rate=1e-3, needs=_AROUND_MEAN)
def rmsprop_momentum(
    g: Array,
    state: RMSPropMomentumState,
    t: Scalar,
    *,
    learning_rate: Scalar,
    decay: Scalar = 0.9,
    epsilon: Scalar = 1e-7,
    momentum: Scalar = 0.9,
    epsilon_at: Literal["inside", "outside"] = "inside",
    around: Literal["zero", "mean"] = "zero",
    rate_at: Literal["inside", "outside"] = "inside",
    ahead: Literal["no", "yes"] = "no",
) -> tuple[Array, RMSPropMomentumState]:
    """RMSProp's steps gathered in a velocity: the rule ``momentum`` on gradients that ``rmsprop`` has scaled.

    ahead: "yes" takes Nesterov's form of it.  All else: as in those rules.
    Returns the step to add to the parameter, and the new state.
    Source: Graves 2013, arXiv:1308.0850, eq. 38 to 43.

    >>> step, state = rmsprop_momentum(2.0, RMSPropMomentumState(v=4.0, u=-0.1), 2, learning_rate=0.1)
    >>> round(step, 6), round(state.u, 6)
    (-0.19, -0.19)
    """
    gather = _GATHER[ahead]
    scaled, mean = rmsprop(
        g,
        RMSPropState(state.v, state.m),
        t,
        learning_rate=-1,
        decay=decay,
        epsilon=epsilon,
        epsilon_at=epsilon_at,
        around=around,
    )
    step, gathered = gather(
        scaled, MomentumState(state.u), t, learning_rate=learning_rate, momentum=momentum, rate_at=rate_at
    )
    return step, RMSPropMomentumState(mean.v, mean.m, gathered.v)


_GATHER = {"no": momentum, "yes": nesterov}
