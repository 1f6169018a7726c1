"""The scikit-learn estimators: scikit-learn's own checks, its linear models as oracles, and what weights mean."""

import functools
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from steepest import Adam, InputError, SteepestClassifier, SteepestRegressor
from steepest.estimators._rows import hold_back, relative
from steepest.problems import Model

pytestmark = pytest.mark.filterwarnings("ignore:The loss was still falling:sklearn.exceptions.ConvergenceWarning")

# Small and fast, but enough to learn what scikit-learn's checks want learned.
SMALL = {"hidden": (4,), "learning_rate": 0.05, "epochs": 50}
# The exact gradient, followed for as long as float32 shows a descent.
EXACT = {
    "hidden": (),
    "optimizer": "nesterov",
    "epochs": 300,
    "batch_size": 200,
    "patience": None,
    "validation_fraction": 0,
    "random_state": 0,
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([SteepestClassifier(**SMALL), SteepestRegressor(**SMALL)])
def test_scikit_learn_finds_nothing_to_object_to(estimator, check):
    check(estimator)


@pytest.fixture
def features() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(200, 3)) * [1, 10, 0.1] + [0, 5, 1]


def encoded(estimator, X: np.ndarray) -> np.ndarray:
    frame = pl.DataFrame(X, schema=[f"x{i}" for i in range(X.shape[1])])
    return estimator.model_.encoder.transform(frame).astype(np.float64)


def overlapping_classes(X: np.ndarray, classes: int) -> np.ndarray:
    """Labels drawn from a softmax of linear scores, so that no plane parts them and the likelihood has a maximum."""
    random = np.random.default_rng(1)
    scores = (X - X.mean(axis=0)) / X.std(axis=0) @ random.normal(size=(X.shape[1], classes))
    return (scores + random.gumbel(size=scores.shape)).argmax(axis=1)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_network_without_hidden_layer_is_logistic_regression(features, classes):
    y = overlapping_classes(features, classes)
    network = SteepestClassifier(learning_rate=0.5, **EXACT).fit(features, y)
    x = encoded(network, features)
    oracle = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(x, y)
    optimum = log_loss(y, oracle.predict_proba(x))
    # Float32 resolves the loss to 6e-8 of itself, and the loss is flat at its optimum: parameters to the root of that.
    assert network.best_loss_ == pytest.approx(optimum, rel=1e-6)
    np.testing.assert_allclose(network.predict_proba(features), oracle.predict_proba(x), atol=1e-3)
    weights, biases = network.model_.parameters[0]
    if classes > 2:  # the same number added to every class's logit changes nothing; scikit-learn's sum to zero
        weights, biases = weights - weights.mean(axis=1, keepdims=True), biases - biases.mean()
    np.testing.assert_allclose(weights.T, oracle.coef_, atol=2e-3)
    np.testing.assert_allclose(biases, oracle.intercept_, atol=2e-3)


def test_a_network_without_hidden_layer_is_linear_regression(features):
    y = 1000 + 50 * (features @ [1.0, 0.2, 3.0] + np.random.default_rng(2).normal(size=200))
    network = SteepestRegressor(learning_rate=0.1, **EXACT).fit(features, y)
    x = encoded(network, features)
    oracle = LinearRegression().fit(x, y)
    scale = y.std()
    assert network.best_loss_ == pytest.approx(np.mean((y - oracle.predict(x)) ** 2) / scale**2, rel=1e-6)
    np.testing.assert_allclose(network.predict(features), oracle.predict(x), atol=1e-3 * scale)
    weights, biases = network.model_.parameters[0]
    np.testing.assert_allclose(weights[:, 0] * scale, oracle.coef_, atol=2e-3 * scale)
    np.testing.assert_allclose(biases[0] * scale + y.mean(), oracle.intercept_, atol=2e-3 * scale)


def test_sample_weights_move_the_optimum_where_scikit_learns_do(features):
    y = overlapping_classes(features, 2)
    weights = np.random.default_rng(3).uniform(0, 3, 200) * (np.arange(200) % 5 > 0)
    network = SteepestClassifier(learning_rate=0.5, **EXACT).fit(features, y, weights)
    x = encoded(network, features)
    oracle = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(x, y, weights)
    np.testing.assert_allclose(network.predict_proba(features), oracle.predict_proba(x), atol=1e-3)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 1.0, 1: 5.0}])
def test_class_weights_move_the_optimum_where_scikit_learns_do(features, class_weight):
    y = (overlapping_classes(features, 2) == 1) & (np.arange(200) % 3 > 0)
    network = SteepestClassifier(learning_rate=0.5, class_weight=class_weight, **EXACT).fit(features, y.astype(int))
    x = encoded(network, features)
    oracle = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000, class_weight=class_weight).fit(x, y.astype(int))
    np.testing.assert_allclose(network.predict_proba(features), oracle.predict_proba(x), atol=1e-3)


@pytest.mark.parametrize("estimator", [SteepestClassifier, SteepestRegressor])
def test_where_one_batch_holds_all_rows_a_weight_is_so_many_copies_in_any_order(estimator):
    random = np.random.default_rng(0)
    X, y, weights = random.normal(size=(14, 2)), random.integers(2, size=14), random.integers(0, 4, 14)
    copies = random.permutation(np.repeat(np.arange(14), weights))
    weighted, repeated = (estimator(**SMALL, random_state=0) for _ in range(2))
    weighted.fit(X, y, 0.3 * weights)
    repeated.fit(X[copies], y[copies])
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-5)
    np.testing.assert_allclose(weighted.validation_loss_curve_, repeated.validation_loss_curve_, rtol=1e-5)


@functools.cache
def iris_classifier() -> SteepestClassifier:
    return SteepestClassifier(**SMALL, random_state=0).fit(*load_iris(return_X_y=True))


def test_curves_start_before_training_and_the_best_epoch_is_their_lowest():
    fitted = iris_classifier()
    assert len(fitted.loss_curve_) == len(fitted.validation_loss_curve_) == fitted.n_iter_ + 1
    assert fitted.best_loss_ == min(fitted.validation_loss_curve_)
    assert fitted.best_epoch_ == np.argmin(fitted.validation_loss_curve_) > 0
    assert fitted.n_layers_ == 3
    assert len(fitted.run_.problem.instances([0])[0].validation[0]) == 30


def test_what_is_kept_is_what_was_best_on_the_rows_held_back():
    fitted = iris_classifier()
    x, codes = fitted.run_.problem.instances([0])[0].validation
    outputs = np.asarray(fitted.model_.network.apply(fitted.model_.parameters, x), np.float64)
    losses = np.log(np.exp(outputs).sum(axis=1)) - outputs[np.arange(30), codes]
    assert losses.mean() == pytest.approx(fitted.best_loss_, rel=1e-5)


def test_without_validation_the_training_loss_is_watched():
    X, y = load_iris(return_X_y=True)
    fitted = SteepestClassifier(**SMALL, validation_fraction=0, random_state=0).fit(X, y)
    assert fitted.validation_loss_curve_ is None
    assert fitted.best_loss_ == pytest.approx(log_loss(y, fitted.predict_proba(X)), rel=1e-5)


def test_joblib_keeps_what_predicts_and_no_training_rows(tmp_path: Path):
    X, _ = load_iris(return_X_y=True)
    joblib.dump(iris_classifier(), tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib")
    np.testing.assert_array_equal(loaded.predict_proba(X), iris_classifier().predict_proba(X))
    assert set(vars(iris_classifier())) - set(vars(loaded)) == {"run_"}


def test_the_model_saves_without_pickle_and_predicts_the_same_table(tmp_path: Path):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    fitted = SteepestRegressor(**SMALL, random_state=0).fit(X, y)
    fitted.model_.save(tmp_path / "model")
    table = pl.DataFrame(X.to_dict("list")).select(reversed(X.columns))
    np.testing.assert_allclose(Model.load(tmp_path / "model").predict(table), fitted.predict(X), rtol=1e-6)


def test_a_row_is_predicted_the_same_alone_and_among_others():
    X, _ = load_iris(return_X_y=True)
    many = iris_classifier().predict_proba(np.tile(X, (5, 1)))
    alone = np.concatenate([iris_classifier().predict_proba(row[None]) for row in X[::30]])
    np.testing.assert_allclose(many[:150:30], alone, rtol=1e-6)
    assert many.shape == (750, 3)


def test_a_random_state_fixes_everything_and_another_changes_it():
    X, y = load_iris(return_X_y=True)
    first, again, other = (
        SteepestClassifier(**SMALL, random_state=state).fit(X, y)
        for state in (0, np.random.RandomState(0), np.random.RandomState(1))
    )
    assert first.loss_curve_ == again.loss_curve_
    assert first.loss_curve_ != other.loss_curve_


def test_it_takes_part_in_pipelines_searches_and_cross_validation():
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), SteepestClassifier(**SMALL, random_state=0))
    search = GridSearchCV(pipeline, {"steepestclassifier__learning_rate": [1e-6, 0.05]}, cv=3).fit(X, y)
    assert search.best_params_ == {"steepestclassifier__learning_rate": 0.05}
    assert cross_val_score(search.best_estimator_, X, y, cv=3).mean() > 0.9


def test_an_optimizer_object_is_cloned_and_takes_the_learning_rate():
    X, y = load_iris(return_X_y=True)
    named = SteepestClassifier(**SMALL, random_state=0)
    given = clone(named).set_params(optimizer=Adam(0.5), learning_rate=0.05)
    assert clone(given).fit(X, y).loss_curve_ == named.fit(X, y).loss_curve_
    assert given.set_params(learning_rate=None).fit(X, y).run_.optimizer.learning_rate == pytest.approx(0.5)


@pytest.mark.parametrize("labels", [["no", "yes"], [False, True], [-1, 1], [2.0, 3.0]])
def test_labels_of_any_sortable_type_come_back_as_they_were(labels):
    X = np.linspace(-1, 1, 40)[:, None]
    y = np.array(labels)[(X[:, 0] > 0).astype(int)]
    fitted = SteepestClassifier(**SMALL, random_state=0).fit(X, y)
    assert fitted.classes_.dtype == y.dtype
    assert fitted.classes_.tolist() == labels
    assert fitted.predict(X).dtype == y.dtype
    assert fitted.score(X, y) > 0.9


def test_missing_values_are_learned_from_and_predicted_for():
    X = pd.DataFrame({"a": np.linspace(-1, 1, 60), "b": np.tile([1.0, np.nan], 30)})
    y = X["b"].isna()
    fitted = SteepestClassifier(**SMALL, random_state=0).fit(X, y)
    assert fitted.score(X, y) == 1
    assert fitted.feature_names_in_.tolist() == ["a", "b"]


@pytest.mark.parametrize("rows", [3, 10, 40])
def test_a_class_of_one_row_trains(rows):
    X, y = np.arange(rows)[:, None], np.array(["rare"] + ["usual"] * (rows - 1))
    assert SteepestClassifier(**SMALL, random_state=0).fit(X, y).predict_proba(X).shape == (rows, 2)


@pytest.mark.parametrize("fraction", [0, 0.1, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("counts", [(50, 50), (90, 9, 1), (1, 1, 1), (2,), (30, 2, 2)])
def test_every_group_trains_and_is_held_back_in_proportion(counts, fraction):
    groups = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    train, held = hold_back(groups, fraction, np.random.default_rng(1))
    np.testing.assert_array_equal(np.sort(np.concatenate([train, held])), np.arange(len(groups)))
    kept, total = np.bincount(groups[train], minlength=len(counts)), sum(counts)
    assert kept.min() >= 1
    assert len(held) == min(round(fraction * total), total - len(counts))
    # Each group's rows but one lie in one stretch of the line, of which every so-manieth is taken: one off at most.
    share = len(held) / max(total - len(counts), 1)
    np.testing.assert_allclose(np.subtract(counts, kept), np.subtract(counts, 1) * share, atol=1)


def test_relative_weights_have_mean_one_and_equal_ones_are_none():
    np.testing.assert_allclose(relative(np.array([1.0, 3.0])), [0.5, 1.5])
    assert relative(np.full(3, 0.1)) is None


@pytest.mark.filterwarnings("error")
def test_training_that_ends_too_early_or_diverges_warns_what_to_do():
    X, y = load_diabetes(return_X_y=True)
    with pytest.warns(ConvergenceWarning, match="still falling after 3 epochs, the most allowed. Raise epochs"):
        SteepestRegressor(hidden=(4,), epochs=3, random_state=0).fit(X, y)
    with pytest.warns(ConvergenceWarning, match=r"diverged in epoch .* at learning rate 1e\+04.*to 1e\+03"):
        diverged = SteepestRegressor(hidden=(4,), optimizer="sgd", learning_rate=1e4, random_state=0).fit(X, y)
    assert np.isfinite(diverged.predict(X)).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden": (4, 0)}, "hidden must be positive whole numbers"),
        ({"hidden": 64}, "hidden must list whole numbers"),
        ({"hidden": (4.5,)}, "hidden must list whole numbers"),
        ({"activation": "rleu"}, "Did you mean 'relu'"),
        ({"initializer": "he"}, "Unknown initializer 'he'"),
        ({"loss": "squared_error"}, "Unknown loss for a binary target"),
        ({"optimizer": "adma"}, "Did you mean 'adam'"),
        ({"learning_rate": -1}, "learning_rate must be positive"),
        ({"epochs": 0}, "epochs must be a whole number"),
        ({"batch_size": 0}, "batch_size must be a whole number"),
        ({"patience": 0}, "patience must be a whole number"),
        ({"validation_fraction": 1}, "validation_fraction is a share of the rows"),
        ({"class_weight": "even"}, "class_weight"),
    ],
)
def test_a_parameter_out_of_range_is_refused_when_fitting(parameters, message):
    with pytest.raises(ValueError, match=message):
        SteepestClassifier(**parameters).fit(np.arange(20)[:, None], np.arange(20) % 2)


def test_one_class_is_refused_also_where_weights_leave_only_one():
    X, y = np.arange(10)[:, None], np.arange(10) % 2
    with pytest.raises(InputError, match="of one class"):
        SteepestClassifier().fit(X, y, sample_weight=y)


def test_a_batch_larger_than_the_data_is_all_of_it():
    X, y = load_iris(return_X_y=True)
    fitted = SteepestClassifier(**SMALL, batch_size=10_000, random_state=0).fit(X, y)
    assert fitted.run_.steps == fitted.n_iter_
