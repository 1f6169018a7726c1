"""Metrics of cases small enough to count by hand, and of random ones as scikit-learn has them."""

import math

import numpy as np
import pytest
from sklearn import metrics

from steepest.problems._metrics import classification, regression


def test_four_rows_of_two_classes_by_hand():
    # True no, no, no, yes; told no, no, yes, yes.
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.25, 0.75]])
    told = classification(np.array([0, 0, 0, 1]), probabilities, ["no", "yes"])
    assert told["accuracy"] == 0.75
    assert told["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert told["cross_entropy"] == pytest.approx(-math.log(0.9 * 0.8 * 0.4 * 0.75) / 4)
    assert told["confusion"] == {"labels": ["no", "yes"], "counts": [[2, 1], [0, 1]]}
    assert told["rows"] == 4


def test_random_classes_as_scikit_learn_has_them():
    random = np.random.default_rng(0)
    codes, z = random.integers(0, 4, 80), random.normal(size=(80, 4))
    probabilities = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    told, predicted = classification(codes, probabilities, list("abcd")), probabilities.argmax(axis=1)
    assert told["accuracy"] == metrics.accuracy_score(codes, predicted)
    assert told["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(codes, predicted))
    assert told["cross_entropy"] == pytest.approx(metrics.log_loss(codes, probabilities))
    assert told["confusion"]["counts"] == metrics.confusion_matrix(codes, predicted).tolist()


def test_a_class_that_the_part_lacks_does_not_count_as_missed():
    told = classification(np.array([0, 0, 2]), np.eye(3)[[0, 1, 2]], ["a", "b", "c"])
    assert told["balanced_accuracy"] == 0.75
    assert told["confusion"]["counts"] == [[1, 1, 0], [0, 0, 0], [0, 0, 1]]


def test_numbers_by_hand():
    told = regression(np.array([1.0, 2.0, 6.0]), np.array([2.0, 2.0, 4.0]), "kg")
    assert told["rmse"] == pytest.approx(math.sqrt(5 / 3))
    assert told["mae"] == pytest.approx(1)
    assert told["r2"] == pytest.approx(1 - 5 / 14)
    assert (told["rows"], told["unit"]) == (3, "kg")
    assert told["residuals"] == {"actual": [1, 2, 6], "predicted": [2, 2, 4]}


def test_one_number_has_no_share_explained():
    assert regression(np.array([1.0]), np.array([2.0]), "kg")["r2"] is None


def test_of_many_residuals_two_thousand_are_shown_and_all_are_measured():
    actual = np.arange(5001.0)
    told = regression(actual, actual + np.where(actual == 1, 5001.0, 0.0), "kg")
    assert told["mae"] == pytest.approx(1)
    assert len(told["residuals"]["actual"]) == len(told["residuals"]["predicted"]) == 2000
    assert (told["residuals"]["actual"][0], told["residuals"]["actual"][-1]) == (0, 5000)
