"""What cannot be exact, gathered so that one error tells all of it."""

from collections.abc import Callable, Collection

from ..errors import InputError, unknown

Force = bool | Collection[str]


class Refusals:
    """Reasons by what they are about, a field of the rule or an option.

    force: True, or what may be inexact.
    """

    def __init__(self, force: Force):
        if isinstance(force, str):
            force = (force,)
        self._force = force
        self._told: dict[str, list[str]] = {}

    def check_forced(self, allowed: Collection[str]) -> None:
        """InputError for a name to be forced that no reason could be about."""
        for name in () if isinstance(self._force, bool) else self._force:
            if name not in allowed:
                raise unknown("name in force", name, sorted(allowed))

    def add(self, about: str, reason: str) -> None:
        """Note a reason, unless it is forced."""
        if self._force is True or (self._force is not False and about in self._force):
            return
        reasons = self._told.setdefault(about, [])
        if reason not in reasons:
            reasons.append(reason)

    def check(self, advice: Callable[[], str] = str) -> None:
        """InputError with all reasons and the advice, if there are any."""
        if not self._told:
            return
        reasons = "\n".join(f"  {about}: {_first(told)}" for about, told in self._told.items())
        names = ", ".join(repr(about) for about in self._told)
        raise InputError(
            f"Training would not go on as it was.\n{reasons}\n{advice()}Or take it as it is: force=[{names}]."
        )


def _first(told: list[str]) -> str:
    return " ".join(told[:3]) + (f" And {len(told) - 3} more." if len(told) > 3 else "")
