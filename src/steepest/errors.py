"""What goes wrong at the boundary, said in one sentence: what was received, what is allowed, what to do."""

import difflib
import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


class InputError(ValueError):
    """Something a user gave cannot be used; the message is one sentence that says what to do instead.

    The command line prints it and exits with code 2.
    """


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return ``" Did you mean 'adam'?"``, or an empty string where nothing allowed is near *name*.

    Among near names one as long as what was typed comes first: letters swap more often than they go missing.

    >>> nearest("ADMA", ["adamax", "adam", "sgd"])
    " Did you mean 'adam'?"
    >>> nearest("xyz", ["adam", "sgd"])
    ''
    """
    folded = {str(one).lower(): str(one) for one in allowed}
    near = difflib.get_close_matches(str(name).lower(), folded, n=5)
    near.sort(key=lambda one: abs(len(one) - len(str(name))))
    return f" Did you mean '{folded[near[0]]}'?" if near else ""


def unknown(kind: str, name: object, allowed: Iterable[str]) -> InputError:
    """The error for a name that is not among those allowed.

    >>> print(unknown("optimizer", "adma", ["adam", "sgd"]))
    Unknown optimizer 'adma'. Did you mean 'adam'? Allowed: adam, sgd.
    """
    allowed = list(allowed)
    return InputError(f"Unknown {kind} '{name}'.{nearest(str(name), allowed)} Allowed: {', '.join(allowed)}.")


def bound(name: str, signature: inspect.Signature, args: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name; TypeError that says what is allowed where they do not fit."""
    try:
        return dict(signature.bind(*args, **named).arguments)
    except TypeError as error:
        allowed = [one for one in signature.parameters if one != "self"]
        wrong = next((one for one in named if one not in allowed), None)
        near = "" if wrong is None else nearest(wrong, allowed)
        raise TypeError(f"{name}: {error}.{near} Allowed: {', '.join(allowed)}.") from None
