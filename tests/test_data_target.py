"""Labels and units survive the way to the network and back, and through JSON."""

import datetime
import json

import numpy as np
import polars as pl
import pytest

from steepest.data import Target, read
from steepest.errors import InputError

LABELS = [
    ("no", "yes"),
    (0, 1),
    (0.5, 1.5),
    (False, True),
    (datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)),
    (datetime.datetime(2020, 1, 1, 12), datetime.datetime(2021, 1, 1)),
]


def test_numbers_are_of_order_one_in_training_and_come_back_in_their_unit():
    dataset = read("diabetes")
    rows = np.arange(300)
    target = Target.fit(dataset, rows)
    encoded = target.encode(dataset.target)
    assert encoded.dtype == np.float32
    assert abs(encoded[rows].mean()) < 1e-6
    assert encoded[rows].std() == pytest.approx(1, abs=1e-6)
    assert abs(encoded.mean()) > 1e-3  # the other rows have had no say
    np.testing.assert_allclose(target.decode(encoded[:, None]), dataset.target, rtol=1e-5)


def test_a_training_part_of_equal_numbers_has_scale_one():
    dataset = read(pl.DataFrame({"x": [1, 2, 3], "y": [5.5, 5.5, 7.0]}), target="y", task="regression")
    assert Target.fit(dataset, np.array([0, 1])).encode([5.5, 6.5]).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("labels", LABELS)
def test_labels_keep_their_type(labels):
    dataset = read(pl.DataFrame({"x": [1, 2, 3], "y": [labels[1], labels[0], labels[1]]}), target="y")
    target = Target.fit(dataset, np.array([0]))
    encoded = target.encode(dataset.target)
    assert encoded.dtype == np.int32
    assert encoded.tolist() == [1, 0, 1]
    assert target.decode(encoded).tolist() == [labels[1], labels[0], labels[1]]
    assert target.decode(np.array([[-0.1], [0.2]], np.float32)).tolist() == list(labels)
    back = Target.from_json(json.loads(json.dumps(target.to_json())))
    assert back == target
    assert [type(label) for label in back.classes] == [type(label) for label in labels]


def test_several_classes_go_to_the_largest_output():
    target = Target("multiclass", ("a", "b", "c"))
    assert target.outputs == 3
    assert target.decode(np.array([[0.1, 0.2, 0.3], [5.0, 4.0, 3.0]])).tolist() == ["c", "a"]
    assert Target("binary", (0, 1)).outputs == Target("regression").outputs == 1


def test_numbers_survive_json_exactly():
    target = Target("regression", (), 0.1 + 0.2, 1 / 3)
    assert Target.from_json(json.loads(json.dumps(target.to_json()))) == target


@pytest.mark.parametrize(
    "content",
    [{}, [], {"label_type": "eval", "classes": [1]}, Target("binary").to_json() | {"mean": "x"}],
)
def test_other_json_is_refused(content):
    with pytest.raises(InputError, match="is not a target that steepest saved"):
        Target.from_json(content)
