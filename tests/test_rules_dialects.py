"""RAdam, Lion, Muon and the decoupled variants as each framework has them: signature, numbers, state, fallback."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch

from steepest import dialects, rules
from steepest.dialects._dialect import REQUIRED
from steepest.errors import InputError

from .rule_oracles import optax_oracle, torch_oracle

NEW = [
    ("torch", "RAdam"), ("torch", "Muon"), ("keras", "Lion"), ("keras", "Muon"), ("optax", "nadamw"),
    ("optax", "adamaxw"), ("optax", "radam"), ("optax", "lion"), ("optax", "muon"),
]  # fmt: skip


def native(framework, name):
    """The framework's own class or function."""
    if framework == "torch":
        return getattr(torch.optim, name)
    if framework == "optax":
        return getattr(optax, name, None) or getattr(optax.contrib, name)
    import keras

    return getattr(keras.optimizers, name)


@pytest.mark.parametrize(("framework", "name"), NEW)
def test_arguments_and_defaults_are_the_natives(framework, name):
    parameters = inspect.signature(native(framework, name)).parameters.values()
    theirs = {one.name: one.default for one in parameters if one.name not in ("params", "kwargs", "self")}
    ours = dialects.find(framework, name).defaults
    ours = {argument: inspect.Parameter.empty if value is REQUIRED else value for argument, value in ours.items()}
    assert ours == theirs
    assert framework == "optax" or list(ours) == list(theirs)  # optax's keyword-only arguments stand in any order


def walk(dialect, options, start, gradients, rates, rate):
    """The method's trajectory: the last parameter and state.  rate: the learning rate's name."""
    chosen = dialect.defaults | options
    method, numbers = dialect.method(chosen | {rate: 0.0}), dialect.numbers(chosen | {rate: 0.0})
    parameter, state = start.copy(), method.initial_state(start)
    for t, (g, now) in enumerate(zip(gradients, rates, strict=True), start=1):
        step, state = method(parameter, g, state, t, numbers | {"learning_rate": float(now)})
        parameter = parameter + step
    return parameter, state


def course(shape, count=40):
    random = np.random.default_rng(3)
    rates = np.float32(0.05 * (1.2 + np.sin(np.arange(count) / 9)))
    return random.normal(size=shape), random.normal(size=(count, *shape)), rates


OPTAX = [
    ("nadamw", {"b1": 0.8, "eps": 0.3, "eps_root": 0.2, "weight_decay": 0.4}),
    ("nadamw", {"nesterov": False, "weight_decay": 0.4}),
    ("adamaxw", {"b2": 0.9, "eps": 0.3, "weight_decay": 0.4}),
    ("radam", {"b2": 0.95, "eps": 0.3, "eps_root": 0.2, "threshold": 6.0}),
    ("lion", {"b1": 0.8, "b2": 0.95}),
    ("lion", {"weight_decay": 0.4}),
    ("muon", {"eps": 2.0, "weight_decay": 0.4}),
    ("muon", {"nesterov": False, "beta": 0.8}),
    ("muon", {"consistent_rms": 0.3}),
]


@pytest.mark.parametrize(("name", "options"), OPTAX)
def test_optax(name, options):
    dialect, given = dialects.find("optax", name), course((4, 3))
    ours, state = walk(dialect, options, *given, rate="learning_rate")
    oracle = optax_oracle(lambda rate, knobs: native("optax", name)(rate, **options), {k: k for k in ("mu",)})
    theirs, their_state = oracle(*given, {})
    # 40 steps of 1e-13, Muon's roundings grown 500 times included.
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-11)
    np.testing.assert_allclose(state["mu"], their_state["mu"], rtol=1e-12, atol=1e-14)


TORCH = [{"betas": (0.8, 0.95), "eps": 0.3, "weight_decay": 0.4, "decoupled_weight_decay": on} for on in (True, False)]


@pytest.mark.parametrize("options", [*TORCH, {"betas": (0.8, 0.95), "maximize": True}])
def test_torch_radam(options):
    given = course((4, 3))
    ours, state = walk(dialects.find("torch", "RAdam"), options, *given, rate="lr")
    names = {name: name for name in state}
    theirs, their_state = torch_oracle("RAdam", names, {}, **options)(*given, {})
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-11)  # its rho is a difference of numbers up to 39
    for name in names:
        np.testing.assert_allclose(state[name], their_state[name], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("options", [{}, {"nesterov": False, "weight_decay": 0.4}, {"adjust_lr_fn": "match_rms_adamw"}])
def test_torch_muon(options):
    given = course((4, 3))
    ours, state = walk(dialects.find("torch", "Muon"), options, *given, rate="lr")
    theirs, their_state = torch_oracle("Muon", {"momentum_buffer": "momentum_buffer"}, {}, **options)(*given, {})
    np.testing.assert_allclose(state["momentum_buffer"], their_state["momentum_buffer"], rtol=1e-12, atol=1e-14)
    # torch iterates in bfloat16: a tenth of each of 40 steps of 0.11, in no direction for long.
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=0.1 * 0.11 * 40**0.5)


def in_keras(name, options, starts, gradients, rates):
    """Where keras.optimizers.<name> leaves variables that begin at *starts*."""
    with jax.enable_x64(True):
        optimizer = native("keras", name)(**options)
        import keras

        variables = [keras.Variable(jnp.asarray(start), dtype="float64") for start in starts]
        optimizer.build(variables)
        for step, rate in zip(zip(*gradients, strict=True), rates, strict=True):
            optimizer.learning_rate = float(rate)
            optimizer.apply([jnp.asarray(g) for g in step])
        return [np.asarray(variable.value) for variable in variables]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Lion", {"beta_1": 0.8, "weight_decay": 0.4}), ("Lion", {}), ("Muon", {}), ("Muon", {"rms_rate": None}),
        ("Muon", {"nesterov": False, "momentum": 0.8, "weight_decay": 0.4, "rms_rate": 0.3}),
    ],
)  # fmt: skip
def test_keras(name, options):
    given = course((4, 3))
    ours, _ = walk(dialects.find("keras", name), options, *given, rate="learning_rate")
    (theirs,) = in_keras(name, options, [given[0]], [given[1]], given[2])
    # Keras takes Muon's norms and roots in float32: 40 steps of 0.11 that are good to a few 6e-8.
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6 if name == "Muon" else 1e-12)


def test_what_muon_does_not_move_moves_as_the_framework_has_it():
    given = course((5,))
    options = {"adam_beta_1": 0.8, "epsilon": 0.3, "adam_weight_decay": 0.4, "weight_decay": 0.1}
    keras = dialects.find("keras", "Muon")
    ours, _ = walk(keras.fallback, keras.defaults | options, *given, rate="learning_rate")
    (theirs,) = in_keras("Muon", options, [given[0]], [given[1]], given[2])
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
    for options in (
        {"adam_b1": 0.8, "eps": 0.3, "adam_eps_root": 0.2, "adam_weight_decay": 0.4},
        {"nesterov": False, "adam_b2": 0.95},
    ):
        in_optax = dialects.find("optax", "muon")
        ours, _ = walk(in_optax.fallback, in_optax.defaults | options, *given, rate="learning_rate")
        oracle = optax_oracle(lambda rate, knobs, options=options: optax.contrib.muon(rate, **options), {})
        theirs, _ = oracle(*given, {})
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("framework", "name", "option"),
    [
        ("optax", "radam", {"nesterov": True}), ("optax", "muon", {"adaptive": True}),
        ("optax", "muon", {"ns_steps": 6}), ("torch", "Muon", {"ns_steps": 6}),
        ("torch", "Muon", {"adjust_lr_fn": "mine"}), ("keras", "Muon", {"muon_a": 2.0}),
    ],
)  # fmt: skip
def test_what_has_no_equal_is_refused(framework, name, option):
    dialect = dialects.find(framework, name)
    with pytest.raises(InputError, match=rf"^{name} with .* has no equal in the dialect '{framework}'"):
        dialect.case(dialect.defaults | option)


@pytest.mark.parametrize(("framework", "name"), [one for one in NEW if one[1] not in ("nadamw", "adamaxw")])
def test_each_speaks_the_textbook(framework, name):
    spoken = dialects.like(dialects.find(framework, name), "textbook")
    rate = next(argument.name for argument in spoken.arguments if argument.means == "learning_rate")
    rule = spoken.case(spoken.defaults).rule
    assert spoken.defaults[rate] == rule.usual_learning_rate
    assert set(spoken.method(spoken.defaults).choices) <= {("ahead", "yes")}
    assert spoken.method(spoken.defaults).weight_decay in ("none", "coupled")
    moved, _ = walk(spoken, {}, *course((4, 3), count=3), rate=rate)
    assert np.isfinite(moved).all()


def test_torch_muon_can_speak_keras():
    spoken = dialects.like(dialects.find("torch", "Muon"), "keras")
    assert dict(spoken.method(spoken.defaults).choices) == {"gather": "sum", "ahead": "yes", "scale": "rms"}
    assert spoken.defaults["weight_decay"] == 0.004


SPOKEN = [
    ("torch", "RMSprop", "optax", {"epsilon_at": "inside"}, "none"),
    ("keras", "RMSprop", "torch", {"epsilon_at": "outside"}, "coupled"),
    ("keras", "Adam", "torch", {}, "coupled"),
    ("optax", "adam", "keras", {"epsilon_at": "hat"}, "decoupled"),
    ("keras", "Nadam", "torch", {}, "coupled"),
]


@pytest.mark.parametrize(("framework", "name", "dialect", "choices", "decay"), SPOKEN)
def test_a_dialect_that_is_spoken_is_the_one_its_framework_has_by_default(framework, name, dialect, choices, decay):
    spoken = dialects.like(dialects.find(framework, name), dialect)
    case = spoken.case({**spoken.defaults, "nesterov": False})
    assert {**{choice: words[0] for choice, words in rules.choices(case.rule).items()}, **case.choices} == {
        **{choice: words[0] for choice, words in rules.choices(case.rule).items()}, **choices,
    }  # fmt: skip
    assert case.weight_decay == decay


def test_a_default_that_switches_a_case_off_is_lent_only_to_who_has_that_switch():
    assert dialects.like(dialects.find("torch", "SGD"), "optax").defaults["momentum"] is None
    spoken = dialects.like(dialects.of(rules.momentum), "optax")
    assert spoken.defaults == {"learning_rate": 1e-2, "momentum": 0.9}
    assert dict(spoken.case(spoken.defaults).choices) == {"rate_at": "outside"}


def test_what_an_argument_sets_elsewhere_is_set_where_there_is_no_such_argument():
    spoken = dialects.like(dialects.of(rules.adagrad), "keras")
    assert spoken.first(spoken.defaults) == {"s": 0.1}
    assert dialects.like(dialects.find("torch", "Adadelta"), "optax").defaults["lr"] == 1.0  # no rate means 1


@pytest.mark.parametrize(("rule", "framework", "found"), [("amsgrad", "torch", "amsgrad"), ("adamw", "keras", "adam")])
def test_a_rule_as_it_is_written_is_found_under_whatever_name_a_framework_has_it(rule, framework, found):
    spoken = dialects.like(dialects.of(rules.find(rule)), framework)
    assert spoken.method(spoken.defaults).rule is rules.find(found)
    with pytest.raises(InputError, match="torch has nothing like textbook's lion"):
        dialects.like(dialects.of(rules.lion), "torch")
