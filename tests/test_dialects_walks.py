"""How far dialects walk apart: each path against the native optimizer's own, and the page that draws them."""

import json
import re

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest
import torch

from steepest import dialects, rules
from steepest.dialects import MINIMUM, SAME, START, apart, valley, walks
from steepest.pictures import contrast, text_color
from steepest.reports._walks import LOOKS, distance_table, render_walks

STEPS = 60


def rates_of(walked, steps):
    return walked.learning_rate * (1 + np.cos(np.pi * np.arange(steps) / steps)) / 2


def torch_path(call, rates):
    """Where torch.optim itself goes, with gradients that torch takes of the loss."""
    torch.set_default_dtype(torch.float64)  # NAdam keeps its product in the default dtype
    try:
        place = torch.tensor(START, requires_grad=True)
        optimizer = getattr(torch.optim, call.dialect.name)([place], **call.options)
        path = [place.detach().numpy().copy()]
        for rate in rates:
            optimizer.param_groups[0]["lr"] = float(rate)
            optimizer.zero_grad()
            valley(*place).backward()
            optimizer.step()
            path.append(place.detach().numpy().copy())
    finally:
        torch.set_default_dtype(torch.float32)
    return np.array(path)


def optax_path(call, rates):
    """Where optax itself goes, with gradients that JAX takes of the loss."""
    with jax.enable_x64(True):
        table, slope = jnp.asarray(rates), jax.jit(jax.grad(lambda place: valley(*place)))
        make = getattr(optax, call.dialect.name)
        transformation = make(lambda count: table[count], **call.options)
        place = jnp.asarray(START)
        state, path = transformation.init(place), [np.asarray(place)]
        for _ in rates:
            update, state = transformation.update(slope(place), state, place)
            place = place + update
            path.append(np.asarray(place))
        return np.array(path)


def keras_path(call, rates):
    """Where Keras itself goes, on JAX."""
    with jax.enable_x64(True):
        slope = jax.jit(jax.grad(lambda place: valley(*place)))
        place = keras.Variable(np.array(START), dtype="float64")
        optimizer = getattr(keras.optimizers, call.dialect.name)(**call.options)
        optimizer.build([place])
        path = [np.array(START)]
        for rate in rates:
            optimizer.learning_rate = float(rate)
            optimizer.apply([slope(place.value)])
            path.append(np.asarray(place.value))
        return np.array(path)


NATIVE = {"torch": torch_path, "optax": optax_path, "keras": keras_path}
# 60 steps, each of which rounds by 1e-16 of the place, and the valley's walls make a thousand times more of it at most.
# Keras keeps the learning rate in float32, which moves steps of 0.2 or less by 6e-8 of them.
ROUNDED = {"torch": 1e-11, "optax": 1e-11, "keras": 60 * 0.2 * 6e-8}


@pytest.mark.parametrize("framework", NATIVE)
@pytest.mark.parametrize("name", ["momentum", "nesterov", "rmsprop", "adagrad", "adam", "amsgrad", "nadam"])
def test_each_path_with_its_own_defaults_is_the_native_s(name, framework):
    if framework == "keras" and keras.backend.backend() != "jax":
        pytest.skip("the other backend has no JAX gradients")
    walked = walks(rules.find(name), steps=STEPS)
    theirs = NATIVE[framework](walked.calls[framework], rates_of(walked, STEPS))
    np.testing.assert_allclose(walked.own[framework], theirs, rtol=0, atol=ROUNDED[framework])


def test_the_textbook_is_the_rule_itself():
    walked = walks(rules.adam, steps=5)
    place, state = np.array(START), rules.initial_state(rules.adam, np.array(START))
    for t, rate in enumerate(rates_of(walked, 5), start=1):
        x, y = place
        g = 1e-4 * np.array([2 * (x - 1) + 20 * x * (x * x - y), 10 * (y - x * x)])
        step, state = rules.adam(g, state, t, learning_rate=rate)
        place = place + step
    np.testing.assert_allclose(walked.own["textbook"][-1], place, rtol=1e-13)


def test_with_the_textbook_s_numbers_only_mathematics_remains():
    """Keras's Adagrad has the textbook's equation and another start; torch's has epsilon outside the root."""
    walked = walks(rules.adagrad, steps=STEPS)
    assert apart(walked.own)["keras"].max() > 0.1
    assert apart(walked.same)["keras"].max() == 0
    assert apart(walked.same)["torch"].max() > 1e-3
    # Adam's epsilon hat remains where its size is the textbook's: epsilon / sqrt(1 - b2) beside a gradient of 1.5e-3.
    far = apart(walks(rules.adam, steps=1).same)["keras"][1]
    assert far == pytest.approx(0.02 * np.hypot(1e-8 / 0.001**0.5 / 1.5e-3, 1e-8 / 0.001**0.5 / 4.4e-4), rel=0.05)


def test_where_the_rate_stands_shows_only_when_it_moves():
    walked = walks(rules.momentum, steps=STEPS)
    far = apart(walked.same)
    assert far["keras"].max() == 0
    assert far["torch"][1] == 0  # the rate has not moved yet
    assert far["torch"][2] > 1e-5
    np.testing.assert_allclose(far["torch"], far["optax"], rtol=0, atol=SAME)


@pytest.mark.parametrize("rule", [d.cases[0].rule for d in dialects.FRAMEWORKS["textbook"]], ids=lambda r: r.__name__)
def test_every_family_walks_down_the_valley(rule):
    walked = walks(rule)
    first, last = valley(*START), valley(*walked.own["textbook"][-1])
    assert last < first / 20
    for paths in (walked.own, walked.same):
        assert set(paths) == {f for f in dialects.FRAMEWORKS if dialects.named(f, rule)}
        assert all(np.isfinite(path).all() and path.shape == (1001, 2) for path in paths.values())


def test_the_same_walk_twice_is_the_same_page():
    assert render_walks(walks(rules.lion, steps=20)) == render_walks(walks(rules.lion, steps=20))


def test_the_table_holds_the_distances():
    far = {"torch": np.array([0.0, 0.5, *[1e-14] * 9]), "keras": np.geomspace(1e-3, 1, 11)}
    table = distance_table(far)
    assert table.head == ["", "1", "10"]
    assert table.rows == [["torch", "0.5", "0"], ["keras", "0.002", "1"]]


@pytest.fixture(scope="module", params=["adam", "adadelta", "muon"])
def page(request):
    return walks(rules.find(request.param)), render_walks(walks(rules.find(request.param)))


def figures(source):
    found = re.findall(r'<script type="application/json" id="([\w-]+)-data">(.*?)</script>', source, re.S)
    return {name: json.loads(text) for name, text in found}


def test_the_page_draws_the_distances_and_the_paths(page):
    walked, source = page
    drawn = figures(source)
    assert list(drawn) == ["distance-own", "paths-own", "distance-same", "paths-same"]
    for kind, paths in (("own", walked.own), ("same", walked.same)):
        lines = {trace["name"]: trace for trace in drawn[f"distance-{kind}"]["data"]}
        assert set(lines) == set(paths) - {"textbook"}
        for framework, far in apart(paths).items():
            heights = dict(zip(lines[framework]["x"], lines[framework]["y"], strict=True))
            assert all(y == pytest.approx(far[x]) for x, y in heights.items() if far[x] >= SAME)
            foot = drawn[f"distance-{kind}"]["layout"]["yaxis"]["tickvals"][0]
            assert all(y == foot for x, y in heights.items() if far[x] < SAME)
            assert {1, 1000} <= set(heights)
        traces = {trace["name"]: trace for trace in drawn[f"paths-{kind}"]["data"] if "name" in trace}
        for framework, path in paths.items():
            assert (traces[framework]["x"][-1], traces[framework]["y"][-1]) == tuple(path[-1])
        assert (traces["minimum"]["x"], traces["minimum"]["y"]) == ([MINIMUM[0]], [MINIMUM[1]])


def test_every_tick_and_line_is_within_its_axis(page):
    for name, drawn in figures(page[1]).items():
        if not name.startswith("distance"):
            continue
        axis = drawn["layout"]["yaxis"]
        low, high = axis["range"]
        assert len(axis["tickvals"]) == len(axis["ticktext"]) <= 9
        for trace in drawn["data"]:
            assert all(low <= np.log10(y) <= high for y in trace["y"])


def test_zero_is_on_the_axis_only_where_there_is_one(page):
    walked, source = page
    for kind, paths in (("own", walked.own), ("same", walked.same)):
        texts = figures(source)[f"distance-{kind}"]["layout"]["yaxis"]["ticktext"]
        assert ("0" in texts) == any((far[1:] < SAME).any() for far in apart(paths).values())


def test_the_page_needs_nothing_else_and_says_all_in_words(page):
    walked, source = page
    bare = re.sub(r"<script.*?</script>", "", source, flags=re.S)
    assert not re.search(r'(?:src|href)="(?!#)', bare)
    assert "default-src 'none'" in bare
    said = re.findall(r'role="img" aria-label="([^"]+)"', bare)
    assert len(said) == 4
    for text, paths in zip(said[::2], (walked.own, walked.same), strict=True):
        same = [framework for framework, far in apart(paths).items() if far.max() < SAME]
        assert ("As the textbook, but for rounding" in text) == bool(same)
        assert all(framework in text for framework in paths if framework != "textbook")
    assert all(f"{framework} ends at (" in said[1] for framework in walked.own)


def test_frameworks_are_told_apart_by_more_than_colour():
    assert len({look.symbol for look in LOOKS.values()}) == len(LOOKS)
    assert all(contrast(look.color) >= 3 and contrast(text_color(look.color)) >= 4.5 for look in LOOKS.values())
