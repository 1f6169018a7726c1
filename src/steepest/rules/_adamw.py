from typing import Literal

from ..arrays import Array, Scalar
from ._adam import AdamState, adam
from ._rule import rule


@rule(AdamState, usual_learning_rate=1e-3)
def adamw(
    g: Array,
    state: AdamState,
    t: Scalar,
    *,
    parameter: Array,
    learning_rate: Scalar,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    epsilon: Scalar = 1e-8,
    epsilon_root: Scalar = 0.0,
    weight_decay: Scalar = 0.01,
    epsilon_at: Literal["outside", "hat"] = "outside",
) -> tuple[Array, AdamState]:
    """AdamW: Adam, and beside it a decay of the parameter that the gradient's scale does not touch.

        step = step of Adam - learning_rate weight_decay parameter

    parameter: shaped like g.  weight_decay: share of the parameter that goes each step, per unit of learning_rate.
    All else: as in ``adam``.  Returns the step to add to the parameter, and the new state.
    An L2 penalty would be divided by Adam's root mean square like any gradient, and so hardly hold what moves most.
    The paper multiplies the decay by the schedule alone; here, as in every framework, by the learning rate.
    Source: Loshchilov & Hutter 2019, Algorithm 2, arXiv:1711.05101.

    >>> step, state = adamw(2.0, AdamState(), 1, parameter=10.0, learning_rate=0.1)
    >>> round(step, 6)
    -0.11
    """
    step, state = adam(
        g,
        state,
        t,
        learning_rate=learning_rate,
        b1=b1,
        b2=b2,
        epsilon=epsilon,
        epsilon_root=epsilon_root,
        epsilon_at=epsilon_at,
    )
    return step - learning_rate * (weight_decay * parameter), state
