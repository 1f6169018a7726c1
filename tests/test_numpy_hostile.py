"""The NumPy drop-ins under gradients that are parameters, arrays that became read-only, and states that are none."""

import copy
import re

import numpy as np
import pytest

from steepest import numpy as drop_ins
from steepest.errors import InputError
from steepest.numpy import SGD, Adam, Nadam


def test_a_gradient_beside_its_parameter_is_read_before_anything_moves():
    memory = np.arange(200_001, dtype=np.float64)
    expected = memory[:-1] - 0.5 * memory[1:]
    SGD(memory[:-1], 0.5).step(memory[1:])
    np.testing.assert_array_equal(memory[:-1], expected)


@pytest.mark.parametrize("name", ["SGD", "Muon"])
def test_gradients_that_are_one_another_s_parameters_are_read_before_anything_moves(name):
    a, b = np.eye(3), np.arange(9.0).reshape(3, 3)
    expected = [a.copy(), b.copy()]
    getattr(drop_ins, name)(expected, 0.5).step([b.copy(), a.copy()])
    moved = [a, b]
    getattr(drop_ins, name)(moved, 0.5).step([b, a])
    for ours, theirs in zip(moved, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_gradient_that_owns_the_parameter_s_memory_is_read_before_anything_moves():
    memory = np.arange(4.0)
    view = memory[::-1]
    SGD(view, 0.5).step(memory)
    np.testing.assert_array_equal(view, [3.0, 1.5, 0.0, -1.5])


def test_an_array_that_became_read_only_is_refused_before_anything_moves():
    a, b = np.ones(3), np.ones(3)
    optimizer = SGD([a, b], 0.5)
    b.flags.writeable = False
    with pytest.raises(InputError, match="Parameter '1' is read-only"):
        optimizer.step([np.ones(3), np.ones(3)])
    np.testing.assert_array_equal(a, 1.0)


def test_a_copy_counts_its_own_steps():
    a = np.ones(3)
    optimizer = Nadam(a, 0.1)
    optimizer.step(np.ones(3))
    other, before = copy.copy(optimizer), optimizer.state_dict()["state"]["0"]
    other.step(np.ones(3))
    after = optimizer.state_dict()["state"]["0"]
    assert after["step"] == 1
    assert after["mu_product"] == before["mu_product"]
    np.testing.assert_array_equal(after["m"], before["m"])
    assert other.parameters["0"] is a


@pytest.mark.parametrize("key", [2**63, -1, 0.5, "x"], ids=str)
def test_a_key_that_no_kernel_takes_is_refused(key):
    with pytest.raises(InputError, match=r"key must be a whole number from 0 to 2\^63 - 1, or None; received"):
        Adam(np.ones(3, np.float16)).step(np.ones(3, np.float16), key=key)


def test_what_is_no_array_is_refused():
    with pytest.raises(InputError, match="must be an array, a sequence of arrays or arrays by name; received 5"):
        Adam(5)


def test_arguments_that_do_not_fit_are_refused_by_name():
    with pytest.raises(
        TypeError, match=r"Adam: .*'learning_rte'\. Did you mean 'learning_rate'\? Allowed: parameters,"
    ):
        Adam(np.ones(3), learning_rte=1)
    with pytest.raises(TypeError, match=r"Adam: missing a required argument: 'parameters'\. Allowed: parameters,"):
        Adam()


BAD_STATES = {
    "no state": ({"state": None}, "The state must have each array's under 'state'; received None."),
    "no array's": ({"0": None}, "The state of '0' must have step, m, v, mu_product; received None."),
    "step text": ({"step": "x"}, "step of '0' must be a count of steps, 0 or more; received 'x'."),
    "step below 0": ({"step": -1}, "step of '0' must be a count of steps, 0 or more; received -1."),
    "product text": ({"mu_product": "x"}, "mu_product of '0' must be a number; received 'x'."),
    "product array": ({"mu_product": np.ones(2)}, "mu_product of '0' must be a number; received array([1., 1.])."),
}


@pytest.mark.parametrize(("change", "said"), BAD_STATES.values(), ids=BAD_STATES)
def test_a_bad_state_is_refused_by_name(change, said):
    optimizer = Nadam(np.ones(3))
    saved = optimizer.state_dict()
    if "state" in change:
        saved |= change
    elif "0" in change:
        saved["state"] |= change
    else:
        saved["state"]["0"] |= change
    with pytest.raises(InputError, match=re.escape(said)):
        optimizer.load_state_dict(saved)


def test_what_is_no_mapping_is_no_state():
    with pytest.raises(InputError, match=r"must be what state_dict\(\) returned; received 5"):
        Adam(np.ones(3)).load_state_dict(5)
