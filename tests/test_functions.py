"""The test functions: what is said of each is true, in float64, by Newton's method and by eigenvalues."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest import functions
from steepest.functions import FUNCTIONS, eigenvalues, kind_of, noisy

# Kinks and flats, where Newton's method or eigenvalues say nothing.
SMOOTH = [name for name in FUNCTIONS if name not in ("ackley", "cliff")]
FEW = [name for name in FUNCTIONS if FUNCTIONS[name]().complete and FUNCTIONS[name]().dimensions == 2]


@pytest.mark.parametrize("name", SMOOTH)
def test_known_points_are_stationary_and_of_their_kind(name):
    surface = FUNCTIONS[name]()
    with jax.enable_x64(True):
        slopes = jax.jit(jax.grad(surface.value))
        for point in surface.stationary:
            at = jnp.array(point.at)
            spectrum = eigenvalues(surface, point.at)
            slope = np.abs(slopes(at)).max()
            # Coordinates are given to nine digits.
            assert slope <= 1e-7 * max(1.0, np.abs(spectrum).max(), np.abs(at).max())
            assert float(surface.value(at)) == pytest.approx(point.value, rel=1e-7, abs=1e-7)
            assert kind_of(spectrum) == point.kind


@pytest.mark.parametrize("name", FEW)
def test_newton_finds_no_other_point_in_the_box(name):
    surface = FUNCTIONS[name]()
    with jax.enable_x64(True):
        slope, curvature = jax.grad(surface.value), jax.hessian(surface.value)

        def newton(p):
            def step(_, p):
                move = jnp.linalg.solve(curvature(p) + 1e-14 * jnp.eye(2), slope(p))
                return p - move * jnp.minimum(1.0, 1 / jnp.maximum(jnp.linalg.norm(move), 1e-30))

            return jax.lax.fori_loop(0, 60, step, p)

        starts = np.array(list(itertools.product(*(np.linspace(*ends, 21) for ends in surface.box)))) + 1e-3
        found = np.asarray(jax.jit(jax.vmap(newton))(starts))
        flat = np.abs(np.asarray(jax.vmap(slope)(found))).max(axis=1) < 1e-7
        inside = np.all([(low <= c) & (c <= high) for c, (low, high) in zip(found.T, surface.box, strict=True)], axis=0)
    known = np.array([point.at for point in surface.stationary])
    distances = np.abs(found[flat & inside, None] - known).max(axis=2)
    assert distances.min(axis=1).max() < 1e-5
    assert distances.min(axis=0).max() < 1e-5  # and it finds all that are known


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if FUNCTIONS[name]().minima])
def test_nothing_in_the_box_is_lower_than_the_lowest_minimum(name):
    surface = FUNCTIONS[name]()
    random = np.random.default_rng(0)
    low, high = np.array(surface.box).T
    points = random.uniform(low, high, (20_000, surface.dimensions)).astype(np.float32)
    heights = np.asarray(jax.vmap(surface.value)(points))
    assert np.isfinite(heights).all()
    assert heights.min() >= surface.minima[0].value - 1e-4
    assert surface.minima[0].value <= min(point.value for point in surface.stationary)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_is_a_problem_to_fit(name):
    surface = FUNCTIONS[name]()
    run = st.fit(surface, st.SGD(1e-8), epochs=3, patience=None)
    first = float(surface.value(jnp.asarray(surface.instances([0])[0].init(jax.random.key(0)))))
    assert run.curves["validation_loss"][0] == pytest.approx(first, rel=1e-5)
    assert run.curves["validation_loss"][3] <= run.curves["validation_loss"][0]
    assert surface.name == name
    assert surface.formula in repr(surface)


def test_values_by_hand():
    """Beale at (0, 0): 1.5^2 + 2.25^2 + 2.625^2; Goldstein-Price at (0, 0): (1 + 1 x 19) x 30; others are seen."""
    by_hand = {
        "rosenbrock": ((0, 0), 1.0), "beale": ((0, 0), 14.203125), "himmelblau": ((0, 0), 170.0),
        "goldstein_price": ((0, 0), 600.0), "styblinski_tang": ((1, 1), -10.0), "booth": ((0, 0), 74.0),
        "matyas": ((1, 1), 0.04), "three_hump_camel": ((0, 1), 1.0), "six_hump_camel": ((0, 1), 0.0),
        "branin": ((0, 0), 36 + 20 - 10 / (8 * math.pi)), "rastrigin": ((0.5, 0.5), 40.5),
        "ackley": ((1, 1), -20 * math.exp(-0.2) + 20), "easom": ((0, 0), -math.exp(-2 * math.pi**2)),
        "bounded_saddle": ((2, 2), 4.0), "strict_saddle": ((1, 1), 4.0), "monkey_saddle": ((1, 1), -2.0),
        "scalar_chain": ((1, 1, 2, 2), 9.0), "quadratic": ((1, 1), 50.5),
        "cliff": ((1, 0), 0.5 + 30 * math.log(2) / 20), "sigmoid_well": ((1, 0), 0.5),
        # A constant's 1 + c^2; (9 + 4 + 1) / 2; all of t; t without relu(-x - 0.3) at -1, -0.75 and -0.5.
        "xor_network": ((*(0,) * 8, 2), 5.0), "linear_network": ((0,) * 12, 7.0),
        "twin_network": ((0.5, 3, 1, 1), 0.0),
        "dead_network": ((2, 0, -0.4, -1, 1, 1, 0), (0.7**2 + 0.45**2 + 0.2**2) / 9),
    }  # fmt: skip
    assert set(by_hand) == set(FUNCTIONS)
    for name, (at, height) in by_hand.items():
        assert float(FUNCTIONS[name]().value(jnp.array(at, jnp.float32))) == pytest.approx(height, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(("dimensions", "rotated"), [(1, False), (2, True), (5, True), (5, False)])
def test_a_quadratic_has_the_spectrum_it_says(dimensions, rotated):
    surface = functions.quadratic(1000.0, dimensions=dimensions, rotated=rotated)
    spectrum = np.geomspace(1, 1000, dimensions) if dimensions > 1 else [1.0]
    with jax.enable_x64(True):
        assert eigenvalues(surface, (0.0,) * dimensions) == pytest.approx(spectrum, rel=1e-9)
        hessian = np.asarray(jax.hessian(surface.value)(jnp.zeros(dimensions)))
    assert (np.abs(hessian - np.diag(np.diag(hessian))).max() < 1e-9) != rotated


def test_a_cliff_is_steep_on_one_side_alone():
    surface = functions.cliff(steepness=30.0)
    left, right = (float(jax.grad(surface.value)(jnp.array([x, 0.0]))[0]) for x in (0.5, 1.5))
    assert left == pytest.approx(0.5, rel=1e-2)
    assert right == pytest.approx(31.5, rel=1e-3)


def test_four_dimensions_of_a_double_well_have_every_combination():
    surface = functions.styblinski_tang(dimensions=3)
    assert len(surface.stationary) == 27
    assert (len(surface.minima), len(surface.of_kind("maximum"))) == (8, 1)
    assert functions.styblinski_tang(dimensions=6).minima[0].value == pytest.approx(-39.1661657 * 6)


def test_a_random_start_is_the_seeds_and_in_the_box():
    surface = functions.beale(start="random")
    ends = [st.fit(surface, st.SGD(1e-9), epochs=1, seed=seed).curves["validation_loss"][0] for seed in (0, 1, 0)]
    assert ends[0] == ends[2] != ends[1]


@pytest.mark.parametrize("kind", ["additive", "cauchy", "multiplicative", "mask"])
def test_noise_vanishes_over_all_rows_and_falls_with_the_batch(kind):
    surface = functions.rosenbrock()
    problem = noisy(surface, kind, 0.3, rows=4096)
    (instance,) = problem.instances([0])
    at = jnp.array([-1.2, 1.0])
    slope, exact = jax.grad(instance.loss), np.asarray(jax.grad(surface.value)(at))
    assert np.asarray(slope(at, instance.train)) == pytest.approx(exact, rel=1e-3)
    assert float(instance.loss(at, instance.train)) == pytest.approx(float(surface.value(at)), rel=1e-6)
    if kind != "cauchy":  # which has no variance
        spread = [np.std([slope(at, instance.train[i : i + n])[0] for i in range(0, 4096, n)]) for n in (16, 256)]
        assert 2.5 < spread[0] / spread[1] < 6.5  # sqrt(256 / 16) = 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: functions.rosenbrock(start=(1.0,)), 'rosenbrock is 2 finite numbers, or "random"; received'),
        (lambda: functions.rosenbrock(start="origin"), "received 'origin'"),
        (lambda: functions.beale(start=(math.nan, 0.0)), "2 finite numbers"),
        (lambda: functions.rastrigin(dimensions=0), "dimensions is a whole number, 1 or more; received 0"),
        (lambda: functions.quadratic(0.5), "The condition number is 1 or more, and finite; received 0.5"),
        (lambda: functions.scalar_chain(1), "two layers or more; received 1"),
        (lambda: functions.cliff(steepness=-1), "The steepness is positive and finite; received -1"),
        (lambda: functions.sigmoid_well(steepness=0), "The steepness is positive and finite; received 0"),
        (lambda: functions.find("rosenbrok"), "Did you mean 'rosenbrock'"),
        (lambda: noisy(functions.booth(), "gauss"), "kind of noise"),
        (lambda: noisy(functions.booth(), "mask", 1.0), "between 0 and 1; received 1.0"),
        (lambda: noisy(functions.booth(), scale=0), "positive and finite; received 0"),
        (lambda: noisy(functions.booth(), rows=1), "2 or more; received 1"),
    ],
)
def test_what_is_given_wrongly_is_answered_by_a_sentence(make, message):
    with pytest.raises(st.InputError, match=message):
        make()
