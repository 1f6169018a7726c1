"""All checks of a rule in one call."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from .. import rules
from ..errors import unknown
from ..rules import Rule
from . import _engines, _laws
from ._walk import LIBRARIES, moved, shaped

Check = tuple[str, Callable[[], object]]  # what is claimed, and what raises where it does not hold


def check_rule(
    rule: Rule, *, first: float | None = None, degree: int | None = None, epsilon_unit: int = 1, **knobs: float
) -> None:
    """Run the table of checks that steepest's own rules pass on a rule, which takes some seconds.

    It returns a step and its state, and can be traced. On every array library that is installed: zero gradients move
    nothing, dtypes and libraries are kept, NaN is reported where it is, inputs stay untouched, float32 is float64 but
    for rounding. For an elementwise rule: entries in another order move alike, and so, scaled, do larger gradients. On
    JAX a step is the same eager, under jit and under vmap, and compiles once. The drop-ins for NumPy (by the fused
    kernel), torch, optax and Keras, and a lane of a race, move as the rule does. Keras's is checked on the backend of
    this process: that of a Keras already imported, or of KERAS_BACKEND; not where neither says jax or torch.

    first: the step after the gradient 2 from the first state, at the learning rate 0.1 and the parameter 5, by hand.
    degree: gradients c times as large move c^degree times as far: 0 for Adam, 1 for SGD. Not checked if None.
    epsilon_unit: if a knob named epsilon is c^epsilon_unit larger then: 1 beside a gradient, 2 beside its square.
    knobs: the rule's, where they are not to be at their defaults.
    Raises AssertionError that names the rule and what does not hold, and InputError for what is no rule's knob.

    >>> from steepest.rules import sgd
    >>> check_rule(sgd, first=-0.2, degree=1)
    """
    known = rules.hyperparameters(rule)
    for knob in knobs:
        if knob not in known:
            raise unknown(f"hyperparameter of {rule.__name__}", knob, known)
    told = known | knobs
    for claim, check in _checks(rule, first, degree, epsilon_unit, told):
        try:
            check()
        except Exception as error:
            what = str(error).strip() or type(error).__name__
            raise AssertionError(f"{rule.__name__}: not so that {claim}.\n{what}") from error


def _checks(
    rule: Rule, first: float | None, degree: int | None, epsilon_unit: int, knobs: dict[str, float]
) -> Iterator[Check]:
    yield "it returns the step and the new state", partial(_laws.returns_step_and_state, rule, knobs)
    if rule.elementwise:
        yield "it is arithmetic and functions of steepest.arrays alone", partial(_engines.traces, rule, knobs)
    if first is not None:
        yield "the first step is the one computed by hand", partial(first_step, rule, first, knobs)
    for library, dtype in _laws.KINDS:
        if not rule.elementwise and dtype.endswith("16"):
            continue  # a rule on whole arrays is given float32 for them
        where = f"in {library}'s {dtype}"
        yield f"zero gradients move nothing {where}", partial(_laws.zero_moves_nothing, rule, library, dtype, knobs)
        kept = partial(_laws.keeps_dtype_and_library, rule, library, dtype, knobs)
        yield f"dtype and library are kept and steps go downhill {where}", kept
    for library in LIBRARIES:
        yield f"NaN is reported where it is in {library}", partial(_laws.reports_nan_where_it_is, rule, library, knobs)
        near = partial(_engines.agrees_in_every_library, rule, library, knobs)
        yield f"float32 in {library} is float64 but for rounding", near
    gradients = np.random.default_rng(0).normal(size=(4, 6))
    one, two = (np.array(shaped(rule, list(g))) for g in gradients[:2])
    yield "inputs are left untouched", partial(_laws.leaves_inputs_untouched, rule, one, two, knobs)
    if rule.elementwise:
        order = [3, 0, 5, 1, 4, 2]
        yield "entries in another order move alike", partial(_laws.permutes, rule, gradients, order, knobs)
    if degree is not None:
        drawn = gradients if rule.elementwise else gradients.reshape(4, 2, 3)
        scaled = partial(_laws.scales, rule, drawn, 16.0, degree, epsilon_unit, knobs)
        yield f"gradients 16 times as large move 16^{degree} times as far", scaled
    yield "a step is the same eager, jitted and vmapped", partial(_engines.agrees_compiled, rule, knobs)
    if rule.look_ahead is None:
        for name, agrees in _engines.drop_ins().items():
            yield f"the drop-in for {name} moves as the rule does", partial(agrees, rule, knobs)
    yield "a lane of a race moves as the rule does", partial(_engines.agrees_as_a_lane_of_a_race, rule, knobs)


def first_step(rule: Rule, expected: float, knobs: dict[str, float]) -> None:
    """The step after the gradient 2 from the first state, at the rate 0.1 and the parameter 5, to nine digits."""
    g, parameter = (np.array(shaped(rule, [value])) for value in (2.0, 5.0))
    step, _ = moved(rule, g, rules.initial_state(rule, g), 1, parameter, learning_rate=0.1, **knobs)
    np.testing.assert_allclose(np.ravel(step), [expected], rtol=1e-9)
