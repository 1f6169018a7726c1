from typing import Literal, NamedTuple

from ..arrays import Array, Scalar, ratio, root
from ._rule import rule


class AdagradState(NamedTuple):
    """s: sum of squared gradients."""

    s: Array = 0.0


@rule(AdagradState, usual_learning_rate=1e-2)
def adagrad(
    g: Array,
    state: AdagradState,
    t: Scalar,
    *,
    learning_rate: Scalar,
    epsilon: Scalar = 1e-7,
    epsilon_at: Literal["inside", "outside"] = "inside",
) -> tuple[Array, AdagradState]:
    """Adagrad: the less a parameter has moved the loss so far, the larger its steps.

        s    <- s + g^2
        step  = -learning_rate g / sqrt(s + epsilon)

    g: gradient, any shape, in loss per unit of parameter.  t: step count, not used.
    s: sum of g^2, shaped like g, from 0.  learning_rate: units of parameter, the size of the first step.
    epsilon: inside the root, in units of g^2; epsilon_at="outside" divides by sqrt(s) + epsilon, in units of g.
    Returns the step to add to the parameter, and the new state.
    The paper has epsilon outside the root; some begin s above 0, here it begins at 0.
    Source: Duchi, Hazan & Singer 2011, JMLR 12, 2121-2159; epsilon inside as in Ruder 2016, arXiv:1609.04747, eq. 8.

    >>> step, state = adagrad(2.0, AdagradState(s=5.0), 2, learning_rate=0.1)
    >>> round(step, 6), state
    (-0.066667, AdagradState(s=9.0))
    """
    s = state.s + g * g
    return -learning_rate * ratio(g, root(s, epsilon, epsilon_at)), AdagradState(s)
