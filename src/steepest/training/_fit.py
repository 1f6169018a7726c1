"""Train: the compiled loop, called a block of epochs at a time so that a person can watch and stop it."""

import functools
import time
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import InputError
from ..optimizer import Adam, Optimizer, OptimizerState
from ..optimizer import optimizer as named
from ..problems import Instance, Minimised, check_minimised, start
from ..rules import Rule
from ._loop import DIVERGED as DIVERGED_CODE
from ._loop import RUNNING, Parts, Patience, begin, first_losses, train_epochs
from ._loop import STOPPED as STOPPED_CODE
from ._observer import Observer
from ._run import DIVERGED, INTERRUPTED, OK, STOPPED, Run, curves_table
from ._sampling import Sampling, minibatches, steps_per_epoch
from ._settings import Settings

# What one call of the compiled loop is given, whatever the number of epochs, so that it compiles once: at most so many
# row numbers (4 MB of int32), steps (about a tenth of a second of a small network) and operations (a second or so of a
# large one, since nobody can interrupt a call), but at least an epoch.
_CALL_ROWS = 2**20
_CALL_STEPS = 4096
_CALL_OPERATIONS = 3e10
# The training loss before the first step only begins a curve and tells when a run has diverged: so many rows do.
_FIRST_ROWS = 2048
# What fits the int32 that JAX makes of it.
_LARGEST_SEED = 2**31 - 1
# A person who watches hears of a run about this often.
WATCH_SECONDS = 0.5

Watch = Callable[[int, float, float], bool]  # (epoch, train loss, watched loss) -> go on?


def fit(
    problem: Minimised,
    optimizer: Optimizer | Rule | str | None = None,
    *,
    epochs: int = 100,
    batch_size: int | Literal["all"] | None = None,
    patience: int | None = 10,
    sampling: Sampling = "shuffled",
    seed: int = 0,
    start: Any = None,
    watch: Watch | None = None,
) -> Run:
    """Minimise a problem with an optimizer: Adam if none is given, a rule or a name for one at its usual rate.

    epochs, batch_size, patience, sampling: as in ``Settings``.  seed: fixes the split, the start and the minibatches.
    start: parameters to begin with in place of fresh ones, such as another run's ``last``: a warm start.
    watch: called every half second or so with the epoch, the training and the watched loss; the run ends, interrupted,
    when it returns False.
    A diverged run is returned like any other, with that status. Raises InputError for numbers out of range, where
    the batch is larger than the data, and for a start that is not shaped like the problem's own.

    >>> import jax.numpy as jnp
    >>> from steepest.problems import Problem
    >>> bowl = Problem(init=jnp.array([1.0, 2.0]), loss=lambda x: jnp.sum(x**2))
    >>> fit(bowl, Adam(learning_rate=0.1), epochs=200, patience=None).best_loss < 1e-6
    True
    """
    check_minimised(problem)
    settings = Settings(epochs, batch_size, patience, sampling=sampling)
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or not 0 <= seed <= _LARGEST_SEED:
        raise InputError(f"seed must be a whole number from 0 to {_LARGEST_SEED}; received {seed!r}. Try 0.")
    (instance,) = problem.instances([seed])
    chosen = optimizer or Adam()
    if not isinstance(chosen, Optimizer):
        chosen = named(chosen)
    return fit_instance(problem, instance, chosen, settings, seed=int(seed), warm=start, watch=watch)


def fit_instance(
    problem: Minimised,
    instance: Instance,
    optimizer: Optimizer,
    settings: Settings,
    *,
    seed: int,
    warm: Any = None,
    watch: Watch | None = None,
    watch_seconds: float = WATCH_SECONDS,
) -> Run:
    """``fit`` for a problem whose instance at this seed is at hand.

    warm: the ``start`` of ``fit``.
    watch_seconds: about how often to call *watch*; infinity for as seldom as the compiled loop returns anyway.
    """
    training = Training(problem, instance, optimizer, settings, seed=seed, warm=warm)
    training.go(settings.epochs, watch, watch_seconds)
    return training.run()


class Training:
    """A run under way: it can be left after any epoch and gone on with, and ends as if it had not been left.

    warm: parameters to begin with in place of fresh ones.  observer: looks on at every step; ``observed`` has what it
    told.
    """

    def __init__(
        self,
        problem: Minimised,
        instance: Instance,
        optimizer: Optimizer,
        settings: Settings,
        *,
        seed: int,
        warm: Any = None,
        observer: Observer | None = None,
    ):
        started = time.perf_counter()
        self._problem, self._instance, self._optimizer = problem, instance, optimizer
        self._settings, self._seed, self._going = settings, seed, True
        self._warm, self._observer, self._told = warm, observer, list[Any]()
        parameters, key = _start(seed, init=instance.init)
        if warm is not None:
            parameters = _as_start(warm, parameters)
        parts = Parts(instance.train, instance.validation)
        first = np.array(_first_losses(parameters, parts, _some_rows(instance), loss=instance.loss))
        self._progress = begin(parameters, optimizer.init(parameters, key), first, observer)
        self._curves = [first.astype(np.float64).reshape(2, 1)]
        self.epoch = 0
        self._seconds = time.perf_counter() - started

    @property
    def seed(self) -> int:
        """Of the run."""
        return self._seed

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do: all epochs run, stopped early, diverged, or ended by a watch."""
        settled = int(self._progress.status) != RUNNING
        return settled or self.epoch >= self._settings.epochs or not self._going

    @property
    def watched(self) -> np.ndarray:
        """The watched loss by epoch so far, from before the first step: (epochs + 1,)."""
        return np.concatenate(self._curves, axis=1)[1]

    def go(self, until: int, watch: Watch | None = None, watch_seconds: float = np.inf) -> None:
        """Train until that epoch, or the end.

        watch, watch_seconds: as in ``fit_instance``.
        """
        started = time.perf_counter()
        instance, settings = self._instance, self._settings
        batch_size = settings.batch_size_for(instance.rows)
        parts = Parts(instance.train, instance.validation)
        patience = Patience(settings.patience_epochs, settings.least_improvement)
        size = sum(leaf.size for leaf in jax.tree.leaves(self._progress.parameters))
        most = _epochs_a_call(instance.rows, batch_size, size)
        epochs = 1 if watch and watch_seconds < np.inf else most
        while not self.ended and self.epoch < until:
            called = time.perf_counter()
            epochs = min(epochs, until - self.epoch)
            wanted = min(most, settings.epochs - self.epoch)
            first = self.epoch
            rows = _minibatches(
                instance.rows, batch_size, settings.sampling, seed=self._seed, first=first, epochs=wanted, room=most
            )
            self._progress, losses, told = _train(
                self._progress, self._optimizer, parts, rows, epochs, patience=patience, loss=instance.loss,
                observer=self._observer,
            )  # fmt: skip
            ran = int(self._progress.epoch) - self.epoch
            self._told.append(jax.tree.map(lambda one, ran=ran: np.asarray(one[:ran]), told))
            self._curves.append(np.asarray(losses, np.float64)[:, :ran])
            self.epoch += ran
            if int(self._progress.status) != RUNNING:
                break
            self._going = watch is None or watch(self.epoch, *self._curves[-1][:, -1])
            epochs = int(np.clip(watch_seconds * ran / (time.perf_counter() - called), 1, most))
        self._seconds += time.perf_counter() - started

    @property
    def observed(self) -> Any:
        """What the observer told of every step so far, arrays (steps, ...); None where there is none, or no step."""
        if self._observer is None or not self._told:
            return None
        return jax.tree.map(lambda *parts: np.concatenate(parts).reshape(-1, *parts[0].shape[2:]), *self._told)

    def forget_observed(self) -> None:
        """Let go of what the observer told so far: of a long run it may be more than fits."""
        self._told.clear()

    @property
    def parameters(self) -> Any:
        """Where it stands. The next ``go`` writes over them."""
        return self._progress.parameters

    @property
    def state(self) -> OptimizerState:
        """The optimizer's state. The next ``go`` writes over it."""
        return self._progress.optimizer

    @property
    def size(self) -> int:
        """Bytes that it holds on to while it is left."""
        return sum(leaf.nbytes for leaf in jax.tree.leaves(self._progress))

    def run(self, status: str | None = None) -> Run:
        """The run as it stands.

        status: how it ended, where that was not the training's own doing.
        """
        losses, progress = np.concatenate(self._curves, axis=1), self._progress
        interrupted = not self._going and losses.shape[1] <= self._settings.epochs
        steps = steps_per_epoch(self._instance.rows, self._settings.batch_size_for(self._instance.rows))
        return Run(
            problem=self._problem,
            optimizer=self._optimizer,
            settings=self._settings,
            seed=self._seed,
            status=status or (INTERRUPTED if interrupted else _STATUS[int(progress.status)]),
            parameters=progress.best,
            last=progress.parameters,
            curves=curves_table(losses, steps),
            best_epoch=int(progress.best_epoch),
            best_loss=float(progress.best_loss),
            steps=int(progress.optimizer.t),
            seconds=self._seconds,
            warm=self._warm,
        )


def _as_start(warm: Any, fresh: Any) -> Any:
    """Parameters to begin with, of the dtypes of fresh ones; InputError where they are not shaped like them."""
    given, wanted = (jax.tree.map(jnp.shape, one) for one in (warm, fresh))
    if given != wanted:
        raise InputError(f"The start must be shaped like the problem's own, {wanted}; received {given}.")
    return jax.tree.map(lambda leaf, like: jnp.asarray(np.asarray(leaf), like.dtype), warm, fresh)


def _epochs_a_call(rows: int, batch_size: int, parameters: int) -> int:
    # A dense network multiplies and adds with each parameter once forward and twice backward, for each row.
    operations = 6 * parameters * batch_size
    longest = min(_CALL_STEPS, _CALL_ROWS // batch_size, _CALL_OPERATIONS / max(1, operations))
    return max(1, int(longest / steps_per_epoch(rows, batch_size)))


_start = jax.jit(lambda seed, init: start(init, seed), static_argnames="init")
_first_losses = jax.jit(first_losses, static_argnames="loss")


def _some_rows(instance: Instance) -> np.ndarray | None:
    """Evenly spaced training rows whose loss stands for that of all before the first step; None for all of them."""
    if instance.rows <= _FIRST_ROWS or instance.validation is None:
        return None
    return np.linspace(0, instance.rows - 1, _FIRST_ROWS).astype(np.int32)


# LLVM vectorises for 256 bits unless told otherwise, even where registers hold 512: a twelfth of a small step's time.
_CPU_OPTIONS = {"xla_cpu_prefer_vector_width": 512}
_train = jax.jit(
    train_epochs, static_argnames=("loss", "observer"), donate_argnames="progress", compiler_options=_CPU_OPTIONS
)

_STATUS = {RUNNING: OK, STOPPED_CODE: STOPPED, DIVERGED_CODE: DIVERGED}


@functools.lru_cache(maxsize=32)
def _minibatches(
    rows: int, batch_size: int, sampling: Sampling, *, seed: int, first: int, epochs: int, room: int
) -> jax.Array:
    """Minibatches of some epochs, on the device; the runs of a race that share a seed share them.

    room: epochs of the array, which is zero beyond those drawn, so that what takes it compiles once.
    """
    drawn = minibatches(rows, batch_size, seed=seed, first_epoch=first, epochs=epochs, sampling=sampling)
    return jnp.asarray(np.pad(drawn, ((0, room - epochs), (0, 0), (0, 0))))
