"""Without hidden layer, full-batch steps arrive where scikit-learn's solvers do: one likelihood, one optimum."""

import jax
import numpy as np
import polars as pl
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LinearRegression, LogisticRegression

from steepest.data import read
from steepest.optimizer import Nesterov
from steepest.problems import network
from steepest.schedules import LinearDecay
from steepest.training import fit

ROWS = 240
# A problem keeps its weights in float32, whose rounding of 6e-8 is all that sets the losses apart.
LOSS = 1e-7


def table(kind, weighted=False):
    """Three features of unequal spread and a target that overlaps, so that every optimum is finite."""
    random = np.random.default_rng(3)
    x = random.normal(size=(ROWS, 3)) * [1.0, 3.0, 0.5] + [0.0, 5.0, -1.0]
    score = x @ [0.8, -0.3, 1.0] + 2
    utilities = np.c_[score, -score, 0 * score] + random.gumbel(size=(ROWS, 3))
    targets = {
        "binary": np.where(random.logistic(size=ROWS) < score - 1.2, "yes", "no"),
        "multiclass": np.array(["a", "b", "c"])[utilities.argmax(axis=1)],
        "regression": 40 * score + 30 * random.standard_t(2, size=ROWS),  # heavy tails, which Huber's loss minds less
    }  # fmt: skip
    columns = {f"x{i}": x[:, i] for i in range(3)} | {"y": targets[kind]}
    if weighted:
        columns["w"] = random.uniform(0.1, 4.0, ROWS)
    return read(pl.DataFrame(columns), target="y", weight="w" if weighted else None)


def trained(data, **options):
    """Weights, biases and loss after training on all rows, in float64; and the rows as the network saw them."""
    problem = network(data, hidden=(), validation=0, test=0, **options)
    (instance,) = problem.instances([0])
    with jax.enable_x64(True):
        instance = instance._replace(
            train=tuple(np.asarray(a, float if a.dtype.kind == "f" else int) for a in instance.train)
        )
        run = fit(Fixed(problem, instance), Nesterov(LinearDecay(0.3, 0.05, 3000), momentum=0.95),
                  epochs=3000, batch_size="all", patience=None)  # fmt: skip
    assert run.status == "ok"
    x, y, *weights = instance.train
    (layer,) = run.parameters
    return np.asarray(layer.weights), np.asarray(layer.biases), run.best_loss, x, y, weights[0] if weights else None


class Fixed:
    """A problem with the one instance given."""

    name = "fixed"

    def __init__(self, problem, instance):
        self.measure, self.reported, self._instance = problem.measure, problem.reported, instance

    def instances(self, seeds):
        return [self._instance for _ in seeds]


def logistic(x, y, weights=None, **options):
    """scikit-learn's optimum without penalty: its model and mean loss."""
    model = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000, **options).fit(x, y, sample_weight=weights)
    counted = np.ones(len(y)) if weights is None else weights
    if options.get("class_weight") == "balanced":
        counted = counted / np.bincount(y)[y]
    losses = -np.log(model.predict_proba(x)[np.arange(len(y)), y])
    return model, np.average(losses, weights=counted)


@pytest.mark.parametrize(("weighted", "class_weight"), [(False, None), (True, None), (False, "balanced")])
def test_binary_cross_entropy_is_minimised_where_logistic_regression_is(weighted, class_weight):
    w, b, loss, x, y, weights = trained(table("binary", weighted), class_weight=class_weight)
    model, least = logistic(x, y, weights if weighted else None, class_weight=class_weight)
    assert loss == pytest.approx(least, rel=LOSS)
    # A loss within 1e-12 of the least leaves parameters within 1e-5, where the curvature is 0.02 or more.
    np.testing.assert_allclose(w[:, 0], model.coef_[0], atol=1e-5)
    np.testing.assert_allclose(b, model.intercept_, atol=1e-5)
    np.testing.assert_allclose(expit(x @ w + b)[:, 0], model.predict_proba(x)[:, 1], atol=1e-5)
    assert 0.3 < loss < 0.65


@pytest.mark.parametrize(("weighted", "class_weight"), [(True, None), (False, "balanced")])
def test_cross_entropy_is_minimised_where_multinomial_regression_is(weighted, class_weight):
    w, b, loss, x, y, weights = trained(table("multiclass", weighted), class_weight=class_weight)
    model, least = logistic(x, y, weights if weighted else None, class_weight=class_weight)
    assert loss == pytest.approx(least, rel=LOSS)
    # Softmax takes logits up to a constant: compare differences between classes.
    np.testing.assert_allclose(w - w[:, :1], (model.coef_ - model.coef_[:1]).T, atol=1e-5)
    np.testing.assert_allclose(b - b[0], model.intercept_ - model.intercept_[0], atol=1e-5)
    assert 0.2 < loss < 1


def test_squared_error_is_minimised_where_weighted_linear_regression_is():
    w, b, loss, x, y, weights = trained(table("regression", weighted=True))
    model = LinearRegression().fit(x, y, sample_weight=weights)
    np.testing.assert_allclose(w[:, 0], model.coef_, atol=1e-8)
    np.testing.assert_allclose(b, model.intercept_, atol=1e-8)
    assert loss == pytest.approx(np.average((model.predict(x) - y) ** 2, weights=weights), rel=LOSS)


def test_hubers_loss_is_minimised_where_another_solver_finds_it():
    w, b, loss, x, y, _ = trained(table("regression"), loss="huber")

    def mean_loss(point):
        r = np.abs(x @ point[:3] + point[3] - y)
        return np.where(r <= 1, r**2 / 2, r - 0.5).mean()

    best = minimize(mean_loss, np.zeros(4), method="BFGS", options={"gtol": 1e-9})
    assert loss == pytest.approx(best.fun, abs=1e-9)
    np.testing.assert_allclose(np.r_[w[:, 0], b], best.x, atol=1e-5)
    ordinary = LinearRegression().fit(x, y)
    assert np.abs(w[:, 0] - ordinary.coef_).max() > 0.01  # the tails do pull the squared error's optimum elsewhere


def test_in_single_precision_and_without_weights_the_losses_agree_too():
    data = table("multiclass")
    problem = network(data, hidden=(), validation=0, test=0)
    run = fit(
        problem, Nesterov(LinearDecay(0.3, 0.05, 3000), momentum=0.95), epochs=1500, batch_size="all", patience=None
    )
    x, y = (np.asarray(a) for a in problem.instances([0])[0].train)
    model, least = logistic(x.astype(float), y)
    assert run.best_loss == pytest.approx(least, abs=1e-6)  # float32 loss: a few roundings of 6e-8
    ours = problem.model(run.parameters, 0).predict(data.features)
    np.testing.assert_array_equal(ours, np.array(data.classes)[model.predict(x.astype(float))])
