"""A network on a table: who is in which part, what is learned from which rows, and how much each row counts."""

import jax
import numpy as np
import polars as pl
import pytest

from steepest.data import read
from steepest.errors import InputError
from steepest.networks import INITIALIZERS, Network
from steepest.problems import NetworkProblem, network


@pytest.fixture(scope="module")
def rare():
    """200 rows with categories so rare that some training part lacks one, a gap here and there, and three classes."""
    random = np.random.default_rng(0)
    size = random.normal(10, 3, 200)
    frame = pl.DataFrame(
        {
            "size": [None if i % 50 == 7 else value for i, value in enumerate(size)],
            "colour": [f"rare {i}" if i < 4 else ("red", "blue")[i % 2] for i in range(200)],
            "count": random.integers(1, 5, 200),
            "level": np.array(["a", "b", "c"])[np.r_[np.zeros(120, int), np.ones(60, int), np.full(20, 2)]],
        }
    )
    return frame.sample(fraction=1.0, shuffle=True, seed=1)


def parts(problem, seed=0):
    """The rows of each part as the problem has drawn them."""
    return problem._prepared(seed).split


def arrays(problem, seed=0):
    (instance,) = problem.instances([seed])
    return {name: [np.asarray(a) for a in getattr(instance, name)] for name in ("train", "validation", "test")}


def test_parts_share_no_row_hold_all_and_keep_the_classes_in_proportion(rare):
    problem = network(read(rare, target="level"), validation=0.25, test=0.15)
    drawn = parts(problem)
    rows = np.concatenate([drawn.train, drawn.validation, drawn.test])
    np.testing.assert_array_equal(np.sort(rows), np.arange(200))
    assert [len(part) for part in (drawn.train, drawn.validation, drawn.test)] == [120, 50, 30]
    for name, share in (("train", 0.6), ("validation", 0.25), ("test", 0.15)):
        held = arrays(problem)[name]
        assert len(held[0]) == len(held[1]) == len(getattr(drawn, name))
        np.testing.assert_allclose(np.bincount(held[1]), share * np.array([120, 60, 20]), atol=1)


def test_the_seed_moves_validation_rows_and_leaves_the_test_part(rare):
    problem = network(read(rare, target="level"))
    first, second = parts(problem, 0), parts(problem, 1)
    np.testing.assert_array_equal(first.test, second.test)
    assert set(first.validation) != set(second.validation)
    other = NetworkProblem(read(rare, target="level"), Network(), test_seed=1)
    assert set(parts(other).test) != set(first.test)


@pytest.mark.parametrize("share", ["validation", "test"])
def test_a_part_of_no_rows_is_none(rare, share):
    (instance,) = network(read(rare, target="level"), **{share: 0}).instances([0])
    assert getattr(instance, share) is None
    assert instance.rows == 160


def test_nothing_outside_the_training_rows_is_learned_from(rare):
    problem = network(read(rare, target="count", task="regression"))
    before, drawn = arrays(problem), parts(problem)
    held = np.zeros(200, bool)
    held[np.r_[drawn.validation, drawn.test]] = True
    changed = rare.with_columns(
        pl.when(pl.Series(held)).then(pl.col("size") * 1000 + 5).otherwise("size").alias("size"),
        pl.when(pl.Series(held)).then(pl.lit("mauve")).otherwise("colour").alias("colour"),
        pl.when(pl.Series(held)).then(pl.col("count") + 100).otherwise("count").alias("count"),
    )
    after = arrays(network(read(changed, target="count", task="regression")))
    for was, now in zip(before["train"], after["train"], strict=True):
        np.testing.assert_array_equal(was, now)
    assert not np.array_equal(before["validation"][0], after["validation"][0])
    assert after["validation"][1].min() > 50  # in the training part's standard deviations, whatever the others do


def test_shapes_are_equal_at_every_seed_and_a_category_unseen_is_a_column_of_zeros(rare):
    problem = network(read(rare, target="level"), hidden=(4,))
    seeds = list(range(6))
    widths = [len(problem._prepared(seed).encoder.feature_names) for seed in seeds]
    assert len(set(widths)) > 1  # some training part lacks a rare category
    instances = problem.instances(seeds)
    shapes = [jax.tree.map(np.shape, (one.train, one.validation, one.test)) for one in instances]
    assert all(one == shapes[0] for one in shapes)
    starts = [jax.tree.map(np.shape, one.init(jax.random.key(0))) for one in instances]
    assert all(one == starts[0] for one in starts)
    assert len({one.loss for one in instances}) == 1  # one compiled program trains them all
    for instance, width in zip(instances, widths, strict=True):
        assert instance.train[0].shape[1] == max(widths)
        assert not np.asarray(instance.train[0])[:, width:].any()
        assert np.asarray(instance.train[0])[:, :width].any(axis=0).all()


@pytest.mark.parametrize("initializer", INITIALIZERS)
def test_the_start_of_a_seed_is_drawn_for_its_own_columns_whichever_seeds_are_beside_it(rare, initializer):
    problem = network(read(rare, target="level"), hidden=(4,), initializer=initializer)
    together, key = problem.instances(range(6)), jax.random.key(7)
    for seed, instance in enumerate(together):
        (alone,) = problem.instances([seed])
        first, *others = instance.init(key)
        expected, *rest = alone.init(key)
        own = len(problem._prepared(seed).encoder.feature_names)
        np.testing.assert_array_equal(first.weights[:own], expected.weights)
        assert not np.asarray(first.weights[own:]).any()
        for ours, theirs in zip(jax.tree.leaves(others), jax.tree.leaves(rest), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_a_model_ignores_the_columns_that_its_own_training_part_lacks(rare):
    table = read(rare, target="level")
    problem = network(table, hidden=())
    instances = problem.instances(range(6))
    widths = [len(problem._prepared(seed).encoder.feature_names) for seed in range(6)]
    seed = int(np.argmin(widths))
    parameters = instances[seed].init(jax.random.key(0))
    model = problem.model(parameters, seed)
    assert model.parameters[0].weights.shape == (widths[seed], 3)
    x = np.asarray(instances[seed].validation[0])
    expected = x @ np.asarray(parameters[0].weights)
    with pytest.warns(UserWarning, match="not seen in training"):
        ours = model.outputs(table.features[parts(problem, seed).validation])
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)  # float32, sums of ten terms


def test_a_target_that_is_a_number_is_standardised_by_the_training_rows(rare):
    problem = network(read(rare, target="count", task="regression"))
    values = rare["count"].to_numpy().astype(float)
    train = values[parts(problem).train]
    held = arrays(problem)
    np.testing.assert_allclose(held["train"][1], (train - train.mean()) / train.std(), atol=1e-6)
    validation = (values[parts(problem).validation] - train.mean()) / train.std()
    np.testing.assert_allclose(held["validation"][1], validation, atol=1e-6)
    assert (problem.outputs, held["train"][1].dtype) == (1, np.float32)


@pytest.mark.parametrize(
    ("target", "task", "outputs", "loss"),
    [("level", None, 3, "cross_entropy"), ("new", None, 1, "binary_cross_entropy"), ("size", None, 1, "squared_error")],
)
def test_the_task_decides_outputs_and_loss(rare, target, task, outputs, loss):
    frame = rare.with_columns(pl.Series("new", [bool(i % 2) for i in range(200)])).drop_nulls()
    problem = network(read(frame, target=target, task=task))
    assert (problem.outputs, problem.loss) == (outputs, loss)
    (instance,) = problem.instances([0])
    assert instance.init(jax.random.key(0))[-1].weights.shape == (128, outputs)


# --- how much each row counts ---------------------------------------------------------------------------------------


def test_rows_count_equally_unless_told_otherwise(rare):
    assert {len(part) for part in arrays(network(read(rare, target="level"))).values()} == {2}


def test_weights_have_a_mean_of_one_in_every_part(rare):
    weights = np.random.default_rng(2).uniform(0, 9, 200)
    problem = network(read(rare.with_columns(pl.Series("w", weights)), target="level", weight="w"))
    for name, part in arrays(problem).items():
        rows = getattr(parts(problem), name)
        np.testing.assert_allclose(part[2], weights[rows] / weights[rows].mean(), rtol=1e-6)
        assert part[2].dtype == np.float32
        assert part[0].shape[1] == arrays(network(read(rare, target="level")))[name][0].shape[1]  # and are no feature


def test_balanced_classes_count_equally(rare):
    problem = network(read(rare, target="level"), class_weight="balanced")
    _, codes, weights = arrays(problem)["train"]
    shares = [weights[codes == code].sum() for code in range(3)]
    np.testing.assert_allclose(shares, len(codes) / 3, rtol=1e-5)
    _, codes, weights = arrays(problem)["validation"]
    ratio = weights[codes == 2][0] / weights[codes == 0][0]
    train = arrays(problem)["train"][1]
    assert ratio == pytest.approx((train == 0).sum() / (train == 2).sum(), rel=1e-5)  # the training part's frequencies


def test_class_and_sample_weights_multiply(rare):
    weights = np.random.default_rng(2).uniform(0.5, 9, 200)
    table = read(rare.with_columns(pl.Series("w", weights)), target="level", weight="w")
    problem = network(table, class_weight="balanced")
    _, codes, both = arrays(problem)["train"]
    expected = weights[parts(problem).train] / np.bincount(codes)[codes]
    np.testing.assert_allclose(both, expected / expected.mean(), rtol=1e-5)


def test_class_weights_mean_nothing_for_a_number(rare):
    problem = network(read(rare, target="count", task="regression"), class_weight="balanced")
    assert len(arrays(problem)["train"]) == 2


def test_a_weighted_loss_is_the_weighted_mean(rare):
    weights = np.random.default_rng(2).integers(1, 4, 200)
    table = read(rare.with_columns(pl.Series("w", weights)), target="count", task="regression", weight="w")
    (instance,) = network(table, hidden=()).instances([0])
    x, y, relative = (np.asarray(a, np.float64) for a in instance.train)
    (layer,) = instance.init(jax.random.key(0))
    squares = (x @ np.asarray(layer.weights, np.float64))[:, 0] - y
    expected = np.average(squares**2, weights=relative)
    assert float(instance.loss((layer,), instance.train)) == pytest.approx(expected, rel=1e-5)


def test_a_part_that_counts_nothing_is_refused(rare):
    problem = network(read(rare, target="level"))
    weights = np.zeros(200)
    weights[parts(problem).train] = 1.0
    weighted = network(read(rare.with_columns(pl.Series("w", weights)), target="level", weight="w"))
    with pytest.raises(InputError, match=r"^All sample weights of a part of the table are zero"):
        weighted.instances([0])


# --- what is refused, and what is told ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_weight": "balancd"}, r"^Unknown class weight 'balancd'\. Did you mean 'balanced'\?"),
        ({"loss": "squared_error"}, r"^Unknown loss for a multiclass target 'squared_error'"),
        ({"validation": 0.6, "test": 0.4}, r"^The shares of validation and test must leave .* received 0\.6 and 0\.4"),
        ({"test": -0.1}, r"^The shares of validation and test must leave .* received 0\.2 and -0\.1"),
        ({"validation": 1}, r"^The shares of validation and test must leave .* received 1 and 0\.2"),
        ({"hidden": (0,)}, r"^hidden must be positive whole numbers of units; received \(0,\)"),
        ({"hidden": 64}, r"^hidden must be positive whole numbers of units; received 64\. Try \(64, 64\)"),
        ({"activation": "rely"}, r"^Unknown activation 'rely'\. Did you mean 'relu'\?"),
    ],
)
def test_what_is_out_of_range_is_refused(rare, options, message):
    with pytest.raises(InputError, match=message):
        network(read(rare, target="level"), **options)


def test_what_a_problem_tells_of_itself(rare):
    problem = network(read(rare, target="level", name="rare"), hidden=(8,), class_weight="balanced")
    assert problem.name == "rare"
    assert problem.to_json()["network"] == {
        "hidden": (8,), "activation": "relu", "initializer": "he_normal", "scale": 1.0,
    }  # fmt: skip
    told = problem.describe_data()
    assert (told["rows"], told["columns"], told["target"], told["task"]) == (200, 3, "level", "multiclass")
    assert (told["train_rows"], told["validation_rows"], told["test_rows"]) == (120, 40, 40)
    assert told["classes"] == ["a", "b", "c"]


def test_another_network_on_the_same_table_shares_what_was_learned_of_it(rare):
    problem = network(read(rare, target="level"))
    problem.instances([0])
    other = problem.with_network(Network((3,)))
    assert other._prepared(0) is problem._prepared(0)
    assert (other.network.hidden, problem.network.hidden) == ((3,), (128,))


@pytest.mark.parametrize(("hidden", "units"), [((64, 32), "64-32"), ((), "no")])
def test_a_problem_is_shown_on_one_line(hidden, units):
    assert repr(network(read("wine"), hidden)) == (
        f"Network of {units} hidden units, relu, on wine: 178 rows, 13 columns, 3 classes (target 'target')"
    )
