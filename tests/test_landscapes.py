"""Slices, directions, paths and critical points beside loops over points and what is known of test functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import steepest as st
from steepest import functions
from steepest.functions import FUNCTIONS
from steepest.landscapes import critical_points, filter_normalised, line, plane, principal, projected
from steepest.networks import Layer

ONE = np.float32(1.0)
ALL_KNOWN = [name for name in FUNCTIONS if FUNCTIONS[name]().complete and FUNCTIONS[name]().stationary]


def network(hidden, activation="tanh", table="wine"):
    problem = st.network(st.read(table), hidden=hidden, activation=activation)
    (instance,) = problem.instances([0])
    return instance.loss, instance.init(jax.random.key(1)), instance.train


def moved(centre, first, second, a, b):
    return jax.tree.map(lambda c, u, v: c + a * u + b * v, centre, first, second)


@pytest.mark.parametrize("hidden", [(), (6,), (6, 5, 4)])
@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_a_plane_through_a_network_is_its_loss_at_each_point(hidden, activation):
    loss, centre, batch = network(hidden, activation)
    first, second = (filter_normalised(centre, seed) for seed in (0, 1))
    found = plane(loss, centre, first, second, batch, along=[-1.0, 0.0, 2.0], across=[0.5, -0.25])
    assert found.losses.shape == (2, 3)
    for row, b in enumerate((0.5, -0.25)):
        for column, a in enumerate((-1.0, 0.0, 2.0)):
            by_itself = float(loss(moved(centre, first, second, a, b), batch))
            assert found.losses[row, column] == pytest.approx(by_itself, rel=1e-5)


def test_any_loss_has_planes_and_what_is_not_finite_is_infinite():
    found = plane(lambda p, _: jnp.log(p[0]) ** 2, jnp.array([1.0, 1.0]), jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0]))
    assert found.losses.shape == (51, 51)
    assert found.losses[:, 0].tolist() == [np.inf] * 51
    along, across, lowest = found.lowest
    assert (along, lowest) == (0.0, 0.0)
    assert -1 <= across <= 1


def test_weights_of_rows_count_in_a_plane():
    table = st.read("wine")
    problem = st.network(table, hidden=(4,), class_weight="balanced")
    (instance,) = problem.instances([0])
    centre, batch = instance.init(jax.random.key(0)), instance.train
    assert len(batch) == 3
    found = plane(instance.loss, centre, centre, centre, batch, along=[0.0], across=[0.0])
    assert found.losses[0, 0] == pytest.approx(float(instance.loss(centre, batch)), rel=1e-5)


def test_a_line_goes_from_one_solution_to_the_other_and_beyond():
    loss, start, batch = network((5,))
    end = jax.tree.map(lambda leaf: leaf * 0.5 + 0.1, start)
    shares, losses = line(loss, start, end, batch)
    assert (shares[0], shares[-1], len(shares)) == (-0.25, 1.25, 51)
    at = {round(share, 6): value for share, value in zip(shares, losses, strict=True)}
    halfway = jax.tree.map(lambda a, b: (a + b) / 2, start, end)
    by_itself = line(loss, start, end, batch, shares=[0.0, 0.5, 1.0])[1]
    assert by_itself == pytest.approx([float(loss(one, batch)) for one in (start, halfway, end)], rel=1e-5)
    assert set(at) >= {-0.25, 0.5, 1.25}


def test_a_filter_normalised_direction_has_the_lengths_of_the_units():
    _, centre, _ = network((6, 5))
    found = filter_normalised(centre, 3)
    for own, drawn in zip(centre, found, strict=True):
        assert np.linalg.norm(drawn.weights, axis=0) == pytest.approx(np.linalg.norm(own.weights, axis=0), rel=1e-5)
        assert not np.asarray(drawn.biases).any()
    assert ravel_pytree(filter_normalised(centre, 4))[0].tolist() != ravel_pytree(found)[0].tolist()
    scaled = [Layer(layer.weights * 7, layer.biases) for layer in centre]
    assert np.asarray(filter_normalised(scaled, 3)[0].weights) == pytest.approx(
        np.asarray(found[0].weights) * 7, rel=1e-5
    )


def test_without_a_matrix_each_array_is_moved_by_its_length():
    assert np.linalg.norm(filter_normalised(jnp.array([3.0, 4.0]), 0)) == pytest.approx(5.0)
    assert np.linalg.norm(filter_normalised(jnp.zeros(2), 0)) == pytest.approx(1.0)


def test_principal_directions_are_those_of_an_eigenvalue_problem():
    random = np.random.default_rng(0)
    path = [{"w": random.normal(size=(3, 2)).astype(np.float32) * [[5], [2], [1]]} for _ in range(12)]
    path = [{"w": jnp.asarray(one["w"], jnp.float32)} for one in path]
    found = principal(path)
    moves = np.stack([np.asarray(one["w"] - path[-1]["w"], float).ravel() for one in path])
    values, vectors = np.linalg.eigh(moves.T @ moves)
    assert found.explained == pytest.approx(values[::-1][:2] / values.sum(), rel=1e-5)
    assert abs(np.asarray(found.first["w"]).ravel() @ vectors[:, -1]) == pytest.approx(1.0, abs=1e-5)
    assert abs(np.asarray(found.second["w"]).ravel() @ vectors[:, -2]) == pytest.approx(1.0, abs=1e-5)


def test_a_path_on_a_line_is_explained_by_one_direction():
    path = [jnp.array([float(k), 2.0 * k, 0.0]) for k in range(5)]
    found = principal(path)
    assert found.explained == pytest.approx((1.0, 0.0), abs=1e-9)
    assert float(found.first @ found.second) == pytest.approx(0, abs=1e-6)
    assert np.linalg.norm(found.second) == pytest.approx(1.0)


def test_a_path_is_projected_with_what_is_left_of_it():
    """(1, 2, 3) on the plane of (2, 0, 0) and (0, 1, 0): half and two of these, and 3 beside it."""
    found = projected([jnp.array([1.0, 2.0, 3.0])], jnp.zeros(3), jnp.array([2.0, 0, 0]), jnp.array([0, 1.0, 0]))
    assert (found.along[0], found.across[0], found.off_plane[0]) == pytest.approx((0.5, 2.0, 3.0))


@pytest.mark.parametrize("name", ALL_KNOWN)
def test_newton_finds_all_critical_points_that_are_known_and_their_kinds(name):
    surface = FUNCTIONS[name]()
    found = critical_points(surface)
    assert len(found) == len(surface.stationary)
    left = list(surface.stationary)
    for one in found:
        nearest = min(left, key=lambda point: np.abs(np.array(point.at) - one.at).max())
        left.remove(nearest)
        assert one.at == pytest.approx(nearest.at, abs=1e-5)
        assert (one.kind, one.value) == (nearest.kind, pytest.approx(nearest.value, abs=1e-6, rel=1e-7))
        assert one.starts >= 1


def test_the_order_of_a_chain_s_saddle_is_its_depth():
    two, four = (
        min(critical_points(functions.scalar_chain(depth)), key=lambda one: np.abs(one.at).max()) for depth in (2, 4)
    )
    assert (two.kind, four.kind) == ("saddle", "degenerate")
    assert two.eigenvalues == pytest.approx([-2, 2])
    assert np.abs(four.eigenvalues).max() < 1e-3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: plane(lambda p, _: p, jnp.array(1.0), jnp.array(1.0), jnp.array(1.0), along=[np.nan]),
            "along is a list",
        ),
        (lambda: line(lambda p, _: p, jnp.array(1.0), jnp.array(1.0), shares="all"), "shares is a list"),
        (lambda: principal([jnp.ones(2)]), "A path has two points or more; received 1"),
        (lambda: principal([jnp.ones(2)] * 3), "The path never leaves its centre"),
        (lambda: principal([jnp.ones(2), jnp.array([np.nan, 1.0])]), "not finite"),
        (lambda: critical_points(functions.booth(), starts=0), "starts is how many, or points of 2 finite numbers"),
        (lambda: critical_points(functions.booth(), starts=[[1.0]]), "points of 2 finite numbers"),
        (lambda: critical_points(functions.rastrigin(dimensions=201)), "201 dimensions"),
    ],
)
def test_what_is_given_wrongly_is_answered_by_a_sentence(call, message):
    with pytest.raises(st.InputError, match=message):
        call()
