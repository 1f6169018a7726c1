"""The Keras drop-ins beside Keras's own, on both backends, each in a process of its own; and what they refuse."""

import inspect
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import torch

import steepest.keras
from steepest import dialects

from .shared import once_a_run


def told(program, backend):
    """What a program of this directory finds on a backend."""
    command = [sys.executable, Path(__file__).with_name(program), backend]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.fixture(scope="module", params=["jax", "torch"])
def found(request, tmp_path_factory):
    return once_a_run(tmp_path_factory, f"driver-{request.param}", lambda: told("keras_driver.py", request.param))


@pytest.fixture(scope="module", params=["jax", "torch"])
def around(request, tmp_path_factory):
    return once_a_run(tmp_path_factory, f"features-{request.param}", lambda: told("keras_features.py", request.param))


def test_a_thousand_steps_are_keras_s_own_in_float64(found):
    for one in found["float64"]:
        assert one["weights"] < 1e-10, one
        assert one["state"] < 1e-10, one
        assert one["names"], one


def test_float32_stays_near_keras_s_own(found):
    """Each of 100 steps rounds a parameter once in both, by 6e-8 of it, and its own size some ten times.

    Keras corrects its bias in float32, wrong by 2e-5 of a step of 0.02 at first; over 100 steps of at most 0.022 that
    is below 1e-4 in all. Lion's sign turns over where rounding decides it: twice its rate of 0.02, now and then.
    """
    for one in found["float32"]:
        assert one["weights"] < (0.2 if "Lion" in one["case"] else 1e-4 + 100 * 2 * 6e-8), one


def test_muon_is_keras_s_own_but_for_its_norms_in_float32(found):
    """With Keras's norm taken in float64, a thousand steps agree.

    As it is, the norm of 12 numbers is rounded up to 8 times by 2^-24 in float32, and the quintic, five times, passes
    on a relative change of a singular value at most 8.7-fold (the largest s f'(s) on [0, 1]). A thousand steps of at
    most 0.022 * 0.2 * sqrt(4) each then differ by 4e-5 in all, beside weights of size 1.
    """
    for one in found["muon"]["exact"]:
        assert one["weights"] < 1e-10, one
        assert one["state"] < 1e-10, one
        assert one["names"], one
    rounded = found["muon"]["rounded"]
    assert 1e-10 < rounded["weights"] < 4e-5, rounded
    assert rounded["state"] < 1e-10, rounded


def test_fit_saves_loads_and_goes_on_as_keras_s_own(found):
    ours, theirs = found["fit"]
    assert theirs[-1] < theirs[0]
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)  # six epochs in float32


def test_state_goes_both_ways(found):
    assert found["exchanged"] < 1e-12


def test_narrow_variables_move_where_keras_s_do_not(found):
    narrow = found["narrow"]
    assert narrow["keras bfloat16"] == 1.0  # 1 - 0.999 is 0 there
    # Three steps of 0.01 from 1, each rounded to a multiple of 2^-8 below 1.
    assert narrow["steepest bfloat16"] == pytest.approx(0.97, abs=3 * 2**-9)
    assert narrow["steepest float16"] == 1.0
    assert np.isnan(narrow["keras float16"])


def test_another_dialect_is_its_method_and_stays_in_the_config(found):
    assert found["dialect"]["config"] == "torch"
    oracle = torch.nn.Parameter(torch.tensor(np.random.default_rng(3).normal(size=(4, 3))))
    optimizer = torch.optim.Adam([oracle], eps=0.3)
    random, sizes = np.random.default_rng(7), np.array([1e-3, 0.1, 1.0])
    for step in range(20):
        g = random.normal(size=(4, 3)) * sizes
        random.normal(size=5)
        optimizer.param_groups[0]["lr"] = float(np.float32(0.01 * (1.2 + np.sin(step / 9))))
        oracle.grad = torch.tensor(g)
        optimizer.step()
    np.testing.assert_allclose(found["dialect"]["w"], oracle.detach().numpy(), rtol=1e-10)


def test_what_keras_does_around_a_step_is_its_own(around):
    """60 calls in float64: schedules, clipping, averages, accumulation, loss scales, weight decay of some."""
    for feature, apart in around["features"].items():
        if feature == "no decay of any" and isinstance(apart, str):
            assert "must have at least one tensor" in apart  # Keras fails on torch, the drop-in does not
        elif feature.startswith("Muon"):  # 30 steps of 0.05 * 0.2 * sqrt(4), each good to 8.7 * 8 * 2^-24
            assert apart < 2.5e-6
        else:
            assert apart < 1e-10, feature
    assert around["scaled"] < 1e-10


def test_stateless_steps_leave_alone_what_they_are_handed(around):
    ours, theirs = around["stateless"]
    assert ours["kept"]
    for one, other in zip(ours["moved"], theirs["moved"], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_a_loop_of_one_s_own_trains_as_keras_s_own(around):
    ours, theirs = around["looped"]
    assert theirs[-1] < theirs[0] / 2
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)  # twenty steps in float32


def test_fits_in_every_policy_save_and_load(around):
    """Eight epochs; a mixed policy rounds what a layer puts out to 2^-9 or 2^-12, and a last digit may turn over."""
    tolerances = {"float32": 1e-4, "mixed_bfloat16": 4 * 2**-9, "mixed_float16": 4 * 2**-12}
    for name, (ours, theirs) in around["fits"].items():
        assert theirs[-1] < theirs[0] / 2, name
        np.testing.assert_allclose(ours, theirs, rtol=tolerances[name.split()[1]], err_msg=name)


def test_an_average_in_bfloat16_moves_as_it_should(around):
    """100 steps of 1/128 from 1 to 0.21875, of whose run 0.999 is kept each time from the first step on.

    Keras's, in bfloat16, rounds 0.999 to 1 and stays where it began.
    """
    one, average = 1.0, 0.0
    for step in range(100):
        one -= 1 / 128
        average = one if step == 0 else 0.999 * average + 0.001 * one
    assert around["narrow"]["keras"] == [one, 1 - 1 / 128]
    assert around["narrow"]["steepest"] == pytest.approx([one, average], abs=1e-5)  # 100 roundings of 2^-24


@pytest.mark.parametrize("native", dialects.FRAMEWORKS["keras"], ids=lambda native: native.name)
def test_signatures_are_keras_s_own(native):
    theirs = inspect.signature(getattr(keras.optimizers, native.name)).parameters
    ours = inspect.signature(getattr(steepest.keras, native.name)).parameters
    assert [name for name in ours if name != "dialect"] == [name for name in theirs if name != "kwargs"]
    assert all(ours[name].default == parameter.default for name, parameter in theirs.items() if name in ours)


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: steepest.keras.Adam(beta_1=1.0), ValueError, r"beta_1 of Adam must be in \[0, 1\); received 1\.0"),
        (lambda: steepest.keras.Adam(epsilon=-1.0), ValueError, "epsilon of Adam"),
        (lambda: steepest.keras.Adam(dialect="optx"), ValueError, "optax"),
        (
            lambda: steepest.keras.Adam(epslon=1e-7),
            ValueError,
            "not recognized by Adam: epslon. Allowed: learning_rate, ",
        ),
        (lambda: steepest.keras.SGD(-1.0), ValueError, r"learning_rate of SGD .* received -1\.0\. Try 0\.01\."),
        (lambda: steepest.keras.AdamW(weight_decay=-1.0), ValueError, r"received -1\.0\. Try 0\.004\."),
        (lambda: steepest.keras.Adam(clipnorm=1.0, clipvalue=1.0), ValueError, "Only one"),
        (lambda: steepest.keras.Adam(beta_1="0.9"), ValueError, "beta_1 of Adam must be .* received '0.9'"),
        (lambda: steepest.keras.Adam(clipnorm=-1.0), ValueError, "clipnorm of Adam must be zero or positive"),
        (lambda: steepest.keras.Adam(loss_scale_factor=0.0), ValueError, "loss_scale_factor of Adam must be positive"),
        (lambda: steepest.keras.Adam(gradient_accumulation_steps=1), ValueError, "must be an integer >= 2"),
        (lambda: steepest.keras.Adam(learning_rate=1), ValueError, "should be float"),
        (lambda: steepest.keras.Muon(exclude_layers="out"), ValueError, r"a list of patterns; .* Try \['out'\]"),
        (lambda: steepest.keras.Muon(exclude_layers=["a("]), ValueError, r"regular expressions; received 'a\('"),
        (lambda: steepest.keras.Muon(adam_beta_2=1.0), ValueError, r"adam_beta_2 of Muon must be in \[0, 1\)"),
        (lambda: steepest.keras.Muon(ns_steps=6), ValueError, "ns_steps=6.* has no equal"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(make, error, sentence):
    with pytest.raises(error, match=sentence):
        make()


def stored(optimizer):
    """What Keras keeps of an optimizer's state."""
    store: dict = {}
    optimizer.save_own_variables(store)
    return store


# Keras's own: NumPy 2 asks it for a copy in a way that it does not know.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_state_of_another_number_of_variables_is_left_out_and_named():
    variable = keras.Variable(np.ones(3, np.float32))
    momentum, adam, unbuilt = keras.optimizers.SGD(0.1, momentum=0.9), steepest.keras.Adam(0.5), steepest.keras.Adam()
    momentum.build([variable])
    adam.build([variable])
    with pytest.warns(UserWarning, match=r"has 3 variables where this Adam has 4: .* begins afresh"):
        adam.load_own_variables(stored(momentum))
    assert float(adam.learning_rate) == 0.5
    with pytest.warns(UserWarning, match=r"has 4 variables where this Adam has 2"):
        unbuilt.load_own_variables(stored(adam))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_state_of_other_shapes_is_refused_by_name():
    one, other = (steepest.keras.Adam() for _ in range(2))
    one.build([keras.Variable(np.ones(3, np.float32), name="w")])
    other.build([keras.Variable(np.ones(4, np.float32), name="w")])
    with pytest.raises(ValueError, match=r"w_momentum has the shape \(3,\) here and \(4,\) in the saved state"):
        one.load_own_variables(stored(other))


def small_model(optimizer):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(1)])
    model.compile(optimizer, "mse")
    return model


ROWS = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)


def fitted(model, epochs=2):
    return model.fit(ROWS[:, :3], ROWS[:, 3:], epochs=epochs, batch_size=4, verbose=0, shuffle=False)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The saved state has:UserWarning")
@pytest.mark.filterwarnings("ignore:Skipping variable loading:UserWarning")
@pytest.mark.parametrize("library", [steepest.keras, keras.optimizers], ids=["steepest", "keras"])
@pytest.mark.parametrize("case", ["saved unbuilt", "loaded unbuilt", "another optimizer", "frozen since"])
def test_weights_load_where_the_optimizers_state_does_not(tmp_path, library, case):
    """As with Keras's own: the file's weights are there, and training goes on."""
    model = small_model(library.Adam(0.01))
    file = tmp_path / "model.weights.h5"
    if case != "saved unbuilt":
        fitted(model)
    if case == "frozen since":
        model.layers[0].trainable = False
        model.save(tmp_path / "model.keras")
        other = keras.saving.load_model(tmp_path / "model.keras")
    else:
        model.save_weights(file)
        other = small_model(library.SGD(0.01) if case == "another optimizer" else library.Adam(0.01))
        if case in ("saved unbuilt", "another optimizer"):
            fitted(other)
        other.load_weights(file)
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert np.isfinite(fitted(other).history["loss"]).all()


def test_an_argument_that_keras_ignores_is_ignored_with_its_warning():
    with pytest.warns(UserWarning, match="`decay` is no longer supported"):
        assert float(steepest.keras.Adam(decay=1e-6).learning_rate) == pytest.approx(0.001)


def test_the_learning_rate_under_jit_compiles_once():
    variable = keras.Variable(np.ones(3, np.float32))
    optimizer = steepest.keras.Nadam(0.1)
    optimizer.build([variable])
    if keras.backend.backend() != "jax":
        pytest.skip("the other backend does not trace")
    import jax

    traces = []

    @jax.jit
    def step(state, trainable, g):
        traces.append(1)
        return optimizer.stateless_apply(state, [g], trainable)

    state, trainable = [v.value for v in optimizer.variables], [variable.value]
    for _ in range(3):
        trainable, state = step(state, trainable, np.ones(3, np.float32))
    assert len(traces) == 1
    assert float(trainable[0][0]) < 1


def test_eager_steps_compile_nothing_once_they_have_run():
    """A step's number as an exponent would be a constant of a program of its own, were it whole."""
    if keras.backend.backend() != "jax":
        pytest.skip("the other backend does not compile")
    import jax

    variable = keras.Variable(np.ones(3, np.float32))
    optimizer = steepest.keras.Nadam(0.1)
    optimizer.build([variable])
    for _ in range(2):
        optimizer.apply([np.ones(3, np.float32)], [variable])
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(lambda event, *_, **__: compiled.append(event))
    try:
        for _ in range(3):
            optimizer.apply([np.ones(3, np.float32)], [variable])
    finally:
        jax.monitoring.clear_event_listeners()
    assert not [event for event in compiled if "backend_compile" in event]
