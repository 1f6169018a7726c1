"""What a diagnosis says: verdicts with their evidence, or that all is well, or that it cannot be told."""

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ..training import Run
from ._evidence import Evidence

Outcome = Literal["troubled", "healthy", "cannot tell"]
KINDS = (
    "saddle",
    "bad local minimum",
    "plateau or saturation",
    "vanishing gradient",
    "dead units",
    "cliff or exploding gradient",
    "ill-conditioning",
    "noisy gradient",
    "rate too small",
    "rate too large",
    "bad initialisation",
    "lost plasticity",
    "local slope misleads",
)


class Action(NamedTuple):
    """One thing to do next.

    kind: ``rate``, ``clip``, ``batch``, ``start``, ``initializer``, ``method``, ``activation``, ``rescale``
    or ``escape``.
    value: the rate, the limit, the batch size or the seed that goes with it; None where there is none.
    sentence: for people.
    """

    kind: str
    value: float | None
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """One trouble, found.

    name: one of ``KINDS``.  confidence: from 0.5, barely, to 1.  numbers: those that decided, by what they are.
    basis: ``siblings``, ``probes`` or ``thresholds``: the strongest evidence among them.
    refuted_by: what would show it to be wrong.  action: what to do next.
    """

    name: str
    confidence: float
    numbers: Mapping[str, float]
    basis: str
    refuted_by: str
    action: Action

    def __str__(self) -> str:
        told = "; ".join(f"{name} {shown(value)}" for name, value in self.numbers.items())
        sure = f"{self.name} ({self.confidence:.0%} sure, by {self.basis})"
        return f"{sure}: {told}. {self.action.sentence} It would be refuted so: {self.refuted_by}"

    def to_json(self) -> dict[str, Any]:
        """Plain values by name."""
        numbers = {name: value if math.isfinite(value) else None for name, value in self.numbers.items()}
        return {
            "name": self.name, "confidence": self.confidence, "numbers": numbers, "basis": self.basis,
            "refuted_by": self.refuted_by, "action": self.action._asdict(),
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """Why a run goes as it does.

    outcome: ``troubled`` with one verdict or more, ``healthy``, or ``cannot tell``.
    verdicts: the surest first.  reason: why it is healthy, or cannot be told; empty where it is troubled.
    missing: what could not be measured, and why.  evidence: all that was measured; None where nothing was.
    """

    run: Run | None
    outcome: Outcome
    verdicts: tuple[Verdict, ...]
    reason: str = ""
    missing: tuple[str, ...] = ()
    evidence: Evidence | None = None

    @property
    def sentence(self) -> str:
        """The whole in a sentence."""
        if self.outcome == "troubled":
            names = " and ".join(f"{one.name} ({one.confidence:.0%} sure)" for one in self.verdicts)
            return f"{names[0].upper()}{names[1:]}. {self.verdicts[0].action.sentence}"
        return f"{self.outcome.capitalize()}: {self.reason}"

    def __repr__(self) -> str:
        lines = [self.sentence, *(f"  {one}" for one in self.verdicts), *(f"  Not told: {one}" for one in self.missing)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """A notebook's view: the outcome, and a row a verdict."""
        head = "".join(f"<th>{name}</th>" for name in ("trouble", "sure", "by", "what decided", "next", "refuted by"))
        rows = "".join(
            f"<tr><td>{one.name}</td><td>{one.confidence:.0%}</td><td>{one.basis}</td><td>"
            + html.escape("; ".join(f"{name} {shown(value)}" for name, value in one.numbers.items()))
            + f"</td><td>{html.escape(one.action.sentence)}</td><td>{html.escape(one.refuted_by)}</td></tr>"
            for one in self.verdicts
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""
        missing = "".join(f"<p>Not told: {html.escape(one)}</p>" for one in self.missing)
        return f"<p><b>{html.escape(self.sentence)}</b></p>{table}{missing}"

    def to_json(self) -> dict[str, Any]:
        """Plain values by name."""
        return {
            "outcome": self.outcome, "sentence": self.sentence, "reason": self.reason,
            "verdicts": [one.to_json() for one in self.verdicts], "missing": list(self.missing),
        }  # fmt: skip


def shown(value: float) -> str:
    """A number to three digits; infinity and NaN in words."""
    if math.isnan(value):
        return "unknown"
    return f"{value:.3g}" if math.isfinite(value) else "infinite"
