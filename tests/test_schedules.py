"""Hand values, one rate for every kind of number, no second compilation, and the condition against partial sums."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.errors import InputError
from steepest.schedules import (
    Constant,
    Cosine,
    Exponential,
    InverseTime,
    Joined,
    LinearDecay,
    Polynomial,
    Schedule,
    Steps,
    Warmup,
    as_schedule,
    convergence_condition,
    over_run,
)

# Each schedule with its rates by hand at some steps: the beginning, half-way, the end, and beyond.
BY_HAND: dict[str, tuple[Schedule, dict[int, float]]] = {
    "constant": (Constant(0.1), {0: 0.1, 10**6: 0.1}),
    "linear": (LinearDecay(0.1, 0.02, 100), {0: 0.1, 25: 0.08, 50: 0.06, 99: 0.0208, 100: 0.02, 500: 0.02}),
    "linear to 0": (LinearDecay(0.1, 0, 100), {0: 0.1, 50: 0.05, 100: 0.0, 101: 0.0}),
    "linear, rising": (LinearDecay(0.1, 0.3, 4), {1: 0.15, 4: 0.3}),
    "inverse": (InverseTime(0.1, 0.5), {0: 0.1, 2: 0.05, 18: 0.01}),
    "inverse root": (InverseTime(0.1, 0.5, power=0.5), {0: 0.1, 6: 0.05, 30: 0.025}),
    "exponential": (Exponential(0.1, 0.25, 100), {0: 0.1, 50: 0.05, 100: 0.025, 200: 0.00625}),
    "steps": (Steps(0.1, 0.5, 100), {0: 0.1, 99: 0.1, 100: 0.05, 199: 0.05, 200: 0.025}),
    # a third of the way the cosine of 60 degrees is 1/2: 3/4 of the way down is left
    "cosine": (Cosine(0.1, 0.02, 90), {0: 0.1, 30: 0.08, 45: 0.06, 60: 0.04, 90: 0.02, 91: 0.02}),
    "polynomial": (Polynomial(0.1, 0.02, 100, power=2.0), {0: 0.1, 50: 0.04, 100: 0.02, 300: 0.02}),
    "cubic": (Polynomial(0.1, 0.0, 10, power=3.0), {0: 0.1, 5: 0.0125, 10: 0.0}),
    "warm-up": (Warmup(LinearDecay(0.1, 0.0, 10), 4), {0: 0.02, 1: 0.04, 3: 0.08, 4: 0.1, 9: 0.05, 14: 0.0, 20: 0.0}),
    "warm-up of a number": (Warmup(0.1, 1), {0: 0.05, 1: 0.1, 2: 0.1}),
    "joined": (
        Joined((LinearDecay(0.1, 0.05, 10), 0.03, Exponential(0.02, 0.5, 10)), (10, 20)),
        {0: 0.1, 5: 0.075, 9: 0.055, 10: 0.03, 19: 0.03, 20: 0.02, 30: 0.01},
    ),
}
every_schedule = pytest.mark.parametrize(("schedule", "rates"), BY_HAND.values(), ids=BY_HAND.keys())


@every_schedule
def test_rates_by_hand(schedule, rates):
    for k, rate in rates.items():
        assert type(schedule(k)) is float
        assert schedule(k) == pytest.approx(rate, rel=1e-14, abs=1e-17)


@every_schedule
def test_numpy_steps_give_the_same_rates_at_once(schedule, rates):
    at_once = schedule(np.array(list(rates)))
    assert isinstance(at_once, np.ndarray)
    np.testing.assert_array_equal(at_once, [schedule(k) for k in rates])
    assert type(schedule(np.int64(3))) is float


@every_schedule
def test_eager_jit_and_vmap_agree(schedule, rates):
    steps, expected = jnp.array(list(rates), jnp.int32), np.array(list(rates.values()))
    # float32 rates, k / steps rounded before a power or cosine is taken of it
    close = {"rtol": 1e-5, "atol": 1e-8}
    np.testing.assert_allclose([schedule(k) for k in rates], expected, **close)
    np.testing.assert_allclose(jax.jit(schedule)(steps), expected, **close)  # its numbers compiled in
    np.testing.assert_allclose(jax.jit(jax.vmap(lambda s, k: s(k), (None, 0)))(schedule, steps), expected, **close)


@every_schedule
def test_a_changed_number_is_followed_without_recompiling(schedule, rates):
    traces = []

    @jax.jit
    def compiled(schedule, k):
        traces.append(k)
        return schedule(k)

    leaves, tree = jax.tree.flatten(schedule)
    for scale in (1, 2, 3):
        scaled = jax.tree.unflatten(tree, [leaf * scale for leaf in leaves])
        for k in rates:
            assert float(compiled(scaled, k)) == pytest.approx(scaled(k), rel=1e-5, abs=1e-8)
    assert len(traces) == 1


def test_whole_and_broken_numbers_compile_to_one_program():
    traces = []
    compiled = jax.jit(lambda schedule, k: (traces.append(k), schedule(k))[1])
    for schedule in (LinearDecay(1, 0, 10), LinearDecay(0.5, 0.1, 10.0), LinearDecay(np.float64(1), 0, np.int64(7))):
        compiled(schedule, 3)
    assert len(traces) == 1


@every_schedule
def test_a_compiled_rate_keeps_a_low_precision_parameter_low(schedule, rates):
    low = jnp.ones(2, jnp.bfloat16)
    assert jax.jit(lambda schedule, k: schedule(k) * low)(schedule, jnp.int32(3)).dtype == jnp.bfloat16


@pytest.mark.parametrize("every", [3, 7, 49, 1000])
def test_stairs_fall_exactly_at_their_edge_when_compiled(every):
    edges = jnp.arange(1, 2000, dtype=jnp.int32) * every
    stairs = Steps(1.0, 0.5, every)
    fallen = jax.jit(lambda s, k: -jnp.log2(s(k)))(stairs, edges[:40])
    before = jax.jit(lambda s, k: -jnp.log2(s(k)))(stairs, edges[:40] - 1)
    np.testing.assert_allclose(fallen, np.arange(1, 41), rtol=1e-5)
    np.testing.assert_allclose(before, np.arange(40), rtol=1e-5, atol=1e-5)


def test_lanes_of_different_schedules_run_as_one():
    lanes = jax.tree.map(lambda *values: jnp.array(values), LinearDecay(0.1, 0.0, 10), LinearDecay(0.2, 0.1, 20))
    rates = jax.vmap(lambda schedule: schedule(5))(lanes)
    np.testing.assert_allclose(rates, [0.05, 0.175], rtol=1e-6)


def test_joined_schedules_meet_at_most_where_they_should():
    halves = Joined((Constant(0.1), Warmup(Constant(0.2), 3)), (5,))
    assert [round(halves(k), 6) for k in range(4, 10)] == [0.1, 0.05, 0.1, 0.15, 0.2, 0.2]


# --- the condition: rates that sum to infinity, squares that do not --------------------------------------------------

# schedule, sum infinite, squares finite
CONDITION: list[tuple[Schedule, bool, bool]] = [
    (Constant(0.1), True, False),
    (LinearDecay(0.1, 0.01, 50), True, False),
    (LinearDecay(0.1, 0.0, 50), False, True),
    (Cosine(0.1, 0.01, 50), True, False),
    (Cosine(0.1, 0.0, 50), False, True),
    (Polynomial(0.1, 0.01, 50), True, False),
    (Polynomial(0.1, 0.0, 50), False, True),
    (InverseTime(0.1, 0.1), True, True),
    (InverseTime(0.1, 0.1, power=0.75), True, True),
    (InverseTime(0.1, 0.1, power=0.5), True, False),
    (InverseTime(0.1, 0.1, power=0.25), True, False),
    (InverseTime(0.1, 0.1, power=1.5), False, True),
    (InverseTime(0.1, 0.0, power=1.5), True, False),
    (Exponential(0.1, 0.5, 50), False, True),
    (Exponential(0.1, 1.0, 50), True, False),
    (Exponential(1e-3, 1.1, 1000), True, False),
    (Steps(0.1, 0.5, 50), False, True),
    (Steps(0.1, 1.0, 50), True, False),
    (Warmup(InverseTime(0.1, 0.1), 50), True, True),
    (Joined((0.1, InverseTime(0.1, 0.1)), (50,)), True, True),
    (Joined((InverseTime(0.1, 0.1), 0.1), (50,)), True, False),
]


@pytest.mark.parametrize(("schedule", "infinite", "finite"), CONDITION, ids=str)
def test_condition_and_partial_sums(schedule, infinite, finite):
    condition = convergence_condition(schedule)
    assert condition.sum_is_infinite is infinite
    assert condition.sum_of_squares_is_finite is finite
    assert condition.holds is (infinite and finite)
    # What a decade adds to the sum of a rate like k^-p is 10^(1-p) times what the decade before added: a series ends
    # where later decades add ever less. At the border, p = 1, each adds alike.
    assert growth(schedule, 1) is infinite
    assert growth(schedule, 2) is not finite


def growth(schedule: Schedule, power: int) -> bool:
    """Whether the sum of rates^power still grows as much in the last of six decades as in the one before."""
    terms = schedule(np.arange(10**6)) ** power
    before, last = terms[10**4 : 10**5].sum(), terms[10**5 :].sum()
    return bool(last > 0.98 * before and last > 0)


def test_reasons_are_sentences_with_the_exponent():
    assert convergence_condition(InverseTime(0.1, 0.1, 0.75)).reason == (
        "The rate falls like k^-0.75: the steps can reach any distance, and the noise of the gradient dies out."
    )
    assert convergence_condition(LinearDecay(0.1, 0, 9)).reason == (
        "The rate ends at 0 or falls geometrically: the steps can only add up to a limited distance, "
        "but the noise of the gradient dies out."
    )
    assert "grows without end" in convergence_condition(Exponential(0.1, 2.0, 9)).reason


def test_the_end_of_an_unknown_schedule_is_not_guessed():
    with pytest.raises(InputError, match="How Schedule ends is not known"):
        convergence_condition(Schedule())


# --- bad input ------------------------------------------------------------------------------------------------------

BAD: list[tuple[Any, dict[str, Any], str]] = [
    (Constant, {"rate": -0.1}, r"^learning_rate must be positive and finite; received -0\.1\. Try 1e-3\.$"),
    (Constant, {"rate": 0}, "learning_rate must be positive and finite; received 0"),
    (Constant, {"rate": float("nan")}, "received nan"),
    (Constant, {"rate": np.float32("inf")}, "received inf"),
    (Constant, {"rate": "0.1"}, "received '0.1'"),
    (LinearDecay, {"initial": 0.0, "final": 0.0, "steps": 5}, "initial must be positive"),
    (LinearDecay, {"initial": 0.1, "final": -0.1, "steps": 5}, "final must be zero or positive"),
    (LinearDecay, {"initial": 0.1, "final": 0.0, "steps": 0}, "steps must be a whole number, 1 or more; received 0"),
    (Cosine, {"initial": 0.1, "final": 0.0, "steps": 2.5}, "steps must be a whole number"),
    (Cosine, {"initial": 0.1, "final": 0.0, "steps": float("inf")}, "steps must be a whole number"),
    (Polynomial, {"initial": 0.1, "final": 0.0, "steps": 5, "power": 0}, "power must be positive"),
    (InverseTime, {"initial": 0.1, "decay": -1}, "decay must be zero or positive"),
    (Exponential, {"initial": 0.1, "factor": 0, "steps": 5}, "factor must be positive"),
    (Steps, {"initial": 0.1, "factor": 0.5, "every": -5}, "every must be a whole number"),
    (Warmup, {"schedule": 0.1, "steps": 0}, "steps must be a whole number"),
    (Warmup, {"schedule": -0.1, "steps": 5}, "learning_rate must be positive"),
    (Joined, {"schedules": (0.1, 0.2), "boundaries": ()}, "2 schedules and 0 boundaries"),
    (Joined, {"schedules": (0.1,), "boundaries": ()}, "1 schedules and 0 boundaries"),
    (Joined, {"schedules": (0.1, 0.2, 0.3), "boundaries": (5, 5)}, r"boundaries must rise; received \(5, 5\)"),
    (Joined, {"schedules": (0.1, 0.2), "boundaries": (0,)}, "a boundary must be a whole number"),
]


@pytest.mark.parametrize(("kind", "numbers", "message"), BAD)
def test_bad_numbers_are_refused_with_what_to_do(kind, numbers, message):
    with pytest.raises(InputError, match=message):
        kind(**numbers)


@pytest.mark.parametrize("value", ["fast", None, True, [0.1]])
def test_only_a_number_or_schedule_is_a_schedule(value):
    with pytest.raises(InputError, match="must be a number or a schedule; received"):
        as_schedule(value)


def test_as_schedule():
    decay = LinearDecay(0.1, 0.0, 10)
    assert as_schedule(decay) is decay
    assert as_schedule(np.float32(0.5)) == Constant(0.5)
    with pytest.raises(InputError, match="received -1"):
        as_schedule(-1)


def test_jax_may_put_anything_in_the_place_of_numbers():
    for schedule, _ in BY_HAND.values():
        leaves, tree = jax.tree.flatten(schedule)
        jax.tree.unflatten(tree, [object()] * len(leaves))
        jax.tree.map(lambda _: None, schedule)
        jax.vmap(lambda s: s(1), in_axes=None, axis_size=2)(schedule)


def test_replaced_numbers_are_checked_too():
    with pytest.raises(InputError, match="final"):
        replace(LinearDecay(0.1, 0.0, 10), final=-1)


def test_the_nominal_rate_is_what_was_asked_for():
    assert Constant(0.3).nominal == 0.3
    assert Warmup(Cosine(0.2, 0.0, 10), steps=5).nominal == 0.2
    assert Joined((LinearDecay(0.1, 0.01, 10), 0.5), boundaries=(10,)).nominal == 0.1
    assert over_run("exponential", 0.4, 100, warmup=10).nominal == 0.4
