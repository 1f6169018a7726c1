"""The same training in every library: a ReLU network on a table in memory, minibatches in shuffled epochs.

Each function makes a contestant of a Job: a callable that trains for the job's epochs and returns how many steps it
took. Each does what its own documentation recommends on a CPU, and keeps the threads it comes with:

- Keras: ``model.fit`` on arrays, jit_compile as it comes (on with JAX), no progress bar, no metric besides the loss;
  tuned, ``steps_per_execution=32`` takes the callbacks out of all but every 32nd step.
- torch: the rows of an epoch are shuffled at once and cut into views, which spares a DataLoader's work for each row;
  gradients are set to None; Adam's plain, foreach and fused forms are timed and the fastest is used.
  Compiled: one function with forward pass, backward pass and optimizer step under ``torch.compile``.
- scikit-learn: float32 data, which it then trains in; stopping switched off, since it would end the job early.
- optax: one jitted step that gathers its minibatch, gives its buffers back to the next one, and never waits for the
  device before the end.

Every job has whole minibatches only, so nobody compiles a second program for a smaller last one.
"""

import functools
import itertools
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Train = Callable[[], int]  # does the whole job; returns its steps
Make = Callable[..., Train]


@dataclass(frozen=True, eq=False)
class Job:
    """x: (rows, inputs) float32.  y: (rows,) class codes, int32.  hidden: units a layer.  optimizer: its usual name."""

    x: np.ndarray
    y: np.ndarray
    hidden: tuple[int, ...]
    batch_size: int
    epochs: int
    optimizer: str = "adam"

    def __post_init__(self) -> None:
        assert len(self.x) % self.batch_size == 0, "a job has whole minibatches only"

    @property
    def steps(self) -> int:
        """Steps of the whole job."""
        return self.epochs * len(self.x) // self.batch_size

    @property
    def classes(self) -> int:
        """Output units."""
        return int(self.y.max()) + 1


# Each optimizer as steepest, Keras, torch and optax name it, and the settings by which the last three mean it.
_NAMES: dict[str, tuple[str, str, str, str, dict[str, Any]]] = {
    "sgd": ("SGD", "SGD", "SGD", "sgd", {}),
    "momentum": ("Momentum", "SGD", "SGD", "sgd", {"momentum": 0.9}),
    "nesterov": ("Nesterov", "SGD", "SGD", "sgd", {"momentum": 0.9, "nesterov": True}),
    "adagrad": ("Adagrad", "Adagrad", "Adagrad", "adagrad", {}),
    "rmsprop": ("RMSProp", "RMSprop", "RMSprop", "rmsprop", {}),
    "adadelta": ("Adadelta", "Adadelta", "Adadelta", "adadelta", {}),
    "adam": ("Adam", "Adam", "Adam", "adam", {}),
    "adamax": ("Adamax", "Adamax", "Adamax", "adamax", {}),
    "nadam": ("Nadam", "Nadam", "NAdam", "nadam", {}),
}
_LIBRARIES = ("steepest", "keras", "torch", "optax")
# scikit-learn has four of them.
_SKLEARN: dict[str, dict[str, Any]] = {
    "sgd": {"solver": "sgd", "momentum": 0.0},
    "momentum": {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": False},
    "nesterov": {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": True},
    "adam": {"solver": "adam"},
}

# The rate at which every optimizer is timed: small enough that none of the nine diverges, which would end a job early.
LEARNING_RATE = 1e-3


def steepest(job: Job, *, validation: tuple[np.ndarray, np.ndarray] | None = None) -> Train:
    """steepest through its public API, each job from another start with other minibatches.

    validation: what is watched after each epoch, (x, y); None for the whole training data, as steepest does by itself.
    """
    import jax.numpy as jnp

    import steepest as st

    network = st.Network(hidden=job.hidden)

    def init(key: Any) -> Any:
        return network.init(key, job.x.shape[1], job.classes)

    def loss(parameters: Any, batch: Any) -> Any:
        x, y = batch
        return jnp.mean(st.losses.cross_entropy(network.apply(parameters, x), y))

    problem = st.Problem(init, loss, (job.x, job.y), validation)
    optimizer = _made(st, "steepest", job, learning_rate=LEARNING_RATE)
    seeds = itertools.count()  # a seed seen before would find its minibatches drawn already

    def train() -> int:
        settings = {"epochs": job.epochs, "batch_size": job.batch_size, "patience": None}
        run = st.fit(problem, optimizer, **settings, seed=next(seeds))
        assert run.steps == job.steps, run
        return run.steps

    return train


def keras(job: Job, *, steps_per_execution: int = 1) -> Train:
    """Keras 3 on its JAX backend: ``model.fit``."""
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    model = keras.Sequential(
        [
            keras.Input(job.x.shape[1:]),
            *(keras.layers.Dense(units, activation="relu") for units in job.hidden),
            keras.layers.Dense(job.classes),
        ]
    )
    model.compile(
        optimizer=_made(keras.optimizers, "keras", job, learning_rate=LEARNING_RATE),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        steps_per_execution=steps_per_execution,
    )

    def train() -> int:
        model.fit(job.x, job.y, batch_size=job.batch_size, epochs=job.epochs, verbose=0)
        return job.steps

    return train


def torch(job: Job, *, compiled: bool = False, threads: int | None = None) -> Train:
    """torch, eager or with the whole step compiled; Adam in the fastest of its forms when eager.

    threads: None for as many as torch takes by itself.
    """
    import torch

    if threads:
        torch.set_num_threads(threads)

    x, y = torch.from_numpy(job.x), torch.from_numpy(job.y).long()

    def stepper(**form: bool) -> Callable[[Any, Any], None]:
        units = (job.x.shape[1], *job.hidden)
        layers = [layer for pair in itertools.pairwise(units) for layer in (torch.nn.Linear(*pair), torch.nn.ReLU())]
        model = torch.nn.Sequential(*layers, torch.nn.Linear(units[-1], job.classes))
        optimizer = _made(torch.optim, "torch", job, model.parameters(), lr=LEARNING_RATE, **form)

        def step(x: Any, y: Any) -> None:
            optimizer.zero_grad(set_to_none=True)
            torch.nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()

        return torch.compile(step) if compiled else step

    def run(step: Callable[[Any, Any], None], epochs: int) -> int:
        for _ in range(epochs):
            order = torch.randperm(len(x))
            for batch in zip(x[order].split(job.batch_size), y[order].split(job.batch_size), strict=True):
                step(*batch)
        return epochs * len(x) // job.batch_size

    forms = [{}] if compiled or job.optimizer != "adam" else [{}, {"foreach": True}, {"fused": True}]
    steps = [stepper(**form) for form in forms]
    fastest = steps[0] if len(steps) == 1 else min(steps, key=lambda step: _seconds(lambda: run(step, 1)))
    return lambda: run(fastest, job.epochs)


def sklearn(job: Job) -> Train:
    """scikit-learn's MLPClassifier, its own solvers, told to take every step."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    def train() -> int:
        model = MLPClassifier(
            job.hidden,
            **_SKLEARN[job.optimizer],
            learning_rate_init=LEARNING_RATE,
            alpha=0.0,
            batch_size=job.batch_size,
            max_iter=job.epochs,
            tol=0.0,
            n_iter_no_change=10**6,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # all its steps are wanted, converged or not
            model.fit(job.x, job.y)
        return model.n_iter_ * len(job.x) // job.batch_size

    return train


def optax(job: Job) -> Train:
    """optax with one jitted step in a Python loop."""
    import jax
    import jax.numpy as jnp
    import optax

    import steepest as st

    network = st.Network(hidden=job.hidden)
    optimizer = _made(optax, "optax", job, learning_rate=LEARNING_RATE)
    data = jnp.asarray(job.x), jnp.asarray(job.y)
    parameters = network.init(jax.random.key(0), job.x.shape[1], job.classes)
    state = optimizer.init(parameters)
    random = np.random.default_rng(0)

    def loss(parameters: Any, x: Any, y: Any) -> Any:
        return optax.softmax_cross_entropy_with_integer_labels(network.apply(parameters, x), y).mean()

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(parameters: Any, state: Any, data: Any, rows: Any) -> tuple:
        value, gradients = jax.value_and_grad(loss)(parameters, data[0][rows], data[1][rows])
        updates, state = optimizer.update(gradients, state, parameters)
        return optax.apply_updates(parameters, updates), state, value

    def train() -> int:
        nonlocal parameters, state
        for _ in range(job.epochs):
            for rows in random.permutation(len(job.x)).astype(np.int32).reshape(-1, job.batch_size):
                parameters, state, _ = step(parameters, state, data, rows)
        jax.block_until_ready(parameters)
        return job.steps

    return train


def optimizers_of(library: str) -> list[str]:
    """The optimizers that a library has, by steepest's names."""
    return list(_SKLEARN if library == "sklearn" else _NAMES)


def _made(module: Any, library: str, job: Job, *positional: Any, **settings: Any) -> Any:
    """The job's optimizer as a library makes it."""
    column = _LIBRARIES.index(library)
    own = {} if library == "steepest" else _NAMES[job.optimizer][-1]
    return getattr(module, _NAMES[job.optimizer][column])(*positional, **settings, **own)


def _seconds(work: Callable[[], object]) -> float:
    """How long *work* takes when it is warm."""
    work()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
