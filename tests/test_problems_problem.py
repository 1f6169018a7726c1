"""A Problem takes any loss that JAX can differentiate, and says in a sentence what it cannot use."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.errors import InputError
from steepest.optimizer import SGD
from steepest.problems import Problem
from steepest.training import fit

X, Y = np.arange(12.0, dtype=np.float32).reshape(6, 2), np.arange(6.0, dtype=np.float32)


def line(w, batch):
    return jnp.mean((batch[0] @ w - batch[1]) ** 2)


def only(problem):
    (instance,) = problem.instances([0])
    return instance


@pytest.mark.parametrize("kind", [np.array, jnp.array, lambda values: values])
def test_starts_from_the_parameters_given(kind):
    problem = Problem(init={"a": kind([1.0, -2.0]), "b": (kind(3.0),)}, loss=lambda p: jnp.sum(p["b"][0] ** 2))
    parameters = only(problem).init(jax.random.key(7))
    assert jax.tree.map(lambda leaf: np.asarray(leaf).tolist(), parameters) == {"a": [1.0, -2.0], "b": (3.0,)}


def test_starts_from_what_a_function_draws():
    problem = Problem(init=lambda key: jax.random.normal(key, (3,)), loss=lambda w: jnp.sum(w**2))
    first, second = (fit(problem, SGD(0.1), epochs=1, seed=seed).curves["train_loss"][0] for seed in (0, 1))
    assert first != second


def test_whole_numbers_become_floats_that_can_move():
    run = fit(Problem(init=[1, np.int64(2)], loss=lambda p: (p[0] - p[1]) ** 2), SGD(0.25), epochs=1)
    # Gradients -2 and 2: a quarter of each moves both to the middle.
    assert [float(leaf) for leaf in run.last] == [1.5, 1.5]
    assert {leaf.dtype for leaf in run.last} == {jnp.dtype("float32")}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_parameters_keep_their_dtype(dtype):
    run = fit(Problem(init=jnp.ones(3, dtype), loss=lambda w: jnp.sum(w.astype(jnp.float32) ** 2)), epochs=2)
    assert (run.last.dtype, run.parameters.dtype) == (jnp.dtype(dtype),) * 2


def test_a_loss_without_data_is_one_row_and_one_step_an_epoch():
    instance = only(Problem(init=np.float32(2.0), loss=lambda x: x**2))
    assert (instance.rows, instance.train, instance.validation) == (1, (), None)
    run = fit(Problem(init=np.float32(2.0), loss=lambda x: x**2), SGD(0.25), epochs=3, patience=None)
    assert float(run.last) == 2.0 * 0.5**3
    assert run.steps == 3


def test_data_are_any_tree_of_arrays_with_rows_first():
    data = {"x": X, "more": [Y, (Y.astype(np.int32), np.zeros((6, 2, 2)))]}
    instance = only(Problem(init=np.ones(2, np.float32), loss=lambda w, b: line(w, (b["x"], b["more"][0])), data=data))
    assert instance.rows == 6
    assert float(instance.loss(jnp.ones(2), instance.train)) == pytest.approx(((X.sum(1) - Y) ** 2).mean())


def test_a_network_in_the_form_of_other_libraries_is_a_few_lines():
    # Nested dictionaries under "params", an apply function and a batch that is a dictionary, as Flax has them.
    def apply(variables, x):
        hidden = x
        for name in sorted(variables["params"]):
            layer = variables["params"][name]
            hidden = jnp.tanh(hidden) @ layer["kernel"] + layer["bias"]
        return hidden

    def init(key):
        first, second = jax.random.split(key)
        return {
            "params": {
                "Dense_0": {"kernel": 0.5 * jax.random.normal(first, (2, 4)), "bias": jnp.zeros(4)},
                "Dense_1": {"kernel": 0.5 * jax.random.normal(second, (4, 1)), "bias": jnp.zeros(1)},
            }
        }

    problem = Problem(
        init=init,
        loss=lambda v, batch: jnp.mean((apply(v, batch["x"])[:, 0] - batch["y"]) ** 2),
        data={"x": X / 12, "y": Y / 6},
        validation={"x": X[:2] / 12, "y": Y[:2] / 6},
        name="flax-like",
    )
    run = fit(problem, SGD(0.1), epochs=40, batch_size=3, patience=None)
    instance = only(problem)
    assert jax.tree.structure(run.parameters) == jax.tree.structure(init(jax.random.key(0)))
    assert float(instance.loss(run.parameters, instance.validation)) == pytest.approx(run.best_loss, rel=1e-5)
    assert run.best_loss < 0.5 * run.curves["validation_loss"][0]
    assert "on flax-like, seed 0" in repr(run)


def test_the_same_problem_for_every_seed():
    first, second = Problem(init=np.ones(2), loss=line, data=(X, Y)).instances([0, 5])
    assert first is second


OK = {"init": np.ones(2, np.float32), "loss": line, "data": (X, Y)}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"data": (X, Y[:5])}, r"^The arrays of data must have the same number of rows, .* received \[5, 6\]\."),
        ({"validation": (X, Y[:5])}, r"^The arrays of validation must have the same number .* received \[5, 6\]\."),
        ({"data": (X[:0], Y[:0])}, r"^The arrays of data must have .* at least one; received \[0\]\."),
        ({"data": (X, np.float32(1.0))}, r"^The arrays of data must have .* received \[0, 6\]\."),
        ({"data": ()}, r"^The arrays of data must have .* received \[\]\."),
        ({"loss": lambda w, batch: w}, r"^The loss must return one real number; it returned .*shape=\(2,\).* Take its"),
        ({"loss": lambda w, batch: (w.sum(), {})}, r"^The loss must return one real number; it returned \("),
        ({"loss": lambda w, batch: jnp.argmax(w)}, r"^The loss must return one real number; it returned .*int32"),
        ({"loss": lambda w, batch: w.sum() + 0j}, r"^The loss must return one real number; it returned .*complex64"),
        ({"init": lambda key: jnp.array([1, 2])}, r"^Parameters must be .*floating-point numbers; received int32"),
        ({"init": np.array([1j, 2])}, r"^Parameters must be .*floating-point numbers; received complex128"),
        ({"init": np.array(["one", "two"])}, r"^Parameters must be .*floating-point numbers; received U3"),
        ({"init": {}}, r"^Parameters must be .*floating-point numbers; received none"),
    ],
)
def test_what_cannot_be_minimised_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        Problem(**OK | given)


def test_validation_without_data_is_refused():
    with pytest.raises(InputError, match=r"^A problem without data cannot have validation data"):
        Problem(init=np.ones(2), loss=lambda w: w.sum(), validation=(X, Y))


def test_an_error_inside_the_loss_is_the_users_own():
    def broken(w, batch):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        Problem(**OK | {"loss": broken})
