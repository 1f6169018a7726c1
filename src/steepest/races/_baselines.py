"""How well a table is predicted without a network: by its mean, by a linear model, by gradient-boosted trees."""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from ..losses import LOSSES
from ..problems import Instance, Minimised, NetworkProblem
from ._plan import workers

MEAN, LINEAR, TREES = "mean predictor", "linear model", "gradient-boosted trees"
# The fewest seeds on which one of three can be told from the network after Holm: 3 * 2 / 2^7 = 0.047.
SEEDS = 7
# What bounds the cost of the linear model and the trees. A part of the training rows is drawn where there are more, or
# more of them times features times outputs; with more outputs, or features times outputs, the mean predictor is alone.
_MOST_ROWS = 20_000
# Rows on which it is estimated how long they take.
_TIMED_ROWS = 1000
_MOST_CELLS = 30_000_000
_MOST_OUTPUTS = 50
_MOST_WIDTH = 10_000
# Strengths of regularisation that the linear models choose from: of Ridge, and the inverse ones of LogisticRegression.
_ALPHAS = tuple(10.0**power for power in range(-3, 5))
_INVERSE = tuple(10.0**power for power in range(-2, 3))
_FOLDS = 3
# A tenth of fewer rows cannot tell when to stop: the trees then take no more rounds than scikit-learn's usual hundred.
_MANY_ROWS = 1000
_STOPPED_BY = 0.1


class Baseline(NamedTuple):
    """losses: on the validation part, by seed, as the problem reports them.  rows, of_rows: trained on, out of all."""

    losses: Mapping[int, float]
    rows: int
    of_rows: int

    @property
    def median(self) -> float:
        """Over the seeds."""
        return float(np.median(list(self.losses.values())))


class _Part(NamedTuple):
    """x: features as a network sees them (rows, features).  y: what it learns (rows,).  weights: of mean 1, or None."""

    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None


class _Task(NamedTuple):
    """One training.  outputs: a network's on this table: 1, or one a class beyond two."""

    train: _Part
    outputs: int
    classes: int  # 0 for a number to predict
    seed: int


def baselines(
    problem: Minimised, seeds: Sequence[int], *, instance: Callable[[int], Instance] | None = None
) -> dict[str, Baseline]:
    """The baselines by name, trained at each seed on the training rows, features and weights of its networks.

    instance: gives the problem at a seed, where somebody holds it already.
    Losses are the network's own, of the same validation rows, in the same unit. No baseline sees these rows before; the
    network's epoch is chosen on them. Each is computed on one core, seeds side by side: equal bit for bit each time.
    None for a problem that is not a table, or holds no rows back. The linear model and the trees are trained on at most
    20,000 rows (see the top of this file), and left out where classes or features are too many.
    """
    if not isinstance(problem, NetworkProblem) or not problem.validation:
        return {}
    instances = [instance(seed) if instance else problem.instances([seed])[0] for seed in seeds]
    with _quietly_on_one_core("blas"), ThreadPoolExecutor(workers()) as pool:
        found = list(pool.map(lambda one, seed: _at_seed(problem, one, seed), instances, seeds))
    made: dict[str, Baseline] = {}
    for name in found[0] if found else ():
        losses = {seed: own[name][0] for seed, own in zip(seeds, found, strict=True)}
        made[name] = Baseline(losses, found[0][name][1], instances[0].rows)
    return made


def seconds_of_baselines(problem: Minimised, instance: Instance, seed: int) -> float:
    """About how long they take a seed, from how long on a part of the rows; side by side seeds gain next to nothing."""
    if not isinstance(problem, NetworkProblem) or not problem.validation:
        return 0.0
    from sklearn import ensemble, linear_model  # noqa: F401 - not to be timed

    with _quietly_on_one_core("blas"):
        began = time.perf_counter()
        found = _at_seed(problem, instance, seed, _TIMED_ROWS)
        took = time.perf_counter() - began
    used = min(rows for _, rows in found.values())
    width = np.shape(instance.train[0])[1] * problem.outputs
    return took * max(1.0, min(instance.rows, _fit_for(width)) / used)


@contextmanager
def _quietly_on_one_core(what: str) -> Iterator[None]:
    """One thread for linear algebra ("blas", the whole process) or for trees ("openmp", of the calling thread).

    Threads add up in the order in which they end, and round differently each time. Warnings, such as of a linear model
    that would gain in its sixth digit, are nothing to act on.
    """
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(), threadpool_limits(1, user_api=what):
        warnings.simplefilter("ignore")
        yield


def _at_seed(
    problem: NetworkProblem, instance: Instance, seed: int, most: int = _MOST_ROWS
) -> dict[str, tuple[float, int]]:
    """Each baseline's loss at a seed, and how many rows it was trained on, *most* of them at most."""
    from threadpoolctl import threadpool_limits

    train, validation = _part(instance.train), _part(instance.validation)
    every = _Task(train, problem.outputs, len(problem.table.classes), seed)
    some = every._replace(train=_drawn(every, most))
    width = train.x.shape[1] * problem.outputs
    tasks: dict[str, tuple[Callable[[_Task, np.ndarray], np.ndarray], _Task]] = {MEAN: (_mean, every)}
    if problem.outputs <= _MOST_OUTPUTS and width <= _MOST_WIDTH:
        tasks |= {LINEAR: (_linear, some), TREES: (_trees, some)}
    with threadpool_limits(1, user_api="openmp"):  # of this thread only
        outputs = {name: predict(task, validation.x) for name, (predict, task) in tasks.items()}
    return {
        name: (_loss(problem, outputs[name], validation, seed), len(task.train.y)) for name, (_, task) in tasks.items()
    }


def _part(arrays: Sequence[Any]) -> _Part:
    x, y, *weights = (np.asarray(array) for array in arrays)
    return _Part(x.astype(np.float64), y, weights[0].astype(np.float64) if weights else None)


def _drawn(task: _Task, most: int) -> _Part:
    """The training rows, or as many as there may be, drawn at random and of every class at least one."""
    train, width = task.train, task.train.x.shape[1] * task.outputs
    most = min(most, _fit_for(width))
    if len(train.y) <= most:
        return train
    order = np.random.default_rng(task.seed).permutation(len(train.y))
    first = np.unique(train.y[order], return_index=True)[1] if task.classes else np.arange(0)
    kept = np.sort(np.concatenate([order[first], np.delete(order, first)])[:most])
    return _Part(train.x[kept], train.y[kept], None if train.weights is None else train.weights[kept])


def _fit_for(width: int) -> int:
    """Rows that the linear model and the trees are trained on at most, of so many features times outputs."""
    return max(1, min(_MOST_ROWS, _MOST_CELLS // width))


def _loss(problem: NetworkProblem, outputs: np.ndarray, part: _Part, seed: int) -> float:
    """The loss of outputs like a network's, as the problem reports it."""
    losses = np.asarray(LOSSES[problem.loss](jnp.asarray(outputs, jnp.float32), jnp.asarray(part.y)), np.float64)
    return float(problem.reported(np.average(losses, weights=part.weights), seed))


def _mean(task: _Task, x: np.ndarray) -> np.ndarray:
    """The mean of the training rows, or the frequencies of their classes, as outputs (rows, outputs)."""
    y, weights = task.train.y, task.train.weights
    if not task.classes:
        return np.full((len(x), 1), np.average(y, weights=weights))
    counts = np.bincount(y, weights, minlength=task.classes)
    logs = np.log(np.maximum(counts / counts.sum(), np.finfo(np.float32).tiny))  # a class may have no weight at all
    logits = logs if task.outputs > 1 else logs[1:] - logs[0]
    return np.tile(logits, (len(x), 1))


def _linear(task: _Task, x: np.ndarray) -> np.ndarray:
    """Ridge or logistic regression, its strength chosen by cross-validation within the training rows."""
    from sklearn import linear_model

    if not task.classes:
        model = linear_model.RidgeCV(_ALPHAS)
    elif _rarest(task) >= _FOLDS:
        model = linear_model.LogisticRegressionCV(
            Cs=_INVERSE, l1_ratios=(0.0,), cv=_FOLDS, scoring="neg_log_loss", max_iter=200, use_legacy_attributes=False
        )
    else:
        model = linear_model.LogisticRegression(max_iter=200)
    return _outputs(model.fit(task.train.x, task.train.y, sample_weight=task.train.weights), x)


def _trees(task: _Task, x: np.ndarray) -> np.ndarray:
    """Gradient-boosted trees that stop when a tenth of the training rows, held back, gains no more.

    Where not every class has a row on either side, they take the usual hundred rounds. Where every round has a tree for
    each class, these are small, and on many rows their steps twice the usual: on digits as good in a third of the time.
    """
    from sklearn import ensemble

    rows, several = len(task.train.y), task.outputs > 1
    stops = not task.classes or (_rarest(task) >= 2 and rows * _STOPPED_BY >= task.classes)
    asked = {
        "early_stopping": stops,
        "validation_fraction": _STOPPED_BY,
        "max_iter": 300 if stops and rows >= _MANY_ROWS else 100,
        "learning_rate": 0.2 if several and rows >= _MANY_ROWS else 0.1,
        "random_state": task.seed,
        **({"max_leaf_nodes": 8, "max_bins": 64} if several else {}),
    }
    kind = ensemble.HistGradientBoostingClassifier if task.classes else ensemble.HistGradientBoostingRegressor
    return _outputs(kind(**asked).fit(task.train.x, task.train.y, sample_weight=task.train.weights), x)


def _rarest(task: _Task) -> int:
    return int(np.bincount(task.train.y, minlength=task.classes).min())


def _outputs(model: Any, x: np.ndarray) -> np.ndarray:
    """What a network would give: numbers, or logits, which no probability of one can saturate; (rows, outputs)."""
    told = model.decision_function(x) if hasattr(model, "decision_function") else model.predict(x)
    return np.asarray(told, np.float64).reshape(len(x), -1)
