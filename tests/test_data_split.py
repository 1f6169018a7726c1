"""Splits are stratified, of fixed sizes, and keep the test part fixed while the seed varies."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.data import count_splits, read, split
from steepest.errors import InputError


def table(counts, name="t"):
    labels = [f"class {i}" for i, count in enumerate(counts) for _ in range(count)]
    return read(pl.DataFrame({"x": range(len(labels)), "y": labels}), target="y", name=name)


def parts(found):
    return found.train, found.validation, found.test


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    counts=st.lists(st.integers(3, 40), min_size=2, max_size=5).filter(lambda counts: sum(counts) >= 10),
    fractions=st.tuples(st.sampled_from([0, 0.1, 0.2, 0.45]), st.sampled_from([0, 0.1, 0.2, 0.45])),
    seed=st.integers(0, 1000),
)
def test_every_row_is_in_one_part_and_every_class_in_every_part(counts, fractions, seed):
    dataset = table(counts)
    validation, test = fractions
    found = parts(split(dataset, seed=seed, validation=validation, test=test))
    assert sorted(np.concatenate(found).tolist()) == list(range(dataset.rows))
    for part, fraction in zip(found, (1 - validation - test, validation, test), strict=True):
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()
        held = np.bincount(dataset.target[part], minlength=len(counts))
        if fraction == 0:
            assert len(part) == 0
        else:
            assert (held >= 1).all()
            # Largest remainders stray by less than one row; at least one row a class, by less than one more; and what
            # train gets is what the other two leave.
            assert (np.abs(held - np.array(counts) * fraction) < 3).all()
    again = parts(split(dataset, seed=seed + 1, validation=validation, test=test))
    assert [len(part) for part in again] == [len(part) for part in found]
    assert again[2].tolist() == found[2].tolist()


def test_sizes_are_the_fractions_and_stratified():
    found = split(table([50, 100, 150]), seed=3)
    target = table([50, 100, 150]).target
    assert [np.bincount(target[part]).tolist() for part in parts(found)] == [[30, 60, 90], [10, 20, 30], [10, 20, 30]]


def test_numbers_split_by_the_fractions_alone():
    assert [len(part) for part in parts(split(read("diabetes"), seed=0, validation=0.1, test=0.3))] == [265, 44, 133]


def test_the_seed_moves_validation_and_the_test_seed_the_test():
    dataset = table([30, 30])
    first, other = split(dataset, seed=0), split(dataset, seed=1)
    assert first.validation.tolist() != other.validation.tolist()
    moved = split(dataset, seed=0, test_seed=1)
    assert moved.test.tolist() != first.test.tolist()
    assert split(dataset, seed=5, test_seed=0).test.tolist() == first.test.tolist()


@pytest.mark.parametrize(("counts", "shares"), [((4, 3, 3), (0.2, 0.2)), ((5, 6), (0.2, 0.0)), ((10, 3), (0.0, 0.2))])
def test_seeds_draw_as_many_parts_as_are_counted_and_no_more(counts, shares):
    """(4, 3, 3): each class gives one to the test and one of the rest to validation, 3 x 2 x 2 = 12 ways."""
    dataset, (validation, test) = table(counts), shares
    drawn = {tuple(split(dataset, seed=s, validation=validation, test=test).validation.tolist()) for s in range(2000)}
    assert len(drawn) == count_splits(dataset, validation=validation, test=test)


def test_a_split_is_the_same_forever():
    found = split(table([6, 6]), seed=7)
    assert [part.tolist() for part in parts(found)] == [[0, 1, 4, 5, 7, 8, 9, 11], [2, 6], [3, 10]]


@pytest.mark.parametrize(
    ("counts", "arguments", "said"),
    [
        ([4, 4], {}, "t has 8 rows. Give at least 10"),
        ([20, 2], {}, "Class 'class 1' of target 'y' has 2 rows, and 3 parts need one each. Give more rows of it"),
        ([20, 1], {"test": 0}, "Class 'class 1' of target 'y' has 1 row, and 2 parts need one each."),
        ([1] * 12, {}, "Is the target a name or a number?"),
        ([20, 20], {"validation": 1.0}, "validation is a fraction of the rows, from 0 to below 1; received 1.0."),
        ([20, 20], {"test": -0.1}, "test is a fraction of the rows, from 0 to below 1; received -0.1."),
        ([20, 20], {"test": float("nan")}, "test is a fraction"),
        ([20, 20], {"test": 0.5, "validation": 0.5}, "validation 0.5 and test 0.5 leave no row to train on"),
    ],
)
def test_what_cannot_be_split_is_answered_by_a_sentence(counts, arguments, said):
    with pytest.raises(InputError, match=said.replace("?", r"\?")):
        split(table(counts), **({"seed": 0} | arguments))


def test_two_rows_of_a_class_do_where_there_are_two_parts():
    found = split(table([20, 2]), seed=0, test=0)
    assert len(found.test) == 0
    assert {20, 21} & set(found.validation.tolist())
    assert {20, 21} & set(found.train.tolist())
