"""The method of every case of every dialect, with knobs far from the defaults."""

from steepest import dialects, rules
from steepest.dialects import Method

# Far from every default, so that a misplaced knob shows.
KNOBS = {
    "learning_rate": 0.05, "weight_decay": 0.4, "epsilon": 0.3, "epsilon_root": 0.2, "decay": 0.8, "momentum": 0.7,
    "b1": 0.8, "b2": 0.95, "momentum_decay": 0.2, "rms": 0.3, "threshold": 6.0,
}  # fmt: skip


def method_of(case):
    """What a case computes."""
    parts = [tuple(part.items()) for part in (case.choices, case.fixed, case.first, case.state)]
    return Method(case.rule, *parts, case.weight_decay)


def numbers_of(method):
    """Its numbers: the learning rate, every knob that nobody has fixed, and weight decay where there is one."""
    knobs = set(rules.hyperparameters(method.rule)) - set(dict(method.fixed))
    switched = {"weight_decay"} if method.weight_decay != "none" else set()
    return {name: value for name, value in KNOBS.items() if name in {"learning_rate"} | knobs | switched}


def _named():
    for framework, its in dialects.FRAMEWORKS.items():
        for dialect in its:
            for place, case in enumerate(dialect.cases):
                yield f"{framework} {dialect.name} {place}", method_of(case)


METHODS = dict(_named())
ELEMENTWISE = {name: method for name, method in METHODS.items() if method.rule.elementwise}
