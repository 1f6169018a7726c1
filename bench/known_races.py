"""Races whose outcome is known beforehand: between equals, and against what is worse by so much.

Losses are simulated, or drawn from pools of real runs: each pool of one problem, rate and split, every run with a start
and minibatches of its own, and never one run for two names.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

SHAPES = {
    "normal": lambda rng, size: rng.normal(size=size),
    "lognormal": lambda rng, size: np.exp(rng.normal(size=size)) - 1,
    "heavy tails (t, 3 degrees)": lambda rng, size: rng.standard_t(3, size=size),
    "two basins": lambda rng, size: 0.2 * rng.normal(size=size) + (rng.random(size) < 0.3),
    "a tenth diverges": lambda rng, size: np.where(rng.random(size) < 0.1, math.inf, rng.normal(size=size)),
}
SEEDS = (6, 10, 20)  # confirming; the default is 10
TUNING, FRESH = 3, 10  # seeds of a real race, as by default
STARTS = 10  # runs of each rate and split in a pool
# A rate as a share of a good one: five times too small, then half a decade to either side, as in a grid.
GRID = {"small": 0.2, "lower": 10**-0.5, "good": 1.0, "higher": 10**0.5}

Losses = Mapping[tuple[str, float, str], Any]  # by (optimizer, rate, stage): (seeds,)


class Count(NamedTuple):
    """Of *races* between equals, how many ended so.

    winner: one alone was named.  left_out: the first of those that are truly best was called worse.  worse: some one of
    those was.  covered: the interval held the true difference, of so many as it was asked for.
    """

    races: int = 0
    winner: int = 0
    left_out: int = 0
    worse: int = 0
    covered: int = 0
    asked: int = 0


def judged(losses: Losses) -> Any:
    """The verdict on losses as a race would have left them; an optimizer's usual rate is the first it is given at."""
    import polars as pl

    from steepest.problems import Measure
    from steepest.races import judge

    def table(name: str, rate: float, stage: str, own: np.ndarray) -> Any:
        seeds, status = np.arange(len(own)) + 100 * (stage != "tune"), np.where(np.isfinite(own), "ok", "diverged")
        told = {"optimizer": name, "learning_rate": rate, "stage": stage, "seed": seeds, "status": status}
        return pl.DataFrame({**told, "steady_validation_loss": own})

    usual = {name: rate for name, rate, _ in reversed(losses)}
    return judge(pl.concat([table(*which, own) for which, own in losses.items()]), usual, Measure("loss", ""))


def counted(verdict: Any, best: Sequence[str], *, asked: bool) -> Count:
    """What a verdict says where those named are equally good.  asked: whether its interval should hold zero."""
    if verdict is None:  # half the runs of each diverged
        return Count(1)
    beside = [one.comparison for one in verdict.leaderboard[1:]]
    covered = asked and all(one.low <= 0 <= one.high for one in beside)
    alone = len(verdict.winners) == 1
    return Count(1, alone, best[0] not in verdict.winners, not set(best) <= set(verdict.winners), covered, asked)


def total(counts: Sequence[Count]) -> Count:
    """All of them together."""
    return Count(*(sum(one) for one in zip(*counts, strict=True)))


# --- simulated races: a level of 1, luck of the split that all share, and a tenth of the shape's noise for each


def simulated(rng: np.random.Generator, noise: np.ndarray) -> Losses:
    """Races of as many optimizers as the noise has rows, (optimizers, seeds); nothing is tuned."""
    shared = 1 + 0.3 * np.abs(rng.normal(size=noise.shape[1]))
    confirmed = {(str(i), 0.1, "confirm"): shared + 0.1 * own for i, own in enumerate(noise)}
    return {**{(name, rate, "tune"): np.ones(1) for name, rate, _ in confirmed}, **confirmed}


def two_equals(of: str, races: int, rng: np.random.Generator) -> dict[str, Count]:
    """Two equals whose runs have this shape of noise, at each number of seeds."""
    counts = [
        counted(judged(simulated(rng, SHAPES[of](rng, (2, seeds)))), "01", asked=True)
        for seeds in SEEDS
        for _ in range(races // len(SEEDS))
    ]
    return {f"two, {of}": total(counts)}


def nine(of: str, races: int, rng: np.random.Generator) -> dict[str, Count]:
    """Nine optimizers on ten seeds, of which so many are equally good and the others worse by 2, 3, ... spreads."""
    best = "012345678"[: int(of)]
    behind = np.array([[0 if i < int(of) else i - int(of) + 2] for i in range(9)])
    noise = [rng.normal(size=(9, FRESH)) + behind for _ in range(races)]
    counts = [counted(judged(simulated(rng, one)), best, asked=False) for one in noise]
    return {f"nine, the best {of} equal": total(counts)}


def shifted(of: str, races: int, rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    """How often a paired difference of so many of its standard deviations is found, and what theory says."""
    from scipy import stats

    found = 0
    for _ in range(races):
        difference = float(of) + rng.normal(size=FRESH)
        found += judged(simulated(rng, np.stack([np.zeros(FRESH), difference]))).winners == ("0",)
    point, centre = stats.t.ppf(0.975, FRESH - 1), float(of) * math.sqrt(FRESH)
    theory = stats.nct.sf(point, FRESH - 1, centre) + stats.nct.cdf(-point, FRESH - 1, centre)
    return {of: (found / races, float(theory))}


def coverage(of: str, samples: int, rng: np.random.Generator) -> dict[tuple[str, int], tuple[float, float]]:
    """The share of samples whose interval holds the true median: the race's, and of a quarter of them BCa's."""
    from steepest.races._statistics import median_interval

    shares = {}
    for seeds in (6, 7, 8, 10, 13, 20):
        d = SHAPES[of](rng, (samples, seeds))
        ours = np.array([median_interval(one)[1:] for one in d]).T
        shares[of, seeds] = holds_zero(*ours), holds_zero(*bca(d[: samples // 4], rng))
    return shares


def bca(d: np.ndarray, rng: np.random.Generator, resamples: int = 999) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % bias-corrected, accelerated bootstrap interval of each row's median (Efron 1987): lows, highs."""
    from scipy import stats

    told = stats.bootstrap(
        (d,), np.median, axis=-1, vectorized=True, method="BCa", n_resamples=resamples, batch=50, rng=rng
    )
    return told.confidence_interval.low, told.confidence_interval.high


def holds_zero(low: np.ndarray, high: np.ndarray) -> float:
    """The share of intervals with zero in them."""
    return float(np.mean((low <= 0) & (high >= 0)))


# --- real races


def problem(name: str) -> tuple[Any, str, float, Any]:
    """What is minimised, by which optimizer, at which rate, and how it is trained.

    The rate is about the best, since a race extends its grid until that is within.
    """
    import jax
    import jax.numpy as jnp

    import steepest as st
    from steepest.training import Settings

    def valley(x: Any) -> Any:
        return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2

    def bowl(x: Any, batch: Any) -> Any:
        return jnp.mean(jnp.sum((x - batch) ** 2, axis=1))

    if name == "Rosenbrock":  # only the start is luck
        return st.Problem(lambda key: jax.random.normal(key, (2,)), valley), "adam", 0.3, Settings(200, None, None)
    if name == "noisy bowl":
        rows = np.random.default_rng(0).normal(size=(64, 10)).astype(np.float32)
        noisy = st.Problem(lambda key: jax.random.normal(key, (10,)), bowl, rows)
        return noisy, "sgd", 0.03, Settings(1, 1, None)
    others = {
        "iris": ("adam", 0.1), "breast-cancer": ("adam", 0.02), "wine": ("sgd", 0.3), "diabetes": ("momentum", 0.005),
        "moons": ("rmsprop", 0.1), "Friedman's first": ("adam", 0.06),
    }  # fmt: skip
    optimizer, rate = others.get(name, ("adam", 0.01))
    settings = Settings(5 if name == "digits" else 10, 32, None)
    return st.NetworkProblem(rows_of(name), st.Network(hidden=(16,))), optimizer, rate, settings


def rows_of(name: str) -> Any:
    """A built-in table, or one that scikit-learn generates."""
    import polars as pl
    from sklearn import datasets

    import steepest as st

    made = {
        "moons": lambda: datasets.make_moons(300, noise=0.3, random_state=0),
        "clusters": lambda: datasets.make_classification(300, 10, flip_y=0.1, random_state=0),
        "Friedman's first": lambda: datasets.make_friedman1(300, noise=1.0, random_state=0),
    }
    if name not in made:
        return st.read(name)
    x, y = made[name]()
    columns = {f"x{i}": column for i, column in enumerate(x.T)}
    return st.read(pl.DataFrame({**columns, "y": y}), target="y", name=name)


PROBLEMS = (
    "iris", "digits", "breast-cancer", "wine", "diabetes", "moons", "clusters", "Friedman's first", "noisy bowl",
    "Rosenbrock",
)  # fmt: skip


def pool(name: str, starts: int) -> dict[str, np.ndarray]:
    """Losses of runs at each rate of the grid: (splits, starts); every run has a start and minibatches of its own."""
    from steepest.optimizer import optimizer
    from steepest.training import fit_instance

    minimised, rule, rate, settings = problem(name)
    instances = minimised.instances(range(TUNING + FRESH))

    def loss(of: str, split: int, start: int) -> float:
        number = (list(GRID).index(of) * len(instances) + split) * starts + start
        run = fit_instance(
            minimised, instances[split], optimizer(rule, rate * GRID[of]), settings, seed=10_000 + number
        ).row()
        return math.inf if run["status"] == "diverged" else run["steady_validation_loss"]

    return {of: np.array([[loss(of, i, j) for j in range(starts)] for i in range(len(instances))]) for of in GRID}


def drawn(pools: Mapping[str, np.ndarray], rates: Sequence[Sequence[str]], rng: np.random.Generator) -> Losses:
    """A race of as many names as there are lists of rates; at no rate and split have two names the same run."""
    losses: dict[tuple[str, float, str], np.ndarray] = {}
    picked = {of: rng.permuted(own, axis=1) for of, own in pools.items()}
    for number, own in enumerate(rates):
        for of in own:
            runs = picked[of][:, number]
            losses[str(number), GRID[of], "tune"] = runs[:TUNING]
            losses[str(number), GRID[of], "confirm"] = runs[TUNING:]
    return losses


def real(of: str, races: int, rng: np.random.Generator) -> dict[str, Any]:
    """Equals at one rate, tuned apart and on the same seeds, and how often a rate five times too small is found."""
    pools = pool(of, min(STARTS, races + 1))
    one, tuned = ["good"], ["good", "lower", "higher"]
    same = drawn(pools, [one], rng)
    twice = {**same, **{("1", rate, stage): own for (_, rate, stage), own in same.items()}}
    small = [judged(drawn(pools, [one, ["small"]], rng)).winners == ("0",) for _ in range(-(-races // 3))]
    return {
        "one rate": total([counted(judged(drawn(pools, [one, one], rng)), "01", asked=True) for _ in range(races)]),
        "tuned apart": total(
            [counted(judged(drawn(pools, [tuned, tuned], rng)), "01", asked=False) for _ in range(races)]
        ),
        "same seeds": counted(judged(twice), "01", asked=True),
        "found": float(np.mean(small)),
    }
