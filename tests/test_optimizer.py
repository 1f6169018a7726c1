"""A rule over a tree of parameters is the rule on each array; rates, transforms and numbers are in their places."""

import inspect
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest
from steepest import rules
from steepest.errors import InputError
from steepest.gradients import AddNoise, ClipByGlobalNorm, ClipByValue
from steepest.optimizer import Optimizer, optimizer
from steepest.schedules import Constant, Cosine, LinearDecay

CONSTRUCTORS = {
    "SGD": "sgd", "Momentum": "momentum", "Nesterov": "nesterov", "Adagrad": "adagrad", "RMSProp": "rmsprop",
    "Adadelta": "adadelta", "Adam": "adam", "Adamax": "adamax", "Nadam": "nadam", "AdamW": "adamw",
    "AMSGrad": "amsgrad", "RAdam": "radam", "Lion": "lion", "Muon": "muon",
}  # fmt: skip
every_rule = pytest.mark.parametrize("name", [*rules.RULES, "nesterov_lookahead"])
BAD_NUMBERS = [0, -1, math.nan, math.inf]


def draw(shapes, seed=0, dtype=np.float64):
    random = np.random.default_rng(seed)
    return jax.tree.map(lambda shape: random.normal(size=shape).astype(dtype), shapes, is_leaf=is_shape)


def is_shape(value):
    return isinstance(value, tuple) and all(isinstance(one, int) for one in value)


def leaf_by_leaf(name, gradients, learning_rates, **knobs):
    """The steps of the rule itself on each leaf, on NumPy arrays in float64, stacked over time."""
    rule = rules.find(name)
    columns = [jax.tree.leaves(tree) for tree in gradients]
    taken = []
    for leaf in zip(*columns, strict=True):
        state = rules.initial_state(rule, np.float64(leaf[0]) * np.ones(()))
        steps = []
        for t, (g, rate) in enumerate(zip(leaf, learning_rates, strict=True), start=1):
            step, state = rule(np.float64(g) * np.ones(()), state, t, learning_rate=rate, **knobs)
            steps.append(step)
        taken.append(np.stack(steps))
    return taken


def over_tree(chosen, gradients, key=None):
    """The steps of the optimizer over the tree, each leaf's stacked over time, and the last state."""
    state, taken, update = chosen.init(gradients[0], key), [], jax.jit(chosen.update)
    for tree in gradients:
        steps, state = update(tree, state)
        taken.append(steps)
    return [np.stack(leaf) for leaf in zip(*map(jax.tree.leaves, taken), strict=True)], state


@every_rule
def test_over_a_tree_is_the_rule_on_each_leaf(name):
    shapes = {"first": [(3, 4), (4,)], "second": {"scale": (), "empty": (0, 2), "bias": (1,)}}
    gradients, schedule = [draw(shapes, seed) for seed in range(4)], LinearDecay(0.1, 0.01, steps=5)
    with jax.enable_x64(True):
        ours, state = over_tree(optimizer(name, schedule), gradients)
    expected = leaf_by_leaf(name, gradients, [schedule(k) for k in range(4)])
    assert [steps.shape for steps in ours] == [steps.shape for steps in expected]
    for mine, theirs in zip(ours, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)  # float64: a few roundings a step, compiled or not
    assert int(state.t) == 4


def test_small_leaves_are_joined_and_large_ones_stand_alone():
    # 2^16 elements make a leaf large; the order of leaves must survive the sorting.
    shapes = [(5,), (256, 256), (2**16 - 1,), (2**16,), (2, 3)]
    gradients, chosen = [draw(shapes, seed, np.float32) for seed in range(2)], optimizer("momentum", 0.1)
    state = chosen.init(gradients[0])
    assert [one.v.shape for one in state.rule] == [(256, 256), (2**16,), (5 + 2**16 - 1 + 6,)]
    ours, _ = over_tree(chosen, gradients)
    for mine, theirs in zip(ours, leaf_by_leaf("momentum", gradients, [0.1, 0.1]), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-6)  # float32, steps of order 1


@pytest.mark.parametrize("name", ["adam", "nesterov_lookahead", "nadam"])
def test_leaves_of_every_dtype_keep_it_and_half_precision_is_computed_wider(name):
    with jax.enable_x64(True):
        dtypes = ["bfloat16", "float32", "float16", "float64", "bfloat16"]
        gradients = [
            [jnp.asarray(leaf, dtype) for leaf, dtype in zip(draw([(3,)] * 5, seed), dtypes, strict=True)]
            for seed in range(3)
        ]
        chosen = optimizer(name, 0.1)
        ours, state = over_tree(chosen, gradients)
        ahead = chosen.gradient_point(gradients[0], state)
        # One vector for each dtype, in order of appearance, none narrower than float32.
        vectors = [next(iter(one)) for one in state.rule]
        assert [(vector.size, str(vector.dtype)) for vector in vectors] == [
            (6, "float32"), (3, "float32"), (3, "float32"), (3, "float64"),
        ]  # fmt: skip
        assert jax.tree.map(lambda leaf: leaf.shape, ahead) == [(3,)] * 5
    for mine, theirs, dtype in zip(ours, leaf_by_leaf(name, gradients, [0.1] * 3), dtypes, strict=True):
        # Three steps in float32, some ten roundings of 6e-8 each; gradients are what their dtype rounded them to.
        np.testing.assert_allclose(mine, theirs, rtol=1e-12 if dtype == "float64" else 2e-6, atol=1e-7)


def slope(point):
    """Gradient of a sum over leaves of cosh(x - 1) + 0.1 (x - 1)^4, by hand."""
    return jax.tree.map(lambda x: np.sinh(x - 1) + 0.4 * (x - 1) ** 3, point)


def descend(chosen, start, steps):
    """Parameters and state after so many steps."""
    parameters, state = start, chosen.init(start)
    for _ in range(steps):
        gradients = slope(jax.tree.map(np.asarray, chosen.gradient_point(parameters, state)))
        moves, state = chosen.update(gradients, state)
        parameters = jax.tree.map(lambda p, s: p + np.asarray(s), parameters, moves)
    return parameters, state


def test_nesterov_is_its_definition_over_a_whole_training_and_both_forms_are_one():
    start, steps, momentum = {"a": np.array([-1.0, 2.5]), "b": [np.array(0.3)]}, 60, 0.8
    schedule = LinearDecay(0.05, 0.005, steps=40)
    with jax.enable_x64(True):
        told, state = descend(optimizer("nesterov_lookahead", schedule, momentum=momentum), start, steps)
        computed, computed_state = descend(optimizer("nesterov", schedule, momentum=momentum), start, steps)
    theta, v = np.array([-1.0, 2.5, 0.3]), np.zeros(3)
    for k in range(steps):
        v = momentum * v - schedule(k) * slope(theta + momentum * v)
        theta = theta + v
    assert np.abs(v).min() > 1e-5  # still moving, so that the two forms stand at different points
    flat = [np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)]) for tree in
            (told, computed, state.rule, computed_state.rule)]  # fmt: skip
    # 60 float64 steps that contract: roundings of 1e-16 add up to less than 1e-13.
    for ours, expected in zip(flat, (theta, theta + momentum * v, v, v), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-13)


def tree_of_layers(seed):
    """Two layers' weights and biases and a number, as gradients or parameters."""
    return [draw({"w": (4, 3), "b": (3,)}, seed), draw({"w": (3, 2), "b": (2,)}, seed + 1), draw((), seed + 2)]


def alone(rule, gradients, parameters, **knobs):
    """Where a leaf is after steps of the rule itself at the rate 0.1, on NumPy arrays."""
    state = rules.initial_state(rule, parameters)
    for t, g in enumerate(gradients, start=1):
        step, state = rule(g, state, t, parameter=parameters, learning_rate=0.1, **knobs)
        parameters = parameters + step
    return parameters


@pytest.mark.parametrize("name", ["adamw", "lion", "muon"])
def test_a_rule_that_wants_it_is_given_the_parameter_and_a_fallback_moves_what_is_no_matrix(name):
    start, rule, knobs = tree_of_layers(9), rules.find(name), {"weight_decay": 0.3}
    gradients, chosen = [tree_of_layers(seed) for seed in (1, 4, 7)], optimizer(name, 0.1, **knobs)
    with jax.enable_x64(True):
        parameters, state = jax.tree.map(jnp.asarray, start), chosen.init(start)
        for g in gradients:
            steps, state = jax.jit(chosen.update)(g, state, parameters)
            parameters = jax.tree.map(jnp.add, parameters, steps)
    rule_of = {2: rule, 1: rule.fallback or rule, 0: rule.fallback or rule}
    # Muon's epsilon is its fallback's as well, being a knob of that name.
    shared = {"epsilon": 1e-7} if name == "muon" else {}
    for place, (mine, first) in enumerate(zip(*map(jax.tree.leaves, (parameters, start)), strict=True)):
        given = [np.float64(jax.tree.leaves(g)[place]) * np.ones(()) for g in gradients]
        own = rule_of[np.ndim(first)]
        expected = alone(own, given, np.float64(first) * np.ones(()), **knobs, **(shared if own is not rule else {}))
        np.testing.assert_allclose(mine, expected, rtol=1e-11, atol=1e-12)  # float64; five products of small matrices


def test_a_rule_for_whole_matrices_has_each_alone_and_its_fallback_has_the_rest_joined():
    state = optimizer("muon").init(tree_of_layers(0))
    assert [type(one).__name__ for one in state.rule] == ["MuonState", "MuonState", "AdamState"]
    assert [one.m.shape for one in state.rule] == [(4, 3), (3, 2), (6,)]


@pytest.mark.parametrize("name", ["adamw", "lion", "muon"])
def test_parameters_that_are_needed_and_not_given_are_asked_for(name):
    chosen, gradients = optimizer(name), [jnp.ones((2, 2))]
    with pytest.raises(
        InputError, match=r"moves by where the parameters are; received none\. Try update\(gradients, st"
    ):
        chosen.update(gradients, chosen.init(gradients))


def test_only_a_rule_that_looks_ahead_wants_its_gradient_elsewhere():
    parameters = [jnp.ones(2)]
    for name in rules.RULES:
        chosen = optimizer(name)
        assert chosen.gradient_point(parameters, chosen.init(parameters)) is parameters


def test_the_first_step_uses_the_schedule_at_zero():
    schedule, ones = LinearDecay(1.0, 0.0, steps=4), [jnp.ones(2)]
    (steps,), _ = over_tree(optimizer("sgd", schedule), [ones] * 6)
    np.testing.assert_allclose(steps[:, 0], [-1.0, -0.75, -0.5, -0.25, 0.0, 0.0], atol=1e-7)
    chosen = optimizer("sgd", schedule)
    assert chosen.learning_rate == 1.0
    assert chosen.with_learning_rate(0.3).learning_rate == 0.3
    assert chosen.with_learning_rate(Cosine(0.2, 0.1, 9)).schedule == Cosine(0.2, 0.1, 9)
    assert chosen.learning_rate == 1.0


def test_transforms_are_applied_in_their_order():
    value, norm, gradient = ClipByValue(1.0), ClipByGlobalNorm(1.0), [[jnp.array([3.0]), jnp.array([4.0])]]
    first, _ = over_tree(optimizer("sgd", 1.0, transforms=(value, norm)), gradient)
    np.testing.assert_allclose(np.ravel(first), [-math.sqrt(0.5)] * 2, rtol=1e-6)
    second, _ = over_tree(optimizer("sgd", 1.0, transforms=[norm, value]), gradient)
    np.testing.assert_allclose(np.ravel(second), [-0.6, -0.8], rtol=1e-6)


def test_noise_repeats_with_its_key_and_differs_between_steps_and_keys():
    chosen, zeros = optimizer("sgd", 1.0, transforms=(AddNoise(1.0, decay=0.0),)), [[jnp.zeros(3), jnp.zeros(3)]] * 3
    runs = [over_tree(chosen, zeros, jax.random.key(seed))[0] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(runs[0], runs[1])
    values = np.ravel([runs[0], runs[2]])
    assert len(np.unique(values)) == values.size == 36


def test_every_number_is_a_leaf_and_nothing_else_is():
    chosen = optimizer("adam", LinearDecay(0.1, 0.01, 50), transforms=(ClipByGlobalNorm(2.0),), b1=0.8)
    leaves, tree = jax.tree.flatten(chosen)
    assert sorted(leaves) == sorted([0.8, 0.999, 1e-8, 0.0, 0.1, 0.01, 50, 2.0])
    other = optimizer("adam", LinearDecay(0.3, 0.03, 20), transforms=(ClipByGlobalNorm(1.0),), b2=0.9, epsilon=1e-3)
    assert jax.tree.structure(other) == tree
    assert jax.tree.structure(optimizer("nadam")) != tree
    assert jax.tree.unflatten(tree, leaves) == chosen


@every_rule
def test_the_first_state_is_pinned_to_no_device(name):
    # A loop that is given one pinned array returns all of them pinned, and compiles again for these.
    state = optimizer(name).init([jnp.ones(3), jnp.ones(2**16)])
    assert not any(leaf.committed for leaf in jax.tree.leaves((state.t, state.rule)))


@pytest.mark.parametrize("constructor", CONSTRUCTORS)
def test_constructors_have_their_rules_own_knobs(constructor):
    construct, rule = getattr(steepest, constructor), rules.find(CONSTRUCTORS[constructor])
    parameters = inspect.signature(construct).parameters
    knobs = {name: one.default for name, one in parameters.items() if name not in ("learning_rate", "transforms")}
    assert knobs == rules.hyperparameters(rule)
    assert next(iter(parameters)) == "learning_rate"
    assert all(one.kind is one.KEYWORD_ONLY for name, one in parameters.items() if name != "learning_rate")
    made = construct()
    assert isinstance(made, Optimizer)
    assert (made.rule, made.hyperparameters, made.schedule) == (rule, knobs, Constant(rule.usual_learning_rate))
    assert parameters["learning_rate"].default == made.learning_rate
    assert made.name == rule.__name__
    assert construct.__name__ == constructor
    assert construct.__doc__.startswith(constructor)
    with pytest.raises(TypeError):
        construct(1e-3, 0.9)


def test_nadam_may_keep_its_momentum_constant():
    steps, _ = over_tree(steepest.Nadam(0.1, momentum_decay=math.inf), [[jnp.ones(2)]])
    # mu is 0.9 from the first step on: m_hat = 0.9 * 0.1 / (1 - 0.81) + 0.1 / (1 - 0.9)
    np.testing.assert_allclose(steps[0][0], [-0.1 * (0.09 / 0.19 + 1)] * 2, rtol=1e-6)


def test_what_is_given_is_kept():
    clip = ClipByValue(1.0)
    made = steepest.Adam(0.02, b1=0.5, transforms=(clip,))
    assert made.hyperparameters == {"b1": 0.5, "b2": 0.999, "epsilon": 1e-8, "epsilon_root": 0.0}
    assert (made.learning_rate, made.transforms) == (0.02, (clip,))
    assert steepest.Adam().hyperparameters["b1"] == 0.9  # and no other optimizer hears of it


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: optimizer("adma"), r"^Unknown optimizer 'adma'\. Did you mean 'adam'\? Allowed: sgd, "),
        (lambda: steepest.Adam(epsilo=1e-3), r"^Unknown hyperparameter of adam 'epsilo'\. Did you mean 'epsilon'\? "),
        (lambda: steepest.Momentum(momentun=0.5), r"of momentum 'momentun'\. Did you mean 'momentum'\? Allowed: mom"),
        (lambda: steepest.Adam(momentum=0.5), r"of adam 'momentum'\. Allowed: b1, b2, epsilon, epsilon_root\.$"),
        (lambda: steepest.Adam(b1=1), r"^b1 must be in \[0, 1\); received 1\. Try 0\.9\."),
        (lambda: steepest.Adam(b2=1.5), r"^b2 must be in \[0, 1\); received 1\.5\. Try 0\.999\."),
        (lambda: steepest.Adam(b1=-0.1), r"^b1 must be in \[0, 1\); received -0\.1\."),
        (lambda: steepest.RMSProp(decay=math.nan), r"^decay must be in \[0, 1\); received nan\."),
        (lambda: steepest.Nesterov(momentum="fast"), r"^momentum must be in \[0, 1\); received fast\."),
        (lambda: steepest.Adam(epsilon=-1), r"^epsilon must be finite and not negative; received -1\. Try 1e-8\."),
        (lambda: steepest.Adam(epsilon=math.inf), r"^epsilon must be finite and not negative; received inf"),
        (lambda: steepest.RAdam(threshold=3.9), r"^threshold must be 4 or more, and finite; received 3\.9\. Try 5\."),
        (lambda: steepest.SGD("fast"), r"^learning_rate must be a number or a schedule; received 'fast'\. Try 1e-3\."),
        (lambda: steepest.SGD(transforms=ClipByValue(1.0)), r"^transforms must be .* received ClipByValue\(limit=1.0"),
        (lambda: steepest.SGD(transforms=(3,)), r"^transforms must be a sequence of .* received \(3,\)\. Try \(Clip"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(call, message):
    with pytest.raises(InputError, match=message):
        call()


@pytest.mark.parametrize("rate", BAD_NUMBERS)
def test_learning_rates_out_of_range_are_refused(rate):
    for make in (steepest.Adam, optimizer("sgd").with_learning_rate, lambda rate: optimizer("adam", rate)):
        with pytest.raises(InputError, match=f"^learning_rate must be positive and finite; received {rate}. Try 1e-3"):
            make(rate)
