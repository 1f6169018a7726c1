"""The verb: measure a run, and say what is wrong with it."""

import math
from collections.abc import Callable, Sequence

from ..errors import InputError
from ..training import Run
from ._actions import ACTIONS
from ._beside import Sibling
from ._criteria import Score, found
from ._evidence import Evidence, gather
from ._probes import look, probe_rows
from ._record import fresh_start
from ._verdict import Diagnosis, Verdict

# A trouble is named from here on.
_SURE = 0.5
# A run that another leaves behind by more than this share of the way is not called healthy.
_UNEXPLAINED = 0.1
# Of fewer steps a run that has not diverged is not judged.
_FEW = 8
_MORE_STEPS = "Train it for more steps, then ask again."


def diagnose(
    run: Run, *, siblings: Sequence[Sibling] = (), seconds: float = 60.0, told: Callable[[str], None] | None = None
) -> Diagnosis:
    """Say why a run goes badly, or that it does not.

    The run is trained again from its seed with somebody looking on, and others beside it: at other rates, from other
    starts, and with one thing changed each. What these show comes first, then what the loss does around the end, then
    thresholds.
    run: of any problem.  siblings: runs that are known beside it, which are then not trained again.
    seconds: about how long all that may take; a large run is then compared at an earlier epoch.
    told: called with what is done next.
    Raises InputError for what is no run, and for seconds that are not positive and finite.
    """
    if not isinstance(run, Run):
        raise InputError(f"A run is diagnosed; received {type(run).__name__}. Try diagnose(fit(problem)).")
    if not (isinstance(seconds, int | float) and 0 < seconds < math.inf):
        raise InputError(f"seconds is positive and finite; received {seconds!r}. Try 60.")
    begun = float(run.curves["train_loss"][0])
    if not math.isfinite(begun):
        reason = (
            f"the loss is {begun} before the first step, so that there is nothing to follow. Look for missing or "
            "infinite numbers in the data and in the initial parameters."
        )
        return Diagnosis(run, "cannot tell", (), reason)
    if not math.isfinite(_steepness_to_begin_with(run)):
        reason = (
            "the gradient is not finite before the first step, although the loss is. Look for a root, a logarithm or a "
            "division at 0, or begin nearer to 0."
        )
        return Diagnosis(run, "cannot tell", (), reason)
    return judged(run, gather(run, siblings=siblings, seconds=seconds, told=told))


def _steepness_to_begin_with(run: Run) -> float:
    (instance,) = run.problem.instances([run.seed])
    begun = fresh_start(instance, run.seed) if run.warm is None else run.warm
    return look(instance.loss, begun, probe_rows(instance)).norm


def judged(run: Run, evidence: Evidence) -> Diagnosis:
    """The verdicts that evidence allows."""
    gain, steps = evidence["gain of any"], evidence["steps"]
    if math.isnan(gain) or (steps < _FEW and not evidence["diverged"]):
        reason = f"the run took {steps:.0f} steps, too few to be told from luck. {_MORE_STEPS}"
        return Diagnosis(run, "cannot tell", (), reason, evidence.missing, evidence)
    verdicts = tuple(_verdict(name, score, evidence) for name, score in found(evidence, _SURE).items())
    if verdicts:
        return Diagnosis(run, "troubled", verdicts, missing=evidence.missing, evidence=evidence)
    if gain > _UNEXPLAINED:
        best = min(evidence.siblings, key=lambda one: (one.late, one.watched))
        reason = (
            f"the run {best} ends lower, by {gain:.0%} of the way, but what was measured fits none of the troubles "
            "that have a name. Try that."
        )
        return Diagnosis(run, "cannot tell", (), reason, evidence.missing, evidence)
    reason = f"no run beside it ends lower by more than {max(gain, 0.0):.1%} of the way."
    return Diagnosis(run, "healthy", (), reason, evidence.missing, evidence)


def _verdict(name: str, score: Score, evidence: Evidence) -> Verdict:
    act, refuted_by = ACTIONS[name]
    numbers = {one: evidence[one] for one in score.numbers if not math.isnan(evidence[one])}
    return Verdict(name, round(score.value, 3), numbers, score.basis, refuted_by, act(evidence))
