"""What numbers a rule's knobs may be."""

import math
from types import MappingProxyType

from ..errors import InputError

# Each knob's range: the decays are averages' weights, epsilon keeps a denominator from zero.
_DECAYS = ("b1", "b2", "decay", "momentum")
_USUAL = MappingProxyType(
    {"learning_rate": "1e-3", "weight_decay": "1e-2", "momentum_decay": "4e-3", "epsilon": "1e-8"}
)


def checked(knob: str, value: float) -> float:
    """The value of a knob as a float; InputError where it is out of the knob's range.

    >>> checked("b1", 0)
    0.0
    """
    try:
        number = math.nan if isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if knob in _DECAYS and not 0 <= number < 1:
        raise InputError(f"{knob} must be in [0, 1); received {value}. Try {0.999 if knob == 'b2' else 0.9}.")
    if knob == "threshold" and not 4 <= number < math.inf:
        raise InputError(f"threshold must be 4 or more, and finite; received {value}. Try 5.")
    if knob == "momentum_decay" and number == math.inf:  # the momentum is constant
        return number
    if not 0 <= number < math.inf:
        raise InputError(f"{knob} must be finite and not negative; received {value}. Try {_USUAL.get(knob, '1')}.")
    return number
