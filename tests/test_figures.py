"""The lecture's figures: what is in them, against what the library and the theory say."""

import html
import re

import jax
import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

import steepest as st
from steepest import functions
from steepest.figures import FIGURES, draw_figures
from steepest.landscapes import walk
from steepest.rules import RULES

# The labels that each must have: of x axes, and of y axes.
LABELS = {
    "saturation": ({"logit z of the true class", "step"}, {"loss", "|∂ loss / ∂z|", "probability of the true class"}),
    "descent": ({"x", "step"}, {"f(x)", "y", "height above the lowest"}),
    "convexity": ({"along the diagonal"}, {"f"}),
    "local-minimum": ({"x"}, {"f(x)", "y"}),
    "stationary": ({"x"}, {"y"}),
    "cliff": ({"x", "step"}, {"y", "height"}),
    "learning-rate": ({"x", "step", "learning rate ε"}, {"y", "height", "height after 40 steps"}),
    "batch-size": ({"x", "step", "rows in a minibatch, m'"}, {"y", "height", "standard deviation of the gradient"}),
    "momentum": ({"x", "step"}, {"y", "height above the lowest"}),
    "nesterov": ({"x", "step"}, {"y", "height above the lowest"}),
    "ravine": ({"x", "step"}, {"y", "height above the lowest"}),
    "saddle": ({"x", "step"}, {"y", "height above the lowest"}),
    "plateau": ({"x", "step"}, {"y", "height above the lowest"}),
}
_made = {}


@pytest.fixture
def made():
    """A figure by name, made once."""

    def make(name):
        before = dict(mpl.rcParams)
        if name not in _made:
            _made[name] = FIGURES[name]()
        assert dict(mpl.rcParams) == before
        return _made[name]

    return make


def axes(figure):
    return figure.drawn.findobj(mpl.axes.Axes)


def line(figure, x, label):
    """The curve of a label on the axes with that x label."""
    (found,) = [
        one for ax in axes(figure) if ax.get_xlabel() == x for one in ax.lines if one.get_label() == label
    ]  # fmt: skip
    return np.asarray(found.get_xdata(), float), np.asarray(found.get_ydata(), float)


def test_every_figure_of_the_lecture_is_there():
    assert set(FIGURES) == set(LABELS)


@pytest.mark.parametrize("name", LABELS)
def test_a_figure_has_its_axes_and_its_words(made, name):
    figure = made(name)
    x, y = LABELS[name]
    assert {ax.get_xlabel() for ax in axes(figure)} - {""} >= x
    assert {ax.get_ylabel() for ax in axes(figure)} - {""} >= y
    assert figure.name == name
    assert len(figure.caption) > 100
    assert len(figure.text) > 100
    assert not re.search(r"\bnan\b|\binf\b|—|∞", figure.text)


def test_the_slopes_of_the_losses_are_those_of_calculus(made):
    figure = made("saturation")
    (middle,) = [ax for ax in axes(figure) if ax.get_ylabel().startswith("|∂")]
    slopes = {one.get_label(): np.asarray(one.get_ydata(), float) for one in middle.lines}
    z = np.asarray(middle.lines[0].get_xdata(), float)
    h = 1 / (1 + np.exp(-z))
    assert slopes["cross-entropy"] == pytest.approx(1 - h, abs=1e-5)
    assert slopes["squared error"] == pytest.approx(2 * h * (1 - h) ** 2, abs=1e-5)
    assert line(figure, "step", "cross-entropy")[1][-1] > 0.95
    assert line(figure, "step", "squared error")[1][-1] < 0.1


def test_descent_divides_a_parabola_by_the_same_factor_each_step(made):
    (left,) = [ax for ax in axes(made("descent")) if ax.get_ylabel() == "f(x)"]
    (points,) = [one for one in left.lines if one.get_marker() == "s" and len(one.get_xdata()) == 9]
    assert np.asarray(points.get_xdata()) == pytest.approx(1.9 * 0.7 ** np.arange(9), rel=1e-4)


def test_a_chord_is_nowhere_below_a_convex_curve_and_somewhere_below_another(made):
    rises = []
    for ax in axes(made("convexity")):
        if ax.get_xlabel() != "along the diagonal":
            continue
        curve, chord = ax.lines[:2]
        (first, last), (start, end) = chord.get_xdata(), chord.get_ydata()
        at, told = np.asarray(curve.get_xdata()), np.asarray(curve.get_ydata())
        inner = (at >= first) & (at <= last)
        rises.append((told[inner] - np.interp(at[inner], [first, last], [start, end])).max())
    assert rises[0] == pytest.approx(0, abs=1e-4)
    assert rises[1] > 50


def test_two_starts_end_in_the_two_minima_that_are_known(made):
    known = [one.value for one in functions.styblinski_tang(dimensions=1).minima]
    (left,) = [ax for ax in axes(made("local-minimum")) if ax.get_ylabel() == "f(x)"]
    ends = sorted({float(one.get_ydata()[-1]) for one in left.lines if len(one.get_xdata()) == 61})
    assert ends == pytest.approx(sorted(known), abs=1e-2)


def test_the_three_kinds_have_the_eigenvalues_of_their_kind(made):
    titles = [ax.get_title("left") for ax in axes(made("stationary")) if "λ" in ax.get_title("left")]
    values = [[float(one.replace("−", "-")) for one in title.removeprefix("λ = ").split(", ")] for title in titles]
    assert [[np.sign(one) for one in pair] for pair in values] == [[1, 1], [-1, -1], [-1, 1]]
    saddle = functions.himmelblau().saddles[2]
    dense = np.linalg.eigvalsh(np.asarray(jax.hessian(functions.himmelblau().value)(jnp.array(saddle.at))))
    assert values[2] == pytest.approx(dense, rel=1e-2)


def test_clipping_limits_the_step_on_the_cliff(made):
    text = made("cliff").text
    (far,) = (float(one) for one in re.findall(r"is ([\d.]+) long", text))
    assert far > 4
    assert "no step is longer than 0.25." in text  # the rate, 0.25, times the limit, 1


def test_the_rates_do_what_the_theory_of_a_quadratic_says(made):
    figure = made("learning-rate")
    heights = {name: line(figure, "step", name)[1] for name in ("too small", "right", "too large")}
    start = np.array([-1.9, 0.9])
    for name, rate in (("too small", 0.006), ("right", 2 / 21), ("too large", 0.103)):
        shrunk = start[:, None] * (1 - rate * np.array([[1.0], [20.0]])) ** np.arange(41)
        expected = (np.array([[1.0], [20.0]]) * shrunk**2).sum(axis=0) / 2
        assert heights[name] == pytest.approx(expected, rel=2e-3)


def test_momentum_ends_lower_than_steepest_descent(made):
    figure = made("momentum")
    ends = [line(figure, "step", name)[1][-1] for name in ("steepest descent", "with momentum")]
    assert ends[1] < ends[0] / 20


def test_nesterov_s_step_is_its_own_equation(made):
    """theta' = theta + alpha v - epsilon grad f(theta + alpha v), by hand from the same start."""
    text = made("nesterov").text
    told = [float(one.replace("−", "-")) for one in re.findall(r"Nesterov's \(([-\d.e]+), ([-\d.e]+)\)", text)[0]]
    surface, rate, alpha = functions.quadratic(12.0, rotated=True, seed=4), 0.04, 0.8
    theta, v = np.array([-2.0, 0.6]), np.zeros(2)
    slope = jax.grad(surface.value)
    for _ in range(2):
        v = alpha * v - rate * np.asarray(slope(jnp.asarray(theta + alpha * v)))
        theta = theta + v
    assert told == pytest.approx(-rate * np.asarray(slope(jnp.asarray(theta + alpha * v))), rel=1e-2)
    ends = [line(made("nesterov"), "step", name)[1][-1] for name in ("momentum", "Nesterov")]
    assert ends[1] < ends[0]


@pytest.mark.parametrize("name", ["ravine", "saddle", "plateau"])
def test_all_nine_optimizers_are_on_each_of_three_surfaces(made, name):
    titles = [ax.get_title("left") for ax in axes(made(name))]
    named = [title.split(",")[0] for title in titles if ", rate" in title]
    assert [one.lower() for one in named] == list(RULES)


def test_a_path_in_a_figure_is_the_optimizer_s(made):
    (panel,) = [ax for ax in axes(made("saddle")) if ax.get_title("left").startswith("Adam,")]
    rate = float(panel.get_title("left").split()[-1])
    surface = functions.bounded_saddle()
    drawn = next(one for one in panel.lines if len(one.get_xdata()) == 61)
    way = walk(surface, st.Adam(learning_rate=10**-0.5), 60, instance=surface.instances([0])[0])
    assert rate == pytest.approx(10**-0.5, rel=1e-2)
    assert np.asarray(drawn.get_xdata()) == pytest.approx(np.array(way.points)[:, 0], abs=2e-3)


def test_the_noise_of_a_minibatch_falls_with_the_root_of_its_rows(made):
    sizes, spread = line(made("batch-size"), "rows in a minibatch, m'", "measured")
    assert spread == pytest.approx(1.5 / np.sqrt(sizes), rel=0.08)
    heights = [
        line(made("batch-size"), "step", name)[1][60:].mean() for name in ("1 row", "8 rows", "64 rows", "all rows")
    ]  # fmt: skip
    assert (np.diff(np.log(heights)) < -1).all()


def test_figures_are_files_with_an_index_that_says_what_they_show(tmp_path):
    heard = []
    drawn = draw_figures(["descent", "cliff", "descent"], tmp_path / "a" / "b", told=lambda *one: heard.append(one))
    place = tmp_path / "a" / "b"
    assert [figure.name for figure in drawn] == ["descent", "cliff"]
    assert heard == [(1, "descent"), (2, "cliff")]
    assert sorted(one.name for one in place.iterdir()) == ["cliff.png", "descent.png", "index.html"]
    for figure in drawn:
        with Image.open(place / f"{figure.name}.png") as picture:
            assert picture.width > 1500
            assert picture.info["Description"] == figure.text
            assert len(picture.convert("L").getcolors()) > 50
    page = (place / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://", page)
    for figure in drawn:
        assert f'src="{figure.name}.png"' in page
        assert figure.text in html.unescape(page)
        assert figure.caption in html.unescape(page)


@pytest.mark.parametrize("kind", ["svg", "pdf"])
def test_figures_for_print(tmp_path, kind):
    draw_figures(["saturation"], tmp_path, kind=kind)
    assert (tmp_path / f"saturation.{kind}").stat().st_size > 5000
    assert f"saturation.{kind}" in (tmp_path / "index.html").read_text()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"names": ["sadle"]}, "Unknown figure 'sadle'. Did you mean 'saddle'"),
        ({"kind": "jpg"}, "Unknown format 'jpg'"),
        ({"directory": __file__}, "is a file. Give a directory"),
        ({"directory": "/proc/no/such"}, "Cannot write"),
    ],
)
def test_what_cannot_be_drawn_is_said(tmp_path, given, message):
    with pytest.raises(st.InputError, match=message):
        draw_figures(**{"names": ["descent"], "directory": tmp_path / "x", **given})
    assert not (tmp_path / "x").exists()
