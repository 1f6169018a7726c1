"""The compiled loop: minibatch steps, an evaluation after each epoch, early stopping, in one program.

A call trains for up to as many epochs as it is given minibatches for. Everything that is a number (learning rate,
other hyperparameters, patience, how many epochs) is an argument, so one program serves every run of the same shape.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..optimizer import Optimizer, OptimizerState
from ..problems import Loss
from ._gather import gathered, minibatch_of, room_for, rows_of, steps_a_block
from ._observer import Moved, Observer

RUNNING, STOPPED, DIVERGED = 0, 1, 2

# An epoch whose mean loss exceeds the loss before training this many times over will not come back.
DIVERGENCE_FACTOR = 1e3


class Progress(NamedTuple):
    """Where a run stands between two epochs.

    best, best_loss, best_epoch: the parameters with the lowest watched loss so far, that loss, and when.
    first_loss: the training loss before the first step.  waited: epochs since the best one.  status: a code above.
    observed: what an observer of the steps carries from one to the next; nothing without one.
    """

    parameters: Any
    optimizer: OptimizerState
    best: Any
    best_loss: jax.Array
    best_epoch: jax.Array
    first_loss: jax.Array
    epoch: jax.Array
    waited: jax.Array
    status: jax.Array
    observed: Any = ()


class Patience(NamedTuple):
    """Stop after *epochs* epochs in which the watched loss did not fall by *least* (relative to its best)."""

    epochs: float
    least: float


class Parts(NamedTuple):
    """The rows to learn from, and those to watch: the validation part, or None to watch the training part."""

    train: Any
    validation: Any

    @property
    def watched(self) -> Any:
        """The part whose loss decides which parameters are best."""
        return self.train if self.validation is None else self.validation


def first_losses(
    parameters: Any, parts: Parts, rows: jax.Array | None = None, *, loss: Loss
) -> tuple[jax.Array, jax.Array]:
    """The losses (train, watched) before the first step.

    rows: numbers of the training rows to look at; None for all.
    """
    first = loss(parameters, parts.train if rows is None else rows_of(parts.train, rows))
    return first, first if parts.validation is None else loss(parameters, parts.validation)


def begin(parameters: Any, state: OptimizerState, losses: np.ndarray, observer: Observer | None = None) -> Progress:
    """Progress before the first step, at these losses (train, watched).

    Every field has a buffer of its own, since the compiled loop writes its result over what it is given. All are copied
    by way of NumPy, which compiles nothing.
    """
    first, watched = losses
    status = RUNNING if np.isfinite(losses).all() else DIVERGED
    return Progress(
        parameters=parameters,
        optimizer=state,
        best=jax.tree.map(_copy, parameters),
        best_loss=_copy(watched),
        best_epoch=_copy(np.int32(0)),
        first_loss=_copy(first),
        epoch=_copy(np.int32(0)),
        waited=_copy(np.int32(0)),
        status=_copy(np.int32(status)),
        observed=() if observer is None else jax.tree.map(_copy, observer.begin(parameters)),
    )


def _copy(array: Any) -> jax.Array:
    return jnp.array(np.asarray(array))


def train_epochs(
    progress: Progress,
    optimizer: Optimizer,
    parts: Parts,
    minibatches: jax.Array,
    epochs: jax.Array,
    *,
    patience: Patience,
    loss: Loss,
    observer: Observer | None = None,
) -> tuple[Progress, tuple[jax.Array, jax.Array], Any]:
    """Train for *epochs* epochs, fewer when the run stops early or diverges.

    minibatches: row numbers (at least *epochs*, steps, batch size).  loss: ``loss(parameters, batch)``, a mean.
    Returns the progress, the losses (train, validation) of each epoch, NaN for those not run, and what the observer
    told of every step, arrays (epochs, steps, ...), zero for those not run; the training loss is the mean over the
    epoch's minibatches, the validation loss that of the whole part at the epoch's end (of the training part where there
    is no validation part).
    """

    def going(carry: tuple) -> jax.Array:
        progress, done, _, _ = carry
        return (done < epochs) & (progress.status == RUNNING)

    def epoch(carry: tuple) -> tuple:
        progress, done, curves, told = carry
        blank = jax.tree.map(lambda held: jnp.zeros(held.shape[1:], held.dtype), told)
        progress, losses, rows = _epoch(
            progress, optimizer, parts, minibatches[done], blank, patience=patience, loss=loss, observer=observer
        )
        curves = tuple(curve.at[done].set(value) for curve, value in zip(curves, losses, strict=True))
        return progress, done + 1, curves, _put(told, done, rows)

    blank = jnp.full(minibatches.shape[0], jnp.nan, progress.first_loss.dtype)
    row = _row(progress, parts, minibatches[0, 0], optimizer, loss=loss, observer=observer)
    told = jax.tree.map(lambda one: jnp.zeros((*minibatches.shape[:2], *one.shape), one.dtype), row)
    progress, _, curves, told = jax.lax.while_loop(going, epoch, (progress, 0, (blank, blank), told))
    return progress, curves, told


def _row(
    progress: Progress, parts: Parts, rows: jax.Array, optimizer: Optimizer, *, loss: Loss, observer: Observer | None
) -> Any:
    """The shapes of what an observer tells of a step; of nothing where there is none."""
    if observer is None:
        return ()
    batch = jax.eval_shape(rows_of, parts.train, rows)
    at = progress.parameters, progress.optimizer, progress.observed
    return jax.eval_shape(lambda at, batch: step(at, batch, optimizer, loss, observer)[2], at, batch)


def _put(held: Any, number: jax.Array, new: Any) -> Any:
    """Write a row into each array of a tree."""
    return jax.tree.map(lambda array, row: array.at[number].set(row), held, new)


def _epoch(
    progress: Progress,
    optimizer: Optimizer,
    parts: Parts,
    rows: jax.Array,
    blank: Any,
    *,
    patience: Patience,
    loss: Loss,
    observer: Observer | None,
) -> tuple[Progress, tuple[jax.Array, jax.Array], Any]:
    """An epoch.  blank: room for what the observer tells of its steps."""
    steps, size = rows.shape
    block = steps_a_block(parts.train, steps, size)
    blocks = -(-steps // block)
    dealt = jnp.pad(rows, ((0, blocks * block - steps), (0, 0))).reshape(blocks, block * size)

    def one_step(at: tuple, batch: Any, number: jax.Array) -> tuple:
        moved, batch_losses, told = at
        moved, value, row = step(moved, batch, optimizer, loss, observer)
        return moved, batch_losses.at[number].set(value), _put(told, number, row)

    def one_block(number: jax.Array, at: tuple) -> tuple:
        *so_far, room = at
        if block == 1:  # a minibatch as large as a block is worth sharing out, and copied once
            return *one_step(tuple(so_far), rows_of(parts.train, dealt[number]), number), room
        room = gathered(room, parts.train, dealt[number])

        def one(place: jax.Array, at: tuple) -> tuple:
            return one_step(at, minibatch_of(room, parts.train, place, size), number * block + place)

        # A loop whose length is known before it runs need not ask after each step whether it has ended.
        here = block if steps % block == 0 else jnp.minimum(block, steps - number * block)
        return *jax.lax.fori_loop(0, here, one, tuple(so_far)), room

    begun = progress.parameters, progress.optimizer, progress.observed
    room = room_for(parts.train, block * size) if block > 1 else ()
    held = begun, jnp.zeros(steps, progress.first_loss.dtype), blank, room
    moved, batch_losses, told, _ = jax.lax.fori_loop(0, blocks, one_block, held)
    losses = (jnp.mean(batch_losses), loss(moved[0], parts.watched))
    return _judge(progress, moved, losses, patience), losses, told


def step(at: tuple, batch: Any, optimizer: Optimizer, loss: Loss, observer: Observer | None = None) -> tuple:
    """One step of the recipe: gradient of the loss on a minibatch, the rule, the move.

    at: the parameters, the optimizer's state and what the observer carries.
    Returns these after the step, the batch's loss before it, and what the observer tells of it.
    """
    parameters, state, observed = at
    point = optimizer.gradient_point(parameters, state)
    differentiate = jax.value_and_grad(loss) if observer is None else observer.gradient(loss)
    value, gradients, *aside = differentiate(point, batch)
    steps, state = optimizer.update(gradients, state, parameters)
    moved = jax.tree.map(lambda p, s: (p + s).astype(p.dtype), parameters, steps)
    if observer is None:
        return (moved, state, observed), value, ()
    observed, row = observer.see(observed, Moved(parameters, value, gradients, steps, *aside))
    return (moved, state, observed), value, row


def _judge(before: Progress, moved: tuple, losses: tuple[jax.Array, jax.Array], patience: Patience) -> Progress:
    """Keep the best parameters, count the wait, set the status."""
    (parameters, state, observed), (train_loss, watched) = moved, losses
    better = (watched < before.best_loss) & jnp.isfinite(watched)  # minus infinity is an overflow, not a minimum
    worth = watched < before.best_loss - patience.least * jnp.abs(before.best_loss)
    waited = jnp.where(worth, 0, before.waited + 1)
    lost = ~jnp.isfinite(train_loss) | ~jnp.isfinite(watched)
    lost |= train_loss > DIVERGENCE_FACTOR * jnp.maximum(jnp.abs(before.first_loss), 1e-3)
    status = jnp.where(lost, DIVERGED, jnp.where(waited >= patience.epochs, STOPPED, RUNNING)).astype(jnp.int32)
    return Progress(
        parameters,
        state,
        jax.tree.map(lambda new, old: jnp.where(better, new, old), parameters, before.best),
        jnp.where(better, watched, before.best_loss),
        jnp.where(better, before.epoch + 1, before.best_epoch),
        before.first_loss,
        before.epoch + 1,
        waited,
        status,
        observed,
    )
