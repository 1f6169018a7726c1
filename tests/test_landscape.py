"""The verb: what a landscape holds, against the loss itself, the optimizer itself, and what is known of surfaces."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest import functions
from steepest.functions import FUNCTIONS
from steepest.landscapes import Between, Landscape, Point, walk
from steepest.pictures import heights_of, looks


def ravine():
    return functions.quadratic(10.0, start=(-1.5, 1.0))


@pytest.fixture(scope="module")
def run():
    problem = st.network(st.read("iris"), hidden=(5,), activation="tanh")
    return st.fit(problem, st.Adam(learning_rate=0.01), epochs=6, seed=3)


@pytest.fixture(scope="module")
def on_path(run):
    return st.landscape(run.problem, around=run, points=7)


# --- functions of two numbers


def test_a_surface_is_its_value_at_every_point_of_its_box():
    surface = functions.booth()
    seen = st.landscape(surface, points=5)
    assert (seen.slice.along[0], seen.slice.along[-1], seen.slice.across[2]) == (-10, 10, 0)
    for row, y in enumerate(seen.slice.across):
        for column, x in enumerate(seen.slice.along):
            height = (x + 2 * y - 7) ** 2 + (2 * x + y - 5) ** 2
            assert seen.slice.losses[row, column] == pytest.approx(height, rel=1e-5)
    assert seen.points == (Point(1.0, 3.0, 0.0, "minimum", seen.points[0].eigenvalues),)
    assert seen.points[0].eigenvalues == pytest.approx((2, 18), rel=1e-5)


def test_the_way_of_an_optimizer_is_its_own_step_after_step():
    surface, optimizer = ravine(), st.Momentum(learning_rate=0.03, momentum=0.8)
    (path,) = st.landscape(surface, optimizer, steps=25, points=5).paths
    at, state = jnp.array([-1.5, 1.0]), optimizer.init(jnp.zeros(2))
    for step in range(26):
        assert (path.along[step], path.across[step]) == pytest.approx(tuple(map(float, at)), abs=1e-5)
        assert path.losses[step] == pytest.approx(float(surface.value(at)), rel=1e-4, abs=1e-6)
        move, state = optimizer.update(jax.grad(surface.value)(at), state, at)
        at = at + move
    assert path.steps.tolist() == list(range(26))
    assert not path.off_plane.any()
    assert path.on_plane == pytest.approx(path.losses, rel=1e-5, abs=1e-6)


def test_a_run_and_its_optimizer_go_the_same_way():
    surface, optimizer = ravine(), st.Adam(learning_rate=0.1)
    run = st.fit(surface, optimizer, epochs=30, patience=None)
    drawn, walked = st.landscape(surface, [run, optimizer], steps=30, points=5).paths
    assert drawn.along == pytest.approx(walked.along, abs=1e-4)
    assert drawn.across == pytest.approx(walked.across, abs=1e-4)
    assert (drawn.name, walked.name) == ("Adam, rate 0.1 (1)", "Adam, rate 0.1 (2)")


def test_a_name_goes_at_the_best_of_seventeen_rates():
    surface = ravine()
    (path,) = st.landscape(surface, "sgd", steps=40, points=5).paths
    tried = [0.01 * 10 ** (half / 2) for half in range(-8, 9)]
    worth = {}
    for rate in tried:
        way = walk(surface, st.SGD(learning_rate=rate), 40, instance=surface.instances([0])[0])
        places = np.array(way.points)
        inside = not way.diverged and (np.abs(places) <= 2).all()
        worth[rate] = np.mean([float(surface.value(at)) for at in way.points[-4:]]) if inside else np.inf
    assert path.learning_rate == pytest.approx(min(worth, key=worth.get), rel=1e-6)
    assert path.learning_rate == pytest.approx(0.1, rel=1e-6)  # below 2 / 10, and the largest of those


def test_a_way_that_leaves_what_is_finite_ends_there():
    (path,) = st.landscape(functions.rosenbrock(), st.SGD(learning_rate=1.0), steps=50, points=5).paths
    assert path.diverged
    assert np.isfinite(path.along).all()
    assert len(path.steps) < 51
    assert "diverges after" in st.landscape(functions.rosenbrock(), st.SGD(learning_rate=1.0), steps=50, points=5).text


def test_minibatches_make_a_way_noisy_and_all_rows_do_not():
    problem = functions.noisy(ravine(), "additive", 1.0, rows=64)
    sgd = st.SGD(learning_rate=0.05)
    exact = st.landscape(ravine(), sgd, steps=120, points=5).paths[0]
    one, whole = (st.landscape(problem, sgd, steps=120, points=5, batch_size=size).paths[0] for size in (1, 64))
    assert whole.along == pytest.approx(exact.along, abs=1e-4)
    assert np.abs(one.along - exact.along).max() > 0.05
    assert one.losses[-10:].mean() > 10 * exact.losses[-10:].mean()


@pytest.mark.parametrize("name", ["himmelblau", "rastrigin", "easom", "monkey_saddle"])
def test_the_stationary_points_of_a_surface_are_on_its_landscape(name):
    surface = FUNCTIONS[name]()
    seen = st.landscape(surface, points=5)
    for known in surface.stationary:
        near = min(seen.points, key=lambda one: np.hypot(one.along - known.at[0], one.across - known.at[1]))
        assert (near.along, near.across) == pytest.approx(known.at, abs=1e-5)
        assert (near.kind, near.value) == (known.kind, pytest.approx(known.value, abs=1e-5, rel=1e-6))
    if name == "rastrigin":
        assert sum(one.kind == "minimum" for one in seen.points) > 40  # of 121; 400 starts find so many


# --- planes


def test_functions_of_more_numbers_are_seen_through_the_minimum_nearest_to_the_end():
    surface = functions.quadratic(20.0, dimensions=5, rotated=True)
    seen = st.landscape(surface, [st.SGD(learning_rate=0.03), st.Momentum(learning_rate=0.01)], steps=60, points=9)
    assert (seen.directions, len(seen.paths)) == ("path", 2)
    (minimum,) = seen.points
    assert (minimum.along, minimum.across) == pytest.approx((0, 0), abs=1e-6)
    assert minimum.eigenvalues == pytest.approx(np.geomspace(1, 20, 5), rel=1e-4)
    assert seen.slice.losses.shape == (9, 9)
    for path in seen.paths:
        assert (seen.slice.along[0] <= path.along).all()
        assert (path.along <= seen.slice.along[-1]).all()
        assert (path.losses >= -1e-6).all()


def test_a_path_in_a_plane_is_nowhere_off_it():
    """Two of six eigenvectors hold the start, and steepest descent never leaves their plane."""
    surface = functions.quadratic(9.0, (1.0, 0, 0, 0, 0, 2.0), dimensions=6)
    seen = st.landscape(surface, st.SGD(learning_rate=0.05), steps=40, points=5)
    assert seen.explained is not None
    assert sum(seen.explained) == pytest.approx(1.0, abs=1e-6)
    assert seen.paths[0].off_plane == pytest.approx(0, abs=1e-5)
    assert seen.paths[0].on_plane == pytest.approx(seen.paths[0].losses, rel=1e-4, abs=1e-6)


def test_true_losses_are_those_of_the_replayed_run(run, on_path):
    (path,) = on_path.paths
    (instance,) = run.problem.instances([3])
    assert path.steps.tolist() == list(range(7))
    assert path.losses[1:] == pytest.approx(run.curves["train_loss"].to_numpy()[1:], rel=0.5)  # these are means over it
    end = float(instance.loss(run.last, instance.train))
    assert path.losses[-1] == pytest.approx(end, rel=1e-5)
    best = float(instance.loss(run.parameters, instance.train))
    assert path.losses[run.best_epoch] == pytest.approx(best, rel=1e-5)


def test_the_centre_of_a_plane_is_the_run_and_its_path_is_explained(run, on_path):
    (path,) = on_path.paths
    (instance,) = run.problem.instances([3])
    at = run.best_epoch
    assert (path.along[at], path.across[at], path.off_plane[at]) == pytest.approx((0, 0, 0), abs=1e-5)
    assert path.on_plane[at] == pytest.approx(float(instance.loss(run.parameters, instance.train)), rel=1e-5)
    first, second = on_path.explained
    assert 1 >= first >= second >= 0
    assert first + second <= 1 + 1e-9
    assert (on_path.counted, on_path.loss) == ("epoch", "cross-entropy, nats")
    left = (path.off_plane**2).sum() / (path.along**2 + path.across**2 + path.off_plane**2).sum()
    assert left == pytest.approx(1 - first - second, abs=1e-4)


def test_other_optimizers_are_trained_as_the_run_was(run):
    seen = st.landscape(run.problem, ["sgd"], around=run, points=3)
    mine, other = seen.paths
    again = st.fit(run.problem, "sgd", epochs=6, seed=3)
    (instance,) = run.problem.instances([3])
    assert [mine.optimizer, other.optimizer] == ["adam", "sgd"]
    assert other.losses[-1] == pytest.approx(float(instance.loss(again.last, instance.train)), rel=1e-5)


def test_random_directions_are_of_the_lengths_of_the_units(run):
    seen, other = (
        st.landscape(run.problem, around=run, directions="random", points=3, span=span) for span in (0.5, None)
    )
    assert (seen.paths, seen.explained) == ((), None)
    assert (seen.slice.along[0], other.slice.along[0]) == (-0.5, -1.0)
    drawn = st.landscape(run.problem, around=run, directions="random", points=3, span=0.5, seed=7)
    assert drawn.slice.losses[0, 0] != pytest.approx(seen.slice.losses[0, 0], rel=1e-4)
    assert drawn.slice.losses[1, 1] == pytest.approx(seen.slice.losses[1, 1], rel=1e-6)
    (instance,) = run.problem.instances([3])
    assert seen.slice.losses[1, 1] == pytest.approx(float(instance.loss(run.parameters, instance.train)), rel=1e-5)


def test_along_the_extreme_curvatures_the_loss_is_the_parabola_they_say(run):
    seen = st.landscape(run.problem, around=run, directions="hessian", points=3, span=0.02)
    low, high = seen.curvatures
    assert high > low
    middle = seen.slice.losses[1, 1]
    along, across = seen.slice.losses[1, [0, 2]], seen.slice.losses[[0, 2], 1]
    # The odd terms cancel in the mean of both sides.
    assert along.mean() - middle == pytest.approx(high * 0.02**2 / 2, rel=0.05)
    assert across.mean() - middle == pytest.approx(low * 0.02**2 / 2, abs=0.02 * high * 0.02**2)


def test_rows_stand_for_all_evenly(run):
    few = st.landscape(run.problem, around=run, directions="random", points=3, rows=10)
    (instance,) = run.problem.instances([3])
    kept = np.linspace(0, instance.rows - 1, 10).round().astype(int)
    batch = jax.tree.map(lambda array: array[kept], instance.train)
    assert few.slice.losses[1, 1] == pytest.approx(float(instance.loss(run.parameters, batch)), rel=1e-5)


# --- between two solutions


def test_the_ends_between_two_runs_are_their_losses(run):
    other = st.fit(run.problem, "sgd", epochs=3, seed=8)
    seen = st.landscape(run.problem, around=run, between=other, points=31)
    assert isinstance(seen, Between)
    (instance,) = run.problem.instances([3])
    own = [float(instance.loss(one.parameters, instance.train)) for one in (run, other)]
    assert seen.ends == pytest.approx(own, rel=1e-5)
    shares = seen.shares.round(6).tolist()
    assert [seen.train[shares.index(at)] for at in (0.0, 1.0)] == pytest.approx(own, rel=1e-5)
    held = float(instance.loss(run.parameters, instance.validation))
    assert seen.validation[shares.index(0.0)] == pytest.approx(held, rel=1e-5)
    assert seen.barrier >= 0
    assert "SGD, rate 0.01, seed 8" in seen.text


def test_a_barrier_is_what_rises_above_the_straight_line():
    shares = np.linspace(-0.25, 1.25, 7)
    seen = Between("f", "", ("a", "b"), shares, np.array([9, 1, 2, 4, 3, 2.5, 9.0]), None, (1.0, 3.0), "loss")
    between = (shares >= 0) & (shares <= 1)
    assert shares[between].tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    # Lines 1, 1.5, 2, 2.5, 3 against 1, 2, 4, 3, 2.5.
    assert seen.barrier == pytest.approx(2.0)
    flat = Between("f", "", ("a", "b"), shares, np.linspace(0.5, 3.5, 7), None, (1.0, 3.0), "loss")
    assert flat.barrier == pytest.approx(0)
    assert "no barrier" in flat.text


# --- words and scales


def test_its_text_says_where_the_ways_end_and_what_is_marked():
    seen = st.landscape(functions.bounded_saddle(), st.SGD(learning_rate=0.2), steps=100, points=11)
    assert isinstance(seen, Landscape)
    assert "Minima at (0, 1) of height -0.25, (0, -1) of height -0.25." in seen.text
    assert "Saddle at (0, 0) of height 0." in seen.text
    assert "SGD, rate 0.2 goes from (1, 0.001), height 0.5, in 100 steps to (0, 1), height -0.25" in seen.text
    assert repr(seen) == seen.text


def test_heights_are_drawn_by_their_logarithm_where_that_helps():
    assert st.landscape(functions.rosenbrock(), points=41).heights.logarithmic
    assert not st.landscape(functions.bounded_saddle(), points=41).heights.logarithmic


def test_a_logarithmic_scale_names_the_heights_that_stand_there():
    scale = heights_of(np.geomspace(1, 1e4, 101), 0.0, logarithmic=True)
    places, names = scale.ticks()
    assert names[0] == "0"
    for place, name in zip(places, names, strict=True):
        assert scale.of(float(name)) == pytest.approx(place)
    assert scale.of(np.inf) == scale.of(scale.highest) == scale.levels()[-1]
    assert (np.diff(scale.levels()) > 0).all()
    flat = heights_of(np.ones((3, 3)))
    assert (np.diff(flat.levels()) > 0).all()
    assert heights_of(np.full((2, 2), np.inf)).levels().shape == (25,)


def test_ways_are_told_apart_by_more_than_colour():
    styles = looks(["adam", "sgd", "adam", "mine", "sgd"])
    assert len({style.symbol for style in styles}) == 5
    assert len({style.color for style in styles}) == 5


# --- what is given wrongly


class Foreign:
    """A run of another problem."""


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (st.landscape, r"landscape\(run.problem, around=run\)"),
        (lambda run: st.landscape("rosenbrock"), "minimise a problem; received str"),
        (lambda run: st.landscape(functions.rastrigin(dimensions=1)), "one parameter"),
        (lambda run: st.landscape(functions.booth(), directions="path"), "two parameters and is drawn whole"),
        (lambda run: st.landscape(run.problem, around=run, directions="paths"), "Did you mean 'path'"),
        (lambda run: st.landscape(run.problem), "needs a centre"),
        (lambda run: st.landscape(run.problem, around=run, directions="path", span=-1), "span is positive"),
        (lambda run: st.landscape(functions.booth(), "adm"), "Did you mean 'adam'"),
        (lambda run: st.landscape(functions.booth(), around=run), "other shapes"),
        (lambda run: st.landscape(functions.booth(), around=Foreign()), "around is a run"),
        (lambda run: st.landscape(run.problem, between=run), "give around=run as well"),
        (lambda run: st.landscape(functions.booth(), points=2), "points is a whole number from 3"),
        (lambda run: st.landscape(functions.booth(), steps=True), "steps is a whole number"),
        (lambda run: st.landscape(functions.booth(), rows=0), "rows is a whole number"),
    ],
)
def test_a_sentence_says_what_to_give(run, call, message):
    with pytest.raises(st.InputError, match=message):
        call(run)


def test_a_run_that_left_what_is_finite_at_once_has_no_way(run):
    lost = st.fit(run.problem, st.SGD(learning_rate=1e30), epochs=2, seed=3)
    assert lost.status == "diverged"
    with pytest.raises(st.InputError, match="no way to draw"):
        st.landscape(run.problem, around=lost, points=3)


def test_a_watch_hears_of_every_point(run):
    heard = []
    st.landscape(run.problem, around=run, points=3, watch=lambda done, of: heard.append((done, of)))
    assert heard == [(place, 7) for place in range(1, 8)]
