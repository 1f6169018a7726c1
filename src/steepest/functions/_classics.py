"""The test functions that everybody draws, with every stationary point in the box where there are few.

Points that no closed form gives were found by Newton's method in float64 from 3,721 starts on a grid over each box.
Formulas after Jamil & Yang 2013, A literature survey of benchmark functions, arXiv:1308.4008.
"""

import itertools
import math
from collections.abc import Sequence

import jax.numpy as jnp
from jax import Array

from ._surface import Kind, Stationary, Surface, check_dimensions

Start = Sequence[float] | str


def rosenbrock(start: Start = (-1.2, 1.0)) -> Surface:
    """The banana valley: (1 - x)^2 + 100 (y - x^2)^2, lowest at (1, 1), condition number 2508 there.

    Source: Rosenbrock 1960, The Computer Journal 3, 175-184.
    """
    return Surface(
        lambda p: (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2,
        name="rosenbrock", formula="(1 - x)^2 + 100 (y - x^2)^2", source="Rosenbrock 1960", start=start,
        box=((-2, 2), (-1, 3)), stationary=[Stationary((1.0, 1.0), 0.0, "minimum")],
    )  # fmt: skip


def beale(start: Start = (1.0, 1.0)) -> Surface:
    """A flat valley with steep corners: sum over k = 1, 2, 3 of (c_k - x + x y^k)^2, c = 1.5, 2.25, 2.625.

    Lowest at (3, 0.5). Source: Beale 1958, On an iterative method for finding a local minimum of a function of more
    than one variable, Princeton.
    """

    def value(p: Array) -> Array:
        x, y = p
        return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2

    return Surface(
        value, name="beale", formula="sum_k (c_k - x + x y^k)^2, c = 1.5, 2.25, 2.625", source="Beale 1958",
        start=start, box=((-4.5, 4.5), (-4.5, 4.5)),
        stationary=[
            Stationary((3.0, 0.5), 0.0, "minimum"), Stationary((0.0, 1.0), 14.203125, "saddle"),
            Stationary((0.100537937, -2.64451359), 9.86451228, "saddle"),
        ],
    )  # fmt: skip


def himmelblau(start: Start = (0.0, 0.0)) -> Surface:
    """Four equal minima around a hill: (x^2 + y - 11)^2 + (x + y^2 - 7)^2.

    Source: Himmelblau 1972, Applied Nonlinear Programming.
    """
    minima = [(3.0, 2.0), (3.58442834, -1.84812653), (-3.77931025, -3.28318599), (-2.80511809, 3.13131252)]
    saddles = {
        (3.38515418, 0.0738518798): 13.3119263, (0.0866775046, 2.8842547): 67.7191501,
        (-3.07302575, -0.0813530443): 104.015163, (-0.127961347, -1.95371498): 178.337239,
    }  # fmt: skip
    return Surface(
        lambda p: (p[0] ** 2 + p[1] - 11) ** 2 + (p[0] + p[1] ** 2 - 7) ** 2,
        name="himmelblau", formula="(x^2 + y - 11)^2 + (x + y^2 - 7)^2", source="Himmelblau 1972", start=start,
        box=((-6, 6), (-6, 6)),
        stationary=[
            *(Stationary(at, 0.0, "minimum") for at in minima),
            *(Stationary(at, height, "saddle") for at, height in saddles.items()),
            Stationary((-0.270844591, -0.923038556), 181.616522, "maximum"),
        ],
    )  # fmt: skip


def goldstein_price(start: Start = (-1.5, 1.0)) -> Surface:
    """Four minima of very different depths in walls as high as a million; 3 at (0, -1) is lowest.

    Source: Goldstein & Price 1971, Mathematics of Computation 25, 569-574.
    """

    def value(p: Array) -> Array:
        x, y = p
        first = 1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)
        return first * (30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2))

    minima = {(0.0, -1.0): 3.0, (-0.6, -0.4): 30.0, (1.8, 0.2): 84.0, (1.2, 0.8): 840.0}
    saddles = {(-0.4, -0.6): 35.0, (1.2, -0.2): 99.0, (1.4, 0.6): 980.0, (0.6, 0.4): 990.0}
    return Surface(
        value, name="goldstein_price",
        formula="(1 + (x + y + 1)^2 (19 - 14x + 3x^2 - 14y + 6xy + 3y^2)) "
        "(30 + (2x - 3y)^2 (18 - 32x + 12x^2 + 48y - 36xy + 27y^2))",
        source="Goldstein & Price 1971", start=start, box=((-2, 2), (-2, 2)),
        stationary=[
            *(Stationary(at, height, "minimum") for at, height in minima.items()),
            *(Stationary(at, height, "saddle") for at, height in saddles.items()),
            Stationary((0.8, 0.2), 1155.0, "maximum"),
        ],
    )  # fmt: skip


def styblinski_tang(start: Start = (0.0, 0.0), *, dimensions: int = 2) -> Surface:
    """Sums of a tilted double well: sum_i (x_i^4 - 16 x_i^2 + 5 x_i) / 2, 2^n minima, the lowest at -2.9035 in each.

    Source: Styblinski & Tang 1990, Neural Networks 3, 467-483.
    """
    check_dimensions(dimensions)
    start = (0.0,) * dimensions if start == (0.0, 0.0) else start
    # The roots of 4 x^3 - 32 x + 5, with the height and whether it is a minimum of the well.
    roots = {-2.90353403: (-39.1661657, True), 0.156731257: (0.195612359, False), 2.74680277: (-25.0294467, True)}
    return Surface(
        lambda p: jnp.sum(p**4 - 16 * p**2 + 5 * p) / 2,
        name="styblinski_tang", formula="sum_i (x_i^4 - 16 x_i^2 + 5 x_i) / 2", source="Styblinski & Tang 1990",
        start=start, box=((-5, 5),) * dimensions, stationary=_combined(roots, dimensions), complete=dimensions <= 4,
    )  # fmt: skip


def _combined(roots: dict[float, tuple[float, bool]], dimensions: int) -> list[Stationary]:
    """Every choice of a root for each coordinate, or beyond four coordinates the lowest alone."""
    if dimensions > 4:
        at, (height, _) = min(roots.items(), key=lambda one: one[1][0])
        return [Stationary((at,) * dimensions, height * dimensions, "minimum")]
    found = []
    for chosen in itertools.product(roots.items(), repeat=dimensions):
        wells = [well for _, (_, well) in chosen]
        kind: Kind = "minimum" if all(wells) else "saddle" if any(wells) else "maximum"
        found.append(Stationary(tuple(at for at, _ in chosen), sum(height for _, (height, _) in chosen), kind))
    return found


def booth(start: Start = (-5.0, 5.0)) -> Surface:
    """A bowl: (x + 2y - 7)^2 + (2x + y - 5)^2, lowest at (1, 3), eigenvalues 2 and 18. Source: Jamil & Yang 2013."""
    return Surface(
        lambda p: (p[0] + 2 * p[1] - 7) ** 2 + (2 * p[0] + p[1] - 5) ** 2,
        name="booth", formula="(x + 2y - 7)^2 + (2x + y - 5)^2", source="Jamil & Yang 2013", start=start,
        box=((-10, 10), (-10, 10)), stationary=[Stationary((1.0, 3.0), 0.0, "minimum")],
    )  # fmt: skip


def matyas(start: Start = (8.0, -2.0)) -> Surface:
    """A bowl of condition number 25: 0.26 (x^2 + y^2) - 0.48 x y, eigenvalues 0.04 and 1. Source: Jamil & Yang 2013."""
    return Surface(
        lambda p: 0.26 * (p[0] ** 2 + p[1] ** 2) - 0.48 * p[0] * p[1],
        name="matyas", formula="0.26 (x^2 + y^2) - 0.48 x y", source="Jamil & Yang 2013", start=start,
        box=((-10, 10), (-10, 10)), stationary=[Stationary((0.0, 0.0), 0.0, "minimum")],
    )  # fmt: skip


def three_hump_camel(start: Start = (-2.0, 1.5)) -> Surface:
    """A low minimum between two higher ones: 2x^2 - 1.05x^4 + x^6/6 + xy + y^2. Source: Jamil & Yang 2013."""
    minimum, saddle = (1.74755235, -0.873776173), (1.07054229, -0.535271146)
    return Surface(
        lambda p: 2 * p[0] ** 2 - 1.05 * p[0] ** 4 + p[0] ** 6 / 6 + p[0] * p[1] + p[1] ** 2,
        name="three_hump_camel", formula="2x^2 - 1.05x^4 + x^6/6 + xy + y^2", source="Jamil & Yang 2013", start=start,
        box=((-2.5, 2.5), (-2.5, 2.5)),
        stationary=[
            Stationary((0.0, 0.0), 0.0, "minimum"),
            *_mirrored(minimum, 0.298638442, "minimum"), *_mirrored(saddle, 0.877361558, "saddle"),
        ],
    )  # fmt: skip


def six_hump_camel(start: Start = (1.9, 1.0)) -> Surface:
    """Three pairs of minima, of which one is lowest: (4 - 2.1x^2 + x^4/3) x^2 + xy + (4y^2 - 4) y^2.

    Source: Dixon & Szegoe 1978, Towards Global Optimisation 2.
    """
    return Surface(
        lambda p: (
            (4 - 2.1 * p[0] ** 2 + p[0] ** 4 / 3) * p[0] ** 2 + p[0] * p[1] + (4 * p[1] ** 2 - 4) * p[1] ** 2
        ),
        name="six_hump_camel", formula="(4 - 2.1x^2 + x^4/3) x^2 + xy + (4y^2 - 4) y^2",
        source="Dixon & Szegö 1978", start=start, box=((-2, 2), (-1.2, 1.2)),
        stationary=[
            *_mirrored((0.0898420131, -0.712656403), -1.03162845, "minimum"),
            *_mirrored((1.70360671, -0.796083569), -0.215463824, "minimum"),
            *_mirrored((1.60710475, 0.568651455), 2.10425031, "minimum"),
            Stationary((0.0, 0.0), 0.0, "saddle"),
            *_mirrored((1.10920534, -0.768268093), 0.543718601, "saddle"),
            *_mirrored((1.63806798, 0.228674069), 2.2293572, "saddle"),
            *_mirrored((1.29607027, 0.605084388), 2.22947082, "saddle"),
            *_mirrored((1.23022988, 0.162334584), 2.49629535, "maximum"),
        ],
    )  # fmt: skip


def branin(start: Start = (-2.0, 2.0)) -> Surface:
    """Three equal minima: (y - b x^2 + c x - 6)^2 + 10 (1 - t) cos x + 10, b = 5.1/(4 pi^2), c = 5/pi, t = 1/(8 pi).

    Source: Branin 1972, IBM Journal of Research and Development 16, 504-522.
    """
    b, c, t = 5.1 / (4 * math.pi**2), 5 / math.pi, 1 / (8 * math.pi)
    minima = [(-math.pi, 12.275), (math.pi, 2.275), (3 * math.pi, 2.475)]
    return Surface(
        lambda p: (p[1] - b * p[0] ** 2 + c * p[0] - 6) ** 2 + 10 * (1 - t) * jnp.cos(p[0]) + 10,
        name="branin", formula="(y - 5.1x^2/(4 pi^2) + 5x/pi - 6)^2 + 10 (1 - 1/(8 pi)) cos x + 10",
        source="Branin 1972", start=start, box=((-5, 10), (0, 15)),
        stationary=[
            *(Stationary(at, 0.397887358, "minimum") for at in minima),
            Stationary((0.0, 6.0), 19.6021126, "saddle"), Stationary((2 * math.pi, 1.1), 19.6021126, "saddle"),
        ],
    )  # fmt: skip


def rastrigin(start: Start = (2.2, -1.7), *, dimensions: int = 2) -> Surface:
    """A bowl under an egg box: 10 n + sum_i (x_i^2 - 10 cos 2 pi x_i), lowest at 0, a minimum near every whole point.

    Source: Rastrigin 1974, Systems of extremal control.
    """
    check_dimensions(dimensions)
    start = (2.2, -1.7, *(0.0,) * dimensions)[:dimensions] if start == (2.2, -1.7) else start
    return Surface(
        lambda p: 10 * dimensions + jnp.sum(p**2 - 10 * jnp.cos(2 * math.pi * p)),
        name="rastrigin", formula="10 n + sum_i (x_i^2 - 10 cos 2 pi x_i)", source="Rastrigin 1974", start=start,
        box=((-5.12, 5.12),) * dimensions, stationary=[Stationary((0.0,) * dimensions, 0.0, "minimum")],
        complete=False,
    )  # fmt: skip


def ackley(start: Start = (2.7, -1.6), *, dimensions: int = 2) -> Surface:
    """A funnel in a dimpled plain: -20 exp(-sqrt(mean x^2) / 5) - exp(mean cos 2 pi x) + 20 + e.

    Lowest at 0, where it has a kink and no gradient; here that is taken as 0.
    Source: Ackley 1987, A Connectionist Machine for Genetic Hillclimbing.
    """
    check_dimensions(dimensions)
    start = (2.7, -1.6, *(0.0,) * dimensions)[:dimensions] if start == (2.7, -1.6) else start

    def value(p: Array) -> Array:
        square = jnp.mean(p**2)
        length = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)
        return -20 * jnp.exp(-length / 5) - jnp.exp(jnp.mean(jnp.cos(2 * math.pi * p))) + 20 + math.e

    return Surface(
        value, name="ackley", formula="-20 exp(-sqrt(mean x^2)/5) - exp(mean cos 2 pi x) + 20 + e",
        source="Ackley 1987", start=start, box=((-5, 5),) * dimensions,
        stationary=[Stationary((0.0,) * dimensions, 0.0, "minimum")], complete=False,
    )  # fmt: skip


def easom(start: Start = (1.0, 1.0)) -> Surface:
    """A needle in a plain: -cos x cos y exp(-(x - pi)^2 - (y - pi)^2), -1 at (pi, pi); far from it nothing slopes.

    Source: Easom 1990, A survey of global optimization techniques, University of Louisville.
    """
    return Surface(
        lambda p: (
            -jnp.cos(p[0]) * jnp.cos(p[1]) * jnp.exp(-((p[0] - math.pi) ** 2) - (p[1] - math.pi) ** 2)
        ),
        name="easom", formula="-cos x cos y exp(-(x - pi)^2 - (y - pi)^2)", source="Easom 1990", start=start,
        box=((-2, 8), (-2, 8)), stationary=[Stationary((math.pi, math.pi), -1.0, "minimum")], complete=False,
    )  # fmt: skip


def _mirrored(at: tuple[float, float], value: float, kind: Kind) -> list[Stationary]:
    return [Stationary(at, value, kind), Stationary((-at[0], -at[1]), value, kind)]
