"""How a race finds learning rates: what it drops on the way, where grids grow, what it chooses, what it confirms."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import steepest as st
from steepest.races import race
from steepest.races._choose import choose
from steepest.races._plan import learning_rate_grid
from steepest.training import Settings, Training

BOWL = st.Problem(init=jnp.array([3.0, -4.0]), loss=lambda x: jnp.sum(x**2), name="bowl")


def noisy(rows=64):
    x = jax.random.normal(jax.random.key(0), (rows, 3))
    y = x @ jnp.array([1.0, -2.0, 0.5]) + 0.1 * jax.random.normal(jax.random.key(1), (rows,))
    half = rows // 2
    return st.Problem(
        lambda key: jax.random.normal(key, (3,)),
        lambda w, batch: jnp.mean((batch[0] @ w - batch[1]) ** 2),
        (x[:half], y[:half]),
        (x[half:], y[half:]),
        name="noisy line",
    )


def settings_of(raced):
    return {(row["optimizer"], row["learning_rate"]) for row in raced.runs.iter_rows(named=True)}


def test_a_run_that_was_left_ends_as_if_it_had_not_been():
    problem = noisy()
    (instance,) = problem.instances([3])
    settings = Settings(epochs=20, batch_size=8, patience=4)
    whole = st.fit(problem, st.Adam(0.05), epochs=20, batch_size=8, patience=4, seed=3)
    training = Training(problem, instance, st.Adam(0.05), settings, seed=3)
    for epoch in (1, 5, 6, 20):
        training.go(epoch)
    left = training.run()
    assert left.row() == whole.row()
    assert left.curves.equals(whole.curves)
    assert (np.asarray(left.parameters) == np.asarray(whole.parameters)).all()


def test_the_worse_half_of_the_rates_is_dropped_twice_and_the_usual_one_stays():
    """SGD on |x|^2 at the rate a keeps 1 - 2a of x a step: of the rates below, the larger the better up to 0.5.

    Of eight rates the four best are left after a tenth of twenty epochs; four are never halved again. The usual rate,
    the grid's middle, is not among them and runs to its end all the same.
    """
    rates = [1e-4, 2e-4, 1e-3, 2e-3, 0.05, 0.1, 0.2, 0.4]
    raced = race(BOWL, [st.SGD(1e-3)], learning_rates=rates, seeds=1, confirm_seeds=0, epochs=20, patience=None)
    ended = {row["learning_rate"]: (row["status"], row["epochs"]) for row in raced.runs.iter_rows(named=True)}
    assert {rate for rate, told in ended.items() if told == ("dropped", 2)} == {1e-4, 2e-4, 2e-3}
    assert {rate for rate, told in ended.items() if told == ("ok", 20)} == {1e-3, 0.05, 0.1, 0.2, 0.4}
    assert raced.verdict.learning_rate == 0.4


def test_nothing_is_dropped_where_all_are_to_run_to_their_end():
    rates = [1e-4, 2e-4, 1e-3, 2e-3, 0.05, 0.1, 0.2, 0.4]
    raced = race(BOWL, ["sgd"], learning_rates=rates, seeds=1, confirm_seeds=0, epochs=20, patience=None, early=False)
    assert set(raced.runs["status"]) == {"ok"}
    assert set(raced.runs["epochs"]) == {20}


@pytest.mark.parametrize("table", ["iris", "wine"])
def test_dropping_does_not_change_who_is_chosen(table):
    """The rates that run to their end are those among which the choice of the full race falls."""
    problem = st.network(st.read(table), hidden=(16,))
    asked = {"learning_rates": 9, "seeds": 2, "confirm_seeds": 0, "epochs": 40}
    full, early = (race(problem, ["sgd", "adam", "rmsprop"], early=early, **asked) for early in (False, True))
    assert early.runs["steps"].sum() < 0.75 * full.runs["steps"].sum()
    assert "dropped" in set(early.runs["status"])
    for one, other in zip(full.verdict.leaderboard, early.verdict.leaderboard, strict=True):
        assert one.optimizer == other.optimizer
        assert other.median <= one.median * 1.01


def test_a_grid_grows_while_its_best_is_its_end_and_the_others_try_as_many():
    """Plain descent on |x|^2 is best at 1/2, four decades above the usual 5e-5; Adam's best is within its grid."""
    raced = race(
        BOWL, [st.SGD(5e-5), st.Adam(0.3)], seeds=1, learning_rates=5, confirm_seeds=0, epochs=30, patience=None
    )
    tried = {name: sorted(r for n, r in settings_of(raced) if n == name) for name in ("sgd", "adam")}
    assert len(tried["sgd"]) == len(tried["adam"]) == 5 + 3 * 2  # three rounds of two
    grid = learning_rate_grid(5e-5, 5)
    assert tried["sgd"] == pytest.approx([*grid, *(grid[-1] * 10 ** (k / 2) for k in range(1, 7))])
    assert set(learning_rate_grid(0.3, 5)) < set(tried["adam"])
    numbers = raced.runs["run"].to_list()
    assert numbers == list(range(len(numbers)))


@pytest.mark.parametrize("rates", [[1e-4, 1e-3], 3])
def test_rates_that_were_asked_for_as_they_are_do_not_grow(rates):
    raced = race(BOWL, [st.SGD(1e-4)], learning_rates=rates, seeds=1, confirm_seeds=0, epochs=3)
    assert len(raced.runs) == (3 if rates == 3 else 2)
    assert raced.verdict.leaderboard[0].at_edge


def test_fresh_seeds_run_the_chosen_and_the_usual_rate_of_each():
    raced = race(
        noisy(), [st.SGD(1e-3), st.Adam(0.03)], learning_rates=[0.03, 0.1], seeds=2, confirm_seeds=7, epochs=10
    )
    fresh = raced.runs.filter(pl.col("stage") == "confirm")
    assert sorted(fresh["seed"].unique()) == list(range(2, 9))
    for standing in raced.verdict.leaderboard:
        own = fresh.filter(pl.col("optimizer") == standing.optimizer)
        assert {standing.learning_rate, standing.usual_learning_rate} <= set(own["learning_rate"])
        at = own.filter(pl.col("learning_rate") == standing.learning_rate)["steady_validation_loss"]
        assert len(at) == 7
        assert standing.median == pytest.approx(at.median())
    assert raced.verdict.confirmed
    leader, other = raced.verdict.leaderboard
    assert leader.comparison is None
    assert len(other.comparison.differences) == 7


def test_more_seeds_are_those_of_having_asked_for_them_at_once():
    asked = {"learning_rates": [0.01, 0.1], "seeds": 2, "epochs": 5}
    few, many = (race(noisy(), ["sgd", "adam"], confirm_seeds=count, **asked) for count in (6, 9))
    assert many.runs[: len(few.runs)].equals(few.runs)


def tuned(losses, status=None):
    """A table of tuning runs: losses by rate, one a seed."""
    return pl.DataFrame(
        [
            {"optimizer": "sgd", "learning_rate": rate, "seed": seed, "steady_validation_loss": loss,
             "status": (status or {}).get(rate, "ok")}
            for rate, several in losses.items()
            for seed, loss in enumerate(several)
        ]
    )  # fmt: skip


def test_the_middle_of_the_plateau_is_chosen():
    """0.01, 0.03, 0.1 and 0.3 are within a hundredth of the lowest, 0.24; the middle of 0.01 to 0.3 is 0.055.

    Of the rates tried 0.03 and 0.1 lie nearest to it, 0.1 the nearer: log10(0.1/0.0548) = 0.261, log10(0.0548/0.03) =
    0.261 to three digits, and 0.1 is the nearer to the usual 0.1.
    """
    losses = {0.003: [0.5], 0.01: [0.242], 0.03: [0.241], 0.1: [0.24], 0.3: [0.2402], 1.0: [0.9]}
    found = choose(tuned(losses), "sgd", 0.1)
    assert (found.learning_rate, found.lowest, found.plateau) == (0.1, 0.1, (0.01, 0.3))
    assert found.decades == pytest.approx(math.log10(30))
    assert not found.at_edge


def test_a_plateau_ends_where_a_rate_is_worse():
    """0.001 is as good as the best, but 0.01 between them is not."""
    losses = {0.001: [0.24], 0.01: [0.5], 0.1: [0.24], 1.0: [0.241]}
    assert choose(tuned(losses), "sgd", 0.1).plateau == (0.1, 1.0)


def test_a_dropped_rate_is_not_chosen_though_it_was_low():
    losses = {0.01: [0.1], 0.1: [0.2], 1.0: [0.3]}
    assert choose(tuned(losses, {0.01: "dropped"}), "sgd", 0.1).learning_rate == 0.1
