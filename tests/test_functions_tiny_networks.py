"""The tiny networks: every claim of their stationary points, by eigenvalues in float64; what training does there."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest import functions
from steepest.functions import eigenvalues, linear_network_index


def negative(surface, at) -> int:
    """How many eigenvalues of the Hessian are negative beyond rounding."""
    with jax.enable_x64(True):
        spectrum = eigenvalues(surface, at)
    return int(np.sum(spectrum < -1e-8 * np.abs(spectrum).max()))


@pytest.mark.parametrize("strengths", [(3.0, 2.0, 1.0), (1.0, 4.0), (0.5, 2.0, 1.0, 1.5)])
def test_a_linear_network_has_a_saddle_for_every_set_of_strengths_with_as_many_ways_down(strengths):
    n = len(strengths)
    for hidden in range(1, n + 1):
        surface = functions.linear_network(strengths, hidden=hidden)
        sets = [chosen for count in range(hidden + 1) for chosen in itertools.combinations(range(n), count)]
        assert len(surface.stationary) == len(sets)
        lowest = sorted(strengths)[: n - hidden]
        assert surface.stationary[0].value == pytest.approx(sum(size**2 for size in lowest) / 2)
        assert [point.kind for point in surface.stationary] == ["degenerate"] + ["saddle"] * (len(sets) - 1)
        slope = jax.jit(jax.grad(surface.value))
        heights = {sum(strengths[i] ** 2 for i in range(n) if i not in chosen) / 2: chosen for chosen in sets}
        for point in surface.stationary:
            chosen = heights[min(heights, key=lambda height: abs(height - point.value))]
            with jax.enable_x64(True):
                assert np.abs(np.asarray(slope(jnp.array(point.at)))).max() < 1e-12
            assert negative(surface, point.at) == linear_network_index(strengths, hidden, chosen)


def test_a_linear_network_learns_strength_by_strength_and_finds_the_minimum():
    surface = functions.linear_network((3.0, 1.0, 0.3), hidden=2)
    losses = st.fit(surface, st.SGD(0.05), epochs=600, patience=None).curves["train_loss"].to_numpy()
    assert losses[0] == pytest.approx((9 + 1 + 0.09) / 2, rel=1e-3)
    assert np.abs(losses - (1 + 0.09) / 2).min() < 0.01  # it passes by the saddle where it has the largest alone
    assert losses[-1] == pytest.approx(0.09 / 2, rel=1e-3)


def test_twins_stay_twins_and_end_at_a_saddle_from_which_parting_leads_down():
    surface = functions.twin_network()
    run = st.fit(surface, st.Momentum(0.1), epochs=3000, patience=None)
    first, second, height, other = np.asarray(run.last)
    assert (first, height) == pytest.approx((second, other), rel=1e-5)
    saddle = surface.saddles[0]
    assert run.curves["train_loss"][-1] == pytest.approx(saddle.value, rel=1e-3)
    assert negative(surface, saddle.at) == 1
    apart = np.asarray(run.last) + np.float32([0.01, -0.01, 0, 0])
    assert st.fit(surface, st.Momentum(0.1), epochs=20_000, patience=None, start=apart).best_loss < saddle.value / 100


def test_splitting_a_units_height_is_stationary_whatever_the_shares_and_its_shares_decide_the_kind():
    """A saddle for shares of one sign, and else a minimum but for the line itself."""
    surface = functions.twin_network()
    slope = jax.jit(jax.grad(surface.value))
    weight, _, half, _ = surface.saddles[0].at
    for share in (-0.5, 0.2, 0.5, 0.9, 1.5):
        at = (weight, weight, 2 * half * share, 2 * half * (1 - share))
        with jax.enable_x64(True):
            assert np.abs(np.asarray(slope(jnp.array(at)))).max() < 1e-12
        assert negative(surface, at) == (0 < share < 1)


def test_what_ignores_its_inputs_is_stationary_for_exclusive_or():
    surface = functions.xor_network()
    slope = jax.jit(jax.grad(surface.value))
    for biases, heights in (((1.0, -1.0), (1.0, 1.0)), ((0.1, 0.3), (0.2, -2.0)), ((0.2, 0.0), (3.0, 0.0))):
        last = -sum(v * math.tanh(b) for v, b in zip(heights, biases, strict=True))
        at = (0.0, 0.0, 0.0, 0.0, *biases, *heights, last)
        with jax.enable_x64(True):
            assert np.abs(np.asarray(slope(jnp.array(at)))).max() < 1e-12
        bent = [
            2 * abs(math.tanh(b)) > abs(v) * (1 - math.tanh(b) ** 2) and v for b, v in zip(biases, heights, strict=True)
        ]
        assert (negative(surface, at) > 0) == any(bent)


def test_exclusive_or_is_learned_from_the_usual_start():
    assert st.fit(functions.xor_network(), st.Adam(0.03), epochs=2000, patience=None).best_loss < 1e-4


def test_dead_units_stay_where_they_are():
    surface = functions.dead_network()
    run = st.fit(surface, st.Adam(0.03), epochs=1000, patience=None)
    assert np.asarray(run.last)[:6].tolist() == list(surface.stationary[1].at[:6])
    assert run.curves["train_loss"][-1] == pytest.approx(surface.stationary[1].value, rel=1e-4)
    alive = st.fit(functions.dead_network(start=(1, -1, 0.1, 0.1, 1, 1, 0)), st.Adam(0.03), epochs=1000, patience=None)
    assert alive.best_loss < 1e-3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: functions.linear_network((1.0, 1.0)), "positive, finite and all different; received"),
        (lambda: functions.linear_network(()), "all different"),
        (lambda: functions.linear_network((2.0, -1.0)), "positive"),
        (lambda: functions.linear_network((2.0, 1.0), hidden=3), "from 1 to 2, that of strengths; received 3"),
        (lambda: linear_network_index((2.0, 1.0), 1, (0, 1)), "at most 1 of strengths 0 to 1, each once"),
        (lambda: linear_network_index((2.0, 1.0), 2, (0, 0)), "each once"),
        (lambda: functions.xor_network(start=(1.0,)), "9 finite numbers"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(st.InputError, match=message):
        make()
