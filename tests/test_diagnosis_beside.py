"""What a run gains beside another, and what is told of it: by hand; and inputs of very different sizes, mended."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest.diagnosis import Sibling, diagnose, remedy
from steepest.diagnosis._beside import Levels
from steepest.diagnosis._features import standardised, unevenness

LEVELS = Levels(start=9.0, trivial=1.0, watched_start=1.0, held_out=True)


def run(late, watched):
    return Sibling("rate", 1.0, late, watched)


@pytest.mark.parametrize(
    ("own", "other", "gain"),
    [
        ((0.5, 0.6), (0.0, 0.2), 0.4),  # the lesser of the two
        ((0.5, 0.2), (0.0, 0.2), 0.0),  # lower on the training rows alone: learned by heart
        ((0.0, 0.9), (0.0, 0.2), 0.5),  # lower on the others alone: beyond chance of 0.2
        ((0.0, 0.9), (0.1, 0.2), -0.1),  # at a price on the training rows
        ((math.inf, math.inf), (0.5, 0.5), 1.0),
        ((0.5, 0.5), (math.inf, math.inf), -1.0),
    ],
)
def test_gains_by_hand(own, other, gain):
    # both ways are 1 long: from the best constant's loss, 1, to the lowest, 0
    assert LEVELS.gain(run(*own), run(*other), (0.0, 0.0)) == pytest.approx(gain)


def test_without_held_out_rows_the_training_loss_alone_counts():
    levels = Levels(start=9.0, trivial=math.inf, watched_start=1.0, held_out=False)
    assert levels.gain(run(5.0, 0.0), run(0.5, 0.0), (0.0, 0.0)) == pytest.approx(0.5)


def test_a_sibling_up_to_an_epoch_is_told_from_its_curves():
    train, watched = np.arange(10, -1, -1.0), np.arange(20, -2, -2.0)
    whole = Sibling("rate", 3.0, 0.5, 0.0, curves=(train, watched))
    assert whole.until(5).late == 5.0  # of epochs 1 to 5 the last fifth is epoch 5
    assert whole.until(5).watched == np.mean([14.0, 12.0, 10.0])  # epochs 3 to 5: two before the lowest, none after
    bare = Sibling("rate", 3.0, 0.5, 0.0)
    assert bare.until(5) is bare


def test_a_sibling_names_its_method():
    assert str(Sibling("method", 0.002, 0.0, 0.0, by="Adamax")) == "by Adamax at 0.002"


# --- inputs


def columns(sizes, *, rows=150):
    draw = np.random.default_rng(3)
    x, way = draw.standard_normal((rows, len(sizes))), np.ones(len(sizes))
    return np.float32(5 + x * sizes), np.float32(x @ way)


def error(p, batch):
    return jnp.mean((batch["x"] @ p["weights"] + p["bias"] - batch["y"]) ** 2)


def raw(sizes):
    x, y = columns(np.asarray(sizes))
    start = {"weights": np.zeros(len(sizes), np.float32), "bias": np.float32(0)}
    return st.Problem(start, error, {"x": x, "y": y})


def test_standardised_columns_have_mean_0_and_variance_1_over_the_training_part():
    (instance,) = raw([1.0, 300.0]).instances([0])
    assert unevenness(instance) == pytest.approx(300 / math.sqrt(26), rel=0.1)  # columns are off by 5
    after = standardised(instance)
    x = np.asarray(after.train["x"], np.float64)
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(x.std(axis=0), 1, rtol=1e-6)
    np.testing.assert_array_equal(after.train["y"], instance.train["y"])
    assert unevenness(after) == pytest.approx(1.0)


def test_without_inputs_there_is_nothing_to_standardise():
    (instance,) = st.functions.booth().instances([0])
    assert unevenness(instance) == 1.0
    assert standardised(instance) is instance


def test_inputs_of_very_different_sizes_are_standardised_by_the_remedy():
    slow = st.fit(raw([1.0, 30.0, 300.0]), st.SGD(1e-5), epochs=60, batch_size="all", patience=None)
    found = diagnose(slow)
    assert [one.name for one in found.verdicts] == ["ill-conditioning"], found
    action = found.verdicts[0].action
    assert action.kind == "rescale"
    assert "Standardise the inputs" in action.sentence
    done = remedy(found)
    assert done.helped
    assert done.after.best_loss < 0.01 * done.before.best_loss
    x, y = columns(np.array([1.0, 30.0, 300.0]))
    mean, spread = done.inputs
    there = error(done.after.parameters, {"x": (x - mean) / spread, "y": y})
    assert float(there) == pytest.approx(done.after.best_loss, rel=1e-3)
    (own,) = done.after.problem.instances([0])
    assert float(own.loss(done.after.parameters, own.train)) == pytest.approx(done.after.best_loss, rel=1e-3)
    assert jax.tree.map(np.shape, done.after.last) == jax.tree.map(np.shape, slow.last)
