"""A whole run from a checkpoint into the place of another: what its parameters become there."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from .. import rules
from ..dialects import FRAMEWORKS
from ..errors import InputError
from ._checkpoint import BESIDES, Checkpoint, Parameter, before_first_step, wide
from ._counterpart import counterpart
from ._match import match
from ._refusals import Force, Refusals
from ._state import Change, equal, kin, plain


def move(source: Checkpoint, target: Checkpoint, names: Mapping[str, str] | None, force: Force) -> dict[str, Parameter]:
    """The target's parameters as they stand once the source's have moved in; nothing is written yet.

    Raises InputError for what does not fit, and for what is not exact unless forced.
    """
    if not isinstance(source, Checkpoint):
        raise InputError(f"checkpoint must be one of from_torch, from_keras or from_optax; received {source!r:.60}.")
    refusals = Refusals(force)
    pairs = {here: source.parameters[there] for here, there in match(source, target, names).items()}
    pairs = {here: _fitting(here, was, target.parameters[here], refusals) for here, was in pairs.items()}
    living = {here: was for here, was in pairs.items() if was.method is not None}
    counts = _step_counts(target, living, refusals)
    rates = _rates(target, living, counts, refusals)
    others = [(target.parameters[name].group, rates[name], counts[name]) for name in living]
    moved = {}
    for here, was in pairs.items():
        place = target.parameters[here]
        place = replace(place, value=_stored(was.value, place.value.dtype, refusals))
        if here in living:
            place = _moved(Change(was, place, counts[here], rates[here], refusals))
        elif place.method is not None:
            place = _anew(target, place, others)
        moved[here] = place
    _check_shared(target, moved, refusals)
    refusals.check(lambda: _advice(source, target))
    refusals.check_forced(_about(source) | _about(target))
    return moved


def _about(checkpoint: Checkpoint) -> set[str]:
    """What a refusal of this checkpoint may be about."""
    names = {"rule", "learning_rate", "weight_decay", "precision", "frozen", "step_count", "mini_step", *BESIDES}
    for one in checkpoint.moved.values():
        assert one.method is not None
        names |= {*one.method.rule.state._fields, *rules.choices(one.method.rule), *(one.numbers or {})}
        names |= {*rules.hyperparameters(one.method.rule), *dict(one.method.fixed)}
    return names


def _moved(change: Change) -> Parameter:
    """The target with the state that it takes over."""
    change.compare()
    place, state = change.target, change.state()
    kinds = {field: array.dtype for field, array in (place.state or {}).items()}
    state = {field: _stored(array, kinds.get(field, array.dtype), change.refusals) for field, array in state.items()}
    rate = change.rate if place.settable else place.learning_rate
    return replace(place, state=state, step_count=change.step_count, learning_rate=rate)


def _anew(target: Checkpoint, place: Parameter, others: list[tuple[int, float, int | None]]) -> Parameter:
    """The target at its beginning.  others: the group, learning rate and step count of each that goes on."""
    assert place.method is not None
    rates = [rate for group, rate, _ in others if group == place.group and place.settable]
    counts = [count for _, _, count in others if _shares(target)]
    state = before_first_step(place.method, place.value, wide(place.value.dtype))
    kinds = {field: array.dtype for field, array in (place.state or {}).items()}
    return replace(
        place,
        state={field: array.astype(kinds.get(field, array.dtype)) for field, array in state.items()},
        step_count=[*counts, 0][0],
        learning_rate=[*rates, place.learning_rate][0],
    )


def _shares(target: Checkpoint) -> bool:
    """Whether one step count is for all."""
    return FRAMEWORKS[target.framework][0].step_count == "all"


def _fitting(name: str, was: Parameter, place: Parameter, refusals: Refusals) -> Parameter:
    """The source's parameter, without its state where no optimizer is there to take it."""
    if was.method is None and place.method is not None:
        refusals.add("frozen", f"'{name}' is moved here, and had no optimizer; forced, it starts anew.")
    if was.method is not None and place.method is None:
        refusals.add("frozen", f"'{name}' is not moved here, and its optimizer's state would be lost.")
        return Parameter(was.value)
    if was.method is not None and place.method is not None and not kin(was.method.rule, place.method.rule):
        raise InputError(
            f"The state of {was.method.rule.__name__} says nothing to {place.method.rule.__name__} ('{name}'). "
            "Make an optimizer of the same name."
        )
    return was


def _step_counts(target: Checkpoint, living: Mapping[str, Parameter], refusals: Refusals) -> dict[str, int | None]:
    """The step count of each: its own, or the one that all share."""
    counts = {name: parameter.step_count for name, parameter in living.items()}
    known = {count for count in counts.values() if count is not None}
    if len(known) > 1 and _shares(target):
        first = {count: name for name, count in reversed(counts.items()) if count is not None}
        told = ", ".join(f"{count} of '{name}'" for count, name in sorted(first.items()))
        refusals.add("step_count", f"Here one step count is for all, and they differ: {told}; forced, the largest.")
        return dict.fromkeys(counts, max(known))
    return counts


def _rates(
    target: Checkpoint, living: Mapping[str, Parameter], counts: Mapping[str, int | None], refusals: Refusals
) -> dict[str, float]:
    """The learning rate of each from now on: the source's where it can be set, one for each group."""
    rates: dict[str, float] = {}
    groups: dict[int, float] = {}
    for name, parameter in living.items():
        place = target.parameters[name]
        rate = parameter.rate(counts[name])
        first = groups.setdefault(place.group, rate)
        there = first if place.settable else place.rate(counts[name])
        if not equal(rate, there):
            refusals.add("learning_rate", f"It was {plain(rate)} for '{name}', here it would be {plain(there)}.")
        rates[name] = there
    return rates


def _stored(array: np.ndarray, dtype: np.dtype, refusals: Refusals) -> np.ndarray:
    """The array in the dtype that the target keeps it in."""
    with np.errstate(over="ignore", under="ignore"):
        kept = array.astype(dtype)
    if not np.array_equal(kept.astype(array.dtype), array, equal_nan=True):
        refusals.add("precision", f"{array.dtype} would be rounded to {dtype}.")
    return kept


def _check_shared(target: Checkpoint, moved: Mapping[str, Parameter], refusals: Refusals) -> None:
    """Numbers that all parameters share must be one number."""
    if not _shares(target):
        return
    living = [one for one in moved.values() if one.method is not None]
    for field in {field for one in living if one.state for field, value in one.state.items() if value.ndim == 0}:
        values = {float((one.state or {})[field]) for one in living if _keeps_scalar(one, field)}
        if len(values) > 1:
            refusals.add(field, f"Here one is for all, and they differ: {sorted(values)}; forced, the first's.")


def _keeps_scalar(parameter: Parameter, field: str) -> bool:
    assert parameter.method is not None
    return parameter.method.fields.get(field) in parameter.method.scalars


def _advice(source: Checkpoint, target: Checkpoint) -> str:
    try:
        return f"What computes the same here: {counterpart(source, target.framework)}.\n"
    except InputError:
        return ""
