"""Training that is moved in the middle between torch, Keras and optax goes on as if it had stayed."""

import functools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from .convert_runs import RUNS, X, Y, begun, counterpart_run, float64, values

# Far from every default, so that a misplaced knob shows.
BETAS = {
    "torch": {"betas": (0.75, 0.9375)},
    "keras": {"beta_1": 0.75, "beta_2": 0.9375},
    "optax": {"b1": 0.75, "b2": 0.9375},
}
EPS = {"torch": "eps", "keras": "epsilon", "optax": "eps"}
DECAY = {"torch": "alpha", "keras": "rho", "optax": "decay"}


def cases():
    """(framework, name, options, where a native goes on exactly)."""
    for framework, epsilon in EPS.items():
        name = (lambda name: name.lower()) if framework == "optax" else (lambda name: name)
        eps, betas, half = {epsilon: 0.25}, BETAS[framework], {DECAY[framework]: 0.75}
        yield framework, name("SGD"), {}, "all"
        yield framework, name("SGD"), {"momentum": 0.75}, "all"
        yield framework, name("SGD"), {"momentum": 0.75, "nesterov": True}, "all"
        yield framework, name("Adagrad"), eps, {"torch": "", "keras": "optax", "optax": "keras"}[framework]
        yield framework, name("Adagrad"), {epsilon: 0.0}, "all"
        rmsprop = {"torch": "optax", "keras": "optax", "optax": "keras"}[framework]
        yield framework, name("RMSprop"), {**eps, **half}, rmsprop
        yield framework, name("RMSprop"), {**eps, **half, "centered": True}, rmsprop
        yield framework, name("RMSprop"), {**eps, **half, "momentum": 0.75}, rmsprop
        yield framework, name("RMSprop"), {**eps, **half, "momentum": 0.75, "centered": True}, rmsprop
        yield framework, name("Adadelta"), {"rho": 0.75, epsilon: 0.25}, "all"
        standard = {"torch": "optax", "keras": "", "optax": "torch"}[framework]
        yield framework, name("Adam"), {**betas, **eps}, standard
        yield framework, name("Adam"), {**betas, epsilon: 0.0}, "all"
        yield framework, name("AdamW"), {**betas, **eps, "weight_decay": 0.5}, standard
        yield framework, name("AdamW"), {**betas, epsilon: 0.0, "weight_decay": 0.5}, "all"
        yield framework, name("Adamax"), {**betas, **eps}, standard
        yield framework, name("Adamax"), {**betas, epsilon: 0.0}, "all"


CASES = list(cases())
FURTHER = [
    ("torch", "Adam", {"amsgrad": True, "eps": 0.25}, ""),
    ("torch", "Adam", {"amsgrad": True, "eps": 0.0}, "keras"),
    ("torch", "Adam", {"weight_decay": 0.5}, ""),
    ("torch", "SGD", {"weight_decay": 0.5}, "keras"),
    ("torch", "SGD", {"weight_decay": 0.5, "momentum": 0.75}, ""),
    ("torch", "NAdam", {"eps": 0.25}, ""),
    ("torch", "NAdam", {"eps": 0.25, "momentum_decay": 1.0}, "keras"),
    ("torch", "RAdam", {"eps": 0.25}, ""),
    ("keras", "Adam", {"amsgrad": True, "epsilon": 0.25}, ""),
    ("keras", "Adam", {"amsgrad": True, "epsilon": 0.0}, "torch"),
    ("keras", "Nadam", {"epsilon": 0.25}, "torch"),
    ("keras", "Lion", {"weight_decay": 0.5}, "optax"),
    ("optax", "amsgrad", {"eps": 0.25}, ""),
    ("optax", "nadam", {"eps": 0.25}, "torch"),
    ("optax", "radam", {"eps": 0.25}, ""),
    ("optax", "lion", {"weight_decay": 0.5}, "keras"),
]
# What a framework has nothing like; see test_convert_input.
NOWHERE = {
    ("RAdam", "keras"),
    ("Adam amsgrad", "optax"), ("Adam weight_decay", "optax"), ("SGD weight_decay", "optax"),
}  # fmt: skip


_float64 = pytest.fixture(autouse=True)(float64)


@functools.cache
def _runs(framework, name, options):
    """The checkpoint and the outputs after 7 steps; the weights and the checkpoint after 7 more in the same place."""
    run = begun(framework, name, options, steps=7)
    there, outputs = run.checkpoint(), run.outputs()
    run.train(7)
    return there, outputs, values(run), run.checkpoint()


def _told(case):
    return f"{case[0]}-{case[1]}-" + ",".join(f"{name}={value}" for name, value in case[2].items())


def _moves():
    for case in CASES + FURTHER:
        framework, name, options, _ = case
        for target in RUNS:
            if target != framework and not {(name, target), (" ".join([name, *options][:2]), target)} & NOWHERE:
                yield pytest.param(case, target, id=f"{_told(case)}-{target}")


@pytest.mark.parametrize(("case", "target"), list(_moves()))
def test_training_goes_on_as_if_it_had_stayed(case, target):
    framework, name, options, natives = case
    there, outputs, weights, stayed = _runs(framework, name, tuple(options.items()))
    run, told = counterpart_run(there, target)
    run.receive(there)
    np.testing.assert_allclose(run.outputs(), outputs, rtol=1e-12, atol=1e-13)
    run.train(7)
    np.testing.assert_allclose(values(run), weights, rtol=1e-10, atol=1e-12)
    assert told.startswith("steepest.") != (natives in ("all", target)), told
    # And the state goes back to where it would have been.
    back, moved = begun(framework, name, options, seed=3), run.checkpoint()
    back.receive(moved)
    began = next(iter(there.parameters.values())).step_count or 0  # not all count
    assert {one.step_count for one in moved.parameters.values()} <= {began + 7, None}
    for was, now in zip(stayed.parameters.values(), back.checkpoint().parameters.values(), strict=True):
        for field, array in was.state.items():
            np.testing.assert_allclose(now.state[field], array, rtol=1e-9, atol=1e-12, err_msg=field)


def test_fit_goes_on_where_torch_stopped():
    """A model that has been fitted before, so that its step is compiled already; one batch an epoch.

    Keras takes its loss in float32, whose rounding is 6e-8 of a gradient, some ten times over: 5 steps of at most 0.06
    are then 2e-7 off.
    """
    was = begun("torch", "NAdam", {"momentum_decay": 1.0, "eps": 1e-7}, steps=5)
    run = begun("keras", "Nadam", seed=2)
    run.model.compile(run.optimizer, "mse")

    def fit(epochs):
        run.model.fit(X, Y, batch_size=len(X), epochs=epochs, shuffle=False, verbose=0)

    fit(1)
    run.receive(was.checkpoint())
    fit(5)
    was.train(5)
    np.testing.assert_allclose(values(run), values(was), rtol=0, atol=2e-7)


def test_keras_on_torch_goes_on_as_torch_and_back():
    driver = Path(__file__).with_name("convert_driver.py")
    ended = subprocess.run([sys.executable, driver], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout.splitlines()[-1])
    assert [one["by"].split(".")[0] for one in found] == ["keras", "steepest", "keras", "steepest", "keras", "steepest"]
    for one in found:
        assert one["there"] < 1e-12, one  # of weights of about 1
        assert one["back"] < 1e-12, one
