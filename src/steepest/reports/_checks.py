"""The sanity checks: what must not be overlooked, what is open, and what was looked at and found fine."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..rules import proper_name
from ._format import count, listed

# Kinds of findings that nobody need be warned of.
OK, UNDECIDED = "ok", "undecided"


class Checks(NamedTuple):
    """warnings, open, fine: the sentences of each kind.  quiet: one line about those found fine, empty if none were."""

    warnings: list[str]
    open: list[str]
    fine: list[str]
    quiet: str


def checks(facts: Mapping[str, Any]) -> Checks | None:
    """What race.json tells of its sanity checks; None where it tells of none."""
    findings = facts.get("sanity") or []
    by_kind: dict[str, list[Mapping[str, Any]]] = {}
    for one in findings:
        by_kind.setdefault(one["kind"], []).append(one)
    fine, open_ = by_kind.pop(OK, []), by_kind.pop(UNDECIDED, [])
    bad = [one for several in by_kind.values() for one in several]
    warnings, undecided, nothing = ([str(one["sentence"]) for one in several] for several in (bad, open_, fine))
    return Checks(warnings, undecided, nothing, _quiet(fine)) if findings else None


def _quiet(fine: list[Mapping[str, Any]]) -> str:
    looked_at = [_looked_at(one) for one in fine]
    return f"{count(len(fine), 'check')} found nothing amiss: {listed(looked_at)}." if fine else ""


def _looked_at(finding: Mapping[str, Any]) -> str:
    between = [proper_name(str(name)) for name in finding.get("between") or ()]
    if not between:
        return "whether losses tell runs apart" if finding.get("check") == "metric" else str(finding.get("check"))
    first, *others = (f"the {name}" if name.islower() else name for name in between)
    return f"{first} beside {listed(others)}"
