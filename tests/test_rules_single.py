"""What only one rule has, and the rules by name."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest import rules
from steepest.errors import InputError
from steepest.rules._radam import gradients_seen

from .rule_rows import slope


@pytest.mark.parametrize("rate", [lambda t: 0.05, lambda t: 0.05 / t**0.5], ids=["constant", "falling"])
def test_nesterov_told_and_nesterov_computed_are_one(rate):
    momentum, theta, phi = 0.9, np.array([-1.0, -1.0]), np.array([-1.0, -1.0])
    told = computed = rules.MomentumState(np.zeros(2))
    for t in range(1, 301):
        ahead = theta + rules.nesterov_lookahead.look_ahead(told, momentum=momentum)
        np.testing.assert_allclose(phi, ahead, rtol=0, atol=1e-12)
        step, told = rules.nesterov_lookahead(slope(ahead), told, t, learning_rate=rate(t), momentum=momentum)
        theta = theta + step
        step, computed = rules.nesterov(slope(phi), computed, t, learning_rate=rate(t), momentum=momentum)
        phi = phi + step
    np.testing.assert_allclose(computed.v, told.v, rtol=0, atol=1e-12)
    assert np.abs(theta - [-1.0, -1.0]).min() > 0.5  # they went somewhere


@pytest.mark.parametrize("name", ["adam", "adamax"])
def test_first_step_in_float32_is_the_learning_rate(name):
    # 1 - b**t formed naively in float32 is wrong by 1.3e-5 here.
    rule, g = rules.find(name), jnp.float32([1.0, -3.0, 100.0])

    def first(t, learning_rate, b1, b2):
        return rule(g, rules.initial_state(rule, g), t, learning_rate=learning_rate, b1=b1, b2=b2, epsilon=0.0)[0]

    expected = np.float32(0.01) * np.array([-1.0, 1.0, -1.0])
    np.testing.assert_allclose(jax.jit(first)(jnp.int32(1), 0.01, 0.9, 0.999), expected, rtol=1e-6)
    np.testing.assert_allclose(jax.jit(lambda t: first(t, 0.01, 0.9, 0.999))(jnp.int32(1)), expected, rtol=1e-6)


def test_nadam_corrections_are_exact_in_float32():
    # With one gradient for ever, m = (1 - b1^t) g: the first steps show the correction factors alone.
    g, steps = jnp.float32([1.0]), {}
    for kind in (np.float32, np.float64):
        with jax.enable_x64(kind is np.float64):
            run = jax.jit(lambda g, s, t: rules.nadam(g, s, t, learning_rate=0.01, b1=0.9999, epsilon=0.0))
            state, taken = rules.initial_state(rules.nadam, jnp.asarray(g, kind)), []
            for t in range(1, 30):
                step, state = run(jnp.asarray(g, kind), state, t)
                taken.append(float(step[0]))
            steps[kind] = taken
    np.testing.assert_allclose(steps[np.float32], steps[np.float64], rtol=3e-6)


@pytest.mark.parametrize("b2", [0.9, 0.99, 0.999, 0.9999])
def test_radam_counts_gradients_in_float32_as_the_definition_does_in_fractions(b2):
    # Formed as the paper prints it, float32 keeps three digits of the first counts where b2 is 0.999.
    b2 = float(np.float32(b2))
    for t in (1, 2, 4, 5, 6, 50, 99, 101, 3000):
        power = Fraction(b2) ** t
        exact = float((1 + Fraction(b2)) / (1 - Fraction(b2)) - 2 * t * power / (1 - power))
        assert gradients_seen(b2, t) == pytest.approx(exact, rel=1e-13)
        assert float(jax.jit(gradients_seen)(b2, jnp.int32(t))) == pytest.approx(exact, rel=5e-6)


def test_radam_is_momentum_until_there_is_a_variance_and_adam_in_the_end():
    g, state = np.array([3.0]), rules.initial_state(rules.radam, np.zeros(1))
    for t in range(1, 20001):
        step, state = rules.radam(g, state, t, learning_rate=0.1)
        if t <= 4:
            np.testing.assert_allclose(step, [-0.3], rtol=1e-12)
        if t == 5:
            # rho = 4.996 of rho_inf = 1999: r = sqrt(0.996 * 2.996 * 1999 / (1995 * 1997 * 4.996)) = 0.01731
            np.testing.assert_allclose(step, [-0.001731], rtol=1e-3)
    np.testing.assert_allclose(step, [-0.1], rtol=1e-6)


def test_radam_with_a_short_memory_never_has_a_variance():
    for b2 in (0.0, 0.5, 0.6):  # at 0.6, rho_inf is 4
        step, _ = rules.radam(np.array([2.0]), rules.AdamState(np.zeros(1), np.zeros(1)), 9, learning_rate=0.1, b2=b2)
        assert np.isfinite(step).all()


def test_adamax_leaves_a_parameter_without_gradients_where_it_is():
    step, state = rules.adamax(
        np.zeros(2), rules.AdamaxState(np.zeros(2), np.zeros(2)), 1, learning_rate=0.1, epsilon=0.0
    )
    np.testing.assert_array_equal(step, [0, 0])
    np.testing.assert_array_equal(state.u, [0, 0])


@pytest.mark.parametrize(
    ("spelt", "meant"),
    [("adam", "adam"), ("Adam", "adam"), ("RMSProp", "rmsprop"), ("rms_prop", "rmsprop"), ("SGD", "sgd"),
     ("nesterov-lookahead", "nesterov_lookahead"), ("Ada Delta", "adadelta")],
)  # fmt: skip
def test_find_forgives_case_and_separators(spelt, meant):
    assert rules.find(spelt) is getattr(rules, meant)


def test_find_names_the_nearest():
    with pytest.raises(
        InputError, match=r"^Unknown optimizer 'nestrov'\. Did you mean 'nesterov'\? Allowed: sgd, .*nadam"
    ):
        rules.find("nestrov")
    with pytest.raises(InputError, match="Unknown optimizer ''"):
        rules.find("")


def test_the_table_of_rules_cannot_be_changed():
    with pytest.raises(TypeError):
        rules.RULES["mine"] = rules.sgd


def test_usual_learning_rates():
    usual = {name: rule.usual_learning_rate for name, rule in rules.RULES.items()}
    assert usual == {
        "sgd": 1e-2, "momentum": 1e-2, "nesterov": 1e-2, "adagrad": 1e-2, "rmsprop": 1e-3,
        "adadelta": 1.0, "adam": 1e-3, "adamax": 2e-3, "nadam": 2e-3,
    }  # fmt: skip


def test_default_hyperparameters():
    defaults = {name: rules.hyperparameters(rule) for name, rule in rules.ALL.items()}
    adam = {"b1": 0.9, "b2": 0.999, "epsilon": 1e-8}
    rooted = adam | {"epsilon_root": 0.0}
    assert defaults == {
        "sgd": {}, "momentum": {"momentum": 0.9}, "nesterov": {"momentum": 0.9},
        "nesterov_lookahead": {"momentum": 0.9}, "adagrad": {"epsilon": 1e-7},
        "rmsprop": {"decay": 0.9, "epsilon": 1e-7}, "adadelta": {"decay": 0.95, "epsilon": 1e-6},
        "adam": rooted, "adamax": adam, "nadam": rooted | {"momentum_decay": 0.004},
        "rmsprop_momentum": {"decay": 0.9, "epsilon": 1e-7, "momentum": 0.9}, "amsgrad": rooted,
        "adamw": rooted | {"weight_decay": 0.01}, "radam": rooted | {"threshold": 4.0},
        "lion": {"b1": 0.9, "b2": 0.99, "weight_decay": 0.0},
        "muon": {"momentum": 0.95, "epsilon": 1e-7, "rms": 0.2, "weight_decay": 0.0},
    }  # fmt: skip
