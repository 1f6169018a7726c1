"""What is refused, and in which words: torch's own kinds of exception, with what to do instead."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from .. import rules
from ..dialects import Dialect, Method

_REAL = {torch.float64, torch.float32, torch.bfloat16, torch.float16}
# argument: (its range in words, whether a number is in it, a value to try)
_RANGES = {
    "lr": ("zero or positive, and finite", lambda x: 0 <= x < math.inf, "1e-3"),
    "eps": ("zero or positive, and finite", lambda x: 0 <= x < math.inf, "1e-8"),
    "weight_decay": ("zero or positive, and finite", lambda x: 0 <= x < math.inf, "1e-2"),
    "momentum": ("zero or positive, and finite", lambda x: 0 <= x < math.inf, "0.9"),
    "alpha": ("from 0 to 1", lambda x: 0 <= x <= 1, "0.99"),
    "rho": ("from 0 to 1", lambda x: 0 <= x <= 1, "0.9"),
    "lr_decay": ("zero or positive, and finite", lambda x: 0 <= x < math.inf, "0"),
    "momentum_decay": ("zero or positive, and finite", lambda x: 0 <= x < math.inf, "4e-3"),
    "initial_accumulator_value": ("zero or positive, and finite", lambda x: 0 <= x < math.inf, "0"),
    "dampening": ("finite", math.isfinite, "0"),
}


def check_options(spoken: Dialect, options: Mapping[str, Any]) -> None:
    """ValueError for an option out of range, or one that asks for what a fused step cannot give; TypeError for a kind.

    spoken: the dialect that the options are in.
    """
    for argument in spoken.arguments:
        value = options.get(argument.name, argument.default)
        if value is argument.default:  # None where that is what it is without an option
            continue
        if argument.name == "betas":
            _check_betas(value)
        elif argument.name in _RANGES:
            words, holds, usual = _RANGES[argument.name]
            number = _number(argument.name, value, usual)
            if not holds(number):
                raise ValueError(f"{argument.name} must be {words}; received {number}. Try {usual}.")
        elif isinstance(argument.default, bool):
            _check_switch(argument.name, value)
        elif argument.name == argument.means:  # a rule's knob
            rules.checked(argument.name, _number(argument.name, value, argument.default))
    _check_switch("stochastic_rounding", options.get("stochastic_rounding", False))
    if options.get("nesterov") and not ((options["momentum"] or 0) > 0 and options.get("dampening", 0) == 0):
        raise ValueError(
            f"nesterov needs a momentum above 0 and no dampening; received momentum={options['momentum']} "
            f"and dampening={options.get('dampening', 0)}. Try momentum=0.9, dampening=0."
        )
    if options.get("differentiable"):
        raise ValueError(
            "differentiable=True is refused: a fused step is not recorded. Use torch's own optimizer for it."
        )
    if options.get("foreach") and options.get("fused"):
        raise ValueError("foreach and fused exclude each other; received both. Leave both out: every step is fused.")


def _number(name: str, value: Any, usual: Any) -> float:
    """The value as a float; ValueError for a tensor of several, TypeError for what is no number."""
    if isinstance(value, torch.Tensor) and value.numel() != 1:
        raise ValueError(f"{name} must be one number; received a tensor of shape {tuple(value.shape)}. Try {usual}.")
    try:
        if not isinstance(value, str):
            return float(value)
    except (TypeError, ValueError, RuntimeError):
        pass
    raise TypeError(f"{name} must be a number; received {value!r}. Try {usual}.")


def _check_switch(name: str, value: Any) -> None:
    if not isinstance(value, bool | int | np.bool_) or value not in (True, False):
        raise TypeError(f"{name} must be True or False; received {value!r}.")


def _check_betas(betas: Any) -> None:
    if not isinstance(betas, tuple | list) or len(betas) != 2:
        raise ValueError(f"betas must be two numbers; received {betas!r}. Try (0.9, 0.999).")
    for place, (beta, usual) in enumerate(zip(betas, (0.9, 0.999), strict=True)):
        number = _number(f"betas[{place}]", beta, usual)
        if not 0 <= number < 1:
            raise ValueError(f"betas[{place}] must be in [0, 1); received {number}. Try {usual}.")


def check_parameters(parameters: Sequence[torch.Tensor], optimizer: str, *, matrices: bool = False) -> None:
    """TypeError for a parameter that is complex, or of no floating dtype; ValueError for one that cannot be moved.

    matrices: whether only matrices can be.
    """
    if len(set(map(id, parameters))) != len(parameters):
        raise ValueError(
            f"{optimizer} moves each parameter once a step; received one twice in a group. Leave out the second, for "
            "example by list(dict.fromkeys(parameters))."
        )
    for place, p in enumerate(parameters):
        if p.dtype not in _REAL:
            advice = "Give its real and imaginary parts, torch.view_as_real(p)." if p.is_complex() else "Try p.float()."
            raise TypeError(
                f"{optimizer} moves real floating tensors; received parameter {place} of {p.dtype}. {advice}"
            )
        if p.is_neg():
            raise ValueError(
                f"{optimizer} moves what lies in memory; received a view of a conjugate, whose negative lies there, as "
                f"parameter {place}. Try p.resolve_neg()."
            )
        if matrices and p.ndim != 2:
            raise ValueError(
                f"{optimizer} moves matrices; received the shape {tuple(p.shape)} as parameter {place}. Try AdamW."
            )


def check_gradients(
    gradients: list[torch.Tensor], kinds: set[torch.dtype], optimizer: str, *, sparse_allowed: bool
) -> list[torch.Tensor]:
    """The gradients, of these dtypes, as dense real tensors; RuntimeError for sparse ones that the rule cannot use."""
    if {g.layout for g in gradients} == {torch.strided} and kinds <= _REAL:
        return gradients
    for place, g in enumerate(gradients):
        if g.layout is not torch.strided:
            if not sparse_allowed:
                raise RuntimeError(
                    f"{optimizer} takes no sparse gradients here; received {g.layout} for parameter {place}. "
                    "Use SGD or Adagrad without weight decay, or torch.optim.SparseAdam."
                )
            gradients[place] = g.to_dense()
        if g.dtype not in _REAL:
            raise TypeError(f"{optimizer} takes real floating gradients; received {g.dtype} for parameter {place}.")
    return gradients


def check_state(
    optimizer: torch.optim.Optimizer,
    native: Dialect,
    state_dict: Mapping[str, Any],
    methods: Mapping[int, Method],
    *,
    dialect_key: str,
    counted: bool,
) -> None:
    """ValueError, by name, where a state dict is not one of this rule, dialect and shapes.

    counted: whether the steps of each parameter are.
    """
    name = type(optimizer).__name__
    if missing := [one for one in ("state", "param_groups") if one not in state_dict]:
        raise ValueError(
            f"This is not the state of {name}: it lacks {' and '.join(missing)}; received "
            f"{', '.join(map(str, state_dict)) or 'nothing'}. Give what state_dict() returned."
        )
    groups = state_dict["param_groups"]
    known = {part.removeprefix("-") for case in native.cases for part in case.state.values()}
    if len(groups) != len(optimizer.param_groups):
        raise ValueError(
            f"The state has {len(groups)} parameter groups where this {name} has {len(optimizer.param_groups)}."
        )
    for number, (group, saved) in enumerate(zip(optimizer.param_groups, groups, strict=True)):
        if len(saved["params"]) != len(group["params"]):
            raise ValueError(
                f"Group {number} of the state has {len(saved['params'])} parameters where this {name} has "
                f"{len(group['params'])}."
            )
        speaks, spoken = group.get(dialect_key, "torch"), saved.get(dialect_key, "torch")
        if speaks != spoken:
            raise ValueError(
                f"The state is of the dialect '{spoken}' where this {name} speaks '{speaks}'. "
                f"Make it with dialect='{spoken}', or convert the state."
            )
        for p, key in zip(group["params"], saved["params"], strict=True):
            if key in state_dict["state"]:
                _check_one(
                    state_dict["state"][key], p, methods[number], f"parameter {key}", name, known, counted=counted
                )


def _check_one(  # noqa: PLR0917 - it is the body of check_state
    state: Mapping[str, Any], p: torch.Tensor, method: Method, of: str, name: str, known: set[str], *, counted: bool
) -> None:
    arrays = set(method.fields.values()) - method.scalars
    received = {part for part, value in state.items() if value is not None} - {"step"}
    # More than is needed is welcome if it is this optimizer's: a velocity stays behind when the momentum becomes 0.
    if received and ((arrays | method.scalars) - received or received - known):
        raise ValueError(
            f"This is not the state of {name}: {of} needs {', '.join(sorted(arrays | method.scalars)) or 'none'}; "
            f"received {', '.join(sorted(received))}."
        )
    if counted and state:
        _check_step(state.get("step"), of)
    for part in sorted(arrays & received):
        value = state[part]
        dense = isinstance(value, torch.Tensor) and value.layout is torch.strided and not value.is_meta
        if not dense or value.dtype not in _REAL:
            kind = f"{value.dtype}, {value.layout}, {value.device}" if isinstance(value, torch.Tensor) else repr(value)
            raise ValueError(f"{part} of {of} must be a dense tensor of a real floating dtype; received {kind}.")
        if value.shape != p.shape:
            raise ValueError(
                f"{part} of {of} has the shape {tuple(value.shape)} where the parameter has {tuple(p.shape)}."
            )


def _check_step(step: Any, of: str) -> None:
    """torch has kept it as a number and as a tensor of one."""
    try:
        count = step if isinstance(step, int | float) else step.item()
    except (AttributeError, RuntimeError):
        count = None
    if not isinstance(count, int | float) or not 0 <= count < math.inf:
        raise ValueError(f"step of {of} must be a count of steps, 0 or more; received {step!r}.")
