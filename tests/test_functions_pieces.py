"""Functions of pieces: they meet in height and slope, each has its form, and noise and dimensions go with them."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest.functions import PIECES, noisy, pieces


def sampled(surface, x):
    with jax.enable_x64(True):
        at = jnp.asarray(x)[:, None]
        heights, slopes = (np.asarray(jax.vmap(told)(at)) for told in (surface.value, jax.grad(surface.value)))
    return heights, slopes[:, 0]


@pytest.mark.parametrize("slope", [-1.0, 1.0, -10.0])
@pytest.mark.parametrize("name", list(PIECES))
def test_a_piece_starts_at_its_height_and_slope_and_its_slope_is_its_derivative(name, slope):
    surface = pieces(name, slope=slope)
    x = np.linspace(-2.4, 2.4, 4801)
    heights, slopes = sampled(surface, x)
    assert np.interp(-2.0, x, heights) == pytest.approx(2.0, abs=1e-3 * abs(slope))
    assert slopes[x < -2.0] == pytest.approx(slope)
    assert slopes[np.searchsorted(x, -1.999)] == pytest.approx(slope, rel=0.05)
    between = (heights[2:] - heights[:-2]) / (x[2:] - x[:-2])
    kinks = np.abs(np.diff(slopes))[:-1] > 0.02 * np.abs(slopes).max()
    away = ~(kinks | np.roll(kinks, 1) | np.roll(kinks, -1))
    assert np.abs(between - slopes[1:-1])[away].max() <= 2e-2 * np.abs(slopes).max()


@pytest.mark.parametrize(("first", "second"), list(itertools.product(("quad_convex", "gauss_nonconvex"), PIECES)))
def test_pieces_meet_in_height_and_slope(first, second):
    surface = pieces(first, second)
    heights, slopes = sampled(surface, np.array([-1e-9, 1e-9]))
    assert heights[1] == pytest.approx(heights[0], rel=1e-6)
    assert slopes[1] == pytest.approx(slopes[0], rel=1e-5)


def test_forms_by_hand():
    """Over a width of 4 at a slope of -1 a line falls by 4, a bowl by 1 to its middle, an abs by 2 and climbs back."""
    ends = {"line": -2.0, "abs": 2.0, "relu": 0.0, "quad_bowl": 2.0, "cliff": 20.0, "ridge": -20.0, "bend": -0.5}
    for name, height in ends.items():
        assert float(pieces(name).value(jnp.array([2.0]))) == pytest.approx(height, abs=1e-5)
    assert float(pieces("exponential").value(jnp.array([2.0]))) == pytest.approx(2 - 4 * 0.999 / math.log(1000))
    assert float(pieces("quad_convex").value(jnp.array([2.0]))) == pytest.approx(2 - 4 * 1.1 / 2)


def test_a_whole_gaussian_well_is_one():
    """Its five stretches make a well with the lowest point in the middle, alike on both sides."""
    names = ("gauss_nonconvex", "gauss_convex", "gauss_bowl", "gauss_convex", "gauss_nonconvex")
    x = np.linspace(-2, 2, 401)
    heights, slopes = sampled(pieces(*names), x)
    assert int(np.argmin(heights)) == 200
    assert heights == pytest.approx(heights[::-1], rel=1e-6)
    assert slopes[1:-1] == pytest.approx(-slopes[1:-1][::-1], rel=1e-4, abs=1e-6 * np.abs(slopes).max())


@pytest.mark.parametrize(("norm", "height"), [("l1", 4.0), ("l2", math.sqrt(8)), ("linf", 2.0)])
def test_dimensions_are_put_together_by_a_norm(norm, height):
    surface = pieces("line", dimensions=2, norm=norm)
    assert float(surface.value(jnp.array([-2.0, -2.0]))) == pytest.approx(height)
    assert surface.dimensions == 2


def test_a_relu_then_a_bend_is_flat_between_two_slopes():
    _, slopes = sampled(pieces("relu", "bend"), np.array([-1.5, -0.5, 0.5, 1.5]))
    assert slopes == pytest.approx([-1.0, 0.0, 0.0, -0.5])


def test_they_are_problems_to_fit_with_noise():
    surface = pieces("quad_convex", "cliff", "quad_bowl")
    run = st.fit(noisy(surface, "cauchy", 0.1), st.Adam(0.05), epochs=5, patience=None)
    assert run.best_loss < 2.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (pieces, "A function has one piece or more"),
        (lambda: pieces("lin"), "Did you mean 'line'"),
        (lambda: pieces("line", slope=0), "finite and not 0; received 0"),
        (lambda: pieces("line", dimensions=0), "1 or more; received 0"),
        (lambda: pieces("line", norm="l3"), "norm"),
    ],
)
def test_what_is_given_wrongly_is_answered_by_a_sentence(make, message):
    with pytest.raises(st.InputError, match=message):
        make()
