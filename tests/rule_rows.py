"""The rows that tests of the rules run through, and a surface whose minimum is known."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest


@dataclass(frozen=True)
class Row:
    """What is claimed of one elementwise rule.

    first: the step after the gradient 2 from the first state, at the rate 0.1, the parameter 5 and the default knobs,
    by hand.  degree: a gradient c times as large moves c^degree times as far.  epsilon_unit: if epsilon is
    c^epsilon_unit larger.
    arrives: learning rate, decayed linearly to 0 over 3000 steps, which finds the minimum.
    """

    first: float
    degree: int = 0
    epsilon_unit: int = 1
    arrives: float = 0.1


ROWS: Mapping[str, Row] = {
    "sgd": Row(first=-0.2, degree=1),
    "momentum": Row(first=-0.2, degree=1),
    "nesterov": Row(first=-0.38, degree=1),  # v = -0.2; 0.9 (-0.2) - 0.2
    "nesterov_lookahead": Row(first=-0.2, degree=1),
    "adagrad": Row(first=-0.1 * (1 - 1e-7 / 8), epsilon_unit=2, arrives=1.0),  # 0.1 * 2 / sqrt(4 + 1e-7)
    "rmsprop": Row(first=-0.31622772649, epsilon_unit=2),  # v = 0.4; 0.1 * 2 / sqrt(0.4 + 1e-7)
    "rmsprop_momentum": Row(first=-0.31622772649, epsilon_unit=2),
    # v = 0.2; d = 2 sqrt(1e-6 / (0.2 + 1e-6)) = 4.4721248e-3, times the learning rate
    "adadelta": Row(first=-4.4721247744e-4, degree=1, epsilon_unit=2, arrives=10.0),
    "adam": Row(first=-0.1 * (1 - 0.5e-8)),
    "adamax": Row(first=-0.1 * (1 - 0.5e-8)),
    # mu_1 = 0.9 (1 - 0.96^0.004 / 2) = 0.45007347, mu_2 = 0.45014692, with m = 0.2 and sqrt(v_hat) = 2:
    # 0.1 (0.45014692 * 0.2 / (1 - 0.45007347 * 0.45014692) + 2) / 2
    "nadam": Row(first=-0.1056451773073),
    "adamw": Row(first=-0.1 * (1 - 0.5e-8) - 0.1 * 0.01 * 5),
    "amsgrad": Row(first=-0.1 * 0.2 / (0.004**0.5 + 1e-8)),  # neither m nor v is corrected
    "radam": Row(first=-0.2, degree=1),  # before there is a variance: m_hat = 2
    "lion": Row(first=-0.1),
}


every_rule = pytest.mark.parametrize("name", ROWS)


def slope(point):
    """Gradient of exp(a) - a + 4 (exp(-b) + b), a = x - 1 + 0.3 (y + 2), b = y + 2: least at (1, -2), nowhere else.

    Steep on one side of each axis, flat on the other, tilted, and at a point that no rule reaches by doing nothing.
    """
    a, b = point[0] - 1 + 0.3 * (point[1] + 2), point[1] + 2
    along_a, along_b = np.exp(a) - 1, 4 * (1 - np.exp(-b))
    return np.array([along_a, 0.3 * along_a + along_b])
