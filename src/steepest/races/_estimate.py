"""How long a race takes at most, reckoned from a second or two of it."""

import dataclasses
from typing import NamedTuple

from ..problems import Minimised
from ..training import Run, fit_instance, steps_per_epoch
from ._baselines import SEEDS, seconds_of_baselines
from ._plan import Plan, seconds_at_most
from ._together import together


class Estimate(NamedTuple):
    """runs: how many are planned.  seconds: about how long the race takes, were none of them to stop early."""

    runs: int
    seconds: float


def estimate(problem: Minimised, plan: Plan) -> Estimate:
    """Time a few epochs of the dearest optimizer, and the baselines on a part of the rows, and reckon from them.

    Takes a few seconds. Grids are taken as they are planned, and nothing as ended before.
    """
    (instance,) = problem.instances(plan.seeds[:1])
    one = max(plan.optimizers.values(), key=lambda one: len(one.rule.state._fields))
    shared = together(plan.optimizers.values())(one)
    settings = dataclasses.replace(plan.settings, epochs=1, patience=None)

    def timed(epochs: int) -> Run:
        return fit_instance(problem, instance, shared, dataclasses.replace(settings, epochs=epochs), seed=plan.seeds[0])

    timed(1)  # compiles the program that the whole race will use
    one_epoch = timed(1).seconds
    epochs = max(2, min(plan.settings.epochs, int(0.2 / max(one_epoch, 1e-6))))
    warm = timed(epochs)
    steps = steps_per_epoch(instance.rows, settings.batch_size_for(instance.rows)) * plan.settings.epochs
    step_seconds = warm.seconds / max(1, warm.steps)
    judged = plan.confirm_seeds or plan.seeds
    beside = seconds_of_baselines(problem, instance, plan.seeds[0]) * min(SEEDS, len(judged))
    return Estimate(len(plan), seconds_at_most(len(plan), steps, step_seconds) + beside)
