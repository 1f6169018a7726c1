"""How the page writes numbers and names; every module of the report asks here, so that all of them agree."""

import html
import math
from collections.abc import Iterable


def number(value: float | None, digits: int = 3) -> str:
    """So many significant digits; an em dash where there is no number.

    >>> number(0.048231), number(12345.6), number(2e-7), number(1.0), number(math.inf), number(None)
    ('0.0482', '12,300', '2e-7', '1', '∞', '—')
    >>> number(-0.5), number(0), number(123456789.0)
    ('-0.5', '0', '1.23e8')
    """
    if value is None or math.isnan(value):
        return "—"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    rounded = float(f"{value:.{digits}g}")
    if rounded == 0 or 1e-3 <= abs(rounded) < 1e6:
        return f"{rounded:,.10f}".rstrip("0").rstrip(".")
    return _scientific(rounded)


def rate(value: float | None) -> str:
    """A learning rate: plain from 0.001 to 1000, powers of ten outside.

    >>> rate(0.001), rate(0.000316), rate(1e-4), rate(0.0316), rate(10)
    ('0.001', '3.16e-4', '1e-4', '0.0316', '10')
    """
    return number(value)


def _scientific(value: float) -> str:
    digits, power = f"{value:.2e}".split("e")
    return f"{digits.rstrip('0').rstrip('.')}e{int(power)}"


def signed(value: float | None, digits: int = 3) -> str:
    """A difference, with its sign.

    >>> signed(0.0258866), signed(-0.5), signed(0.0), signed(None)
    ('+0.0259', '-0.5', '0', '—')
    """
    return f"{'+' if value is not None and value > 0 else ''}{number(value, digits)}"


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """A range of numbers; an em dash where an end is unknown.

    >>> interval(-0.00156, 0.0953), interval(0.001, 0.001), interval(None, 1.0), interval(0.123, 0.456, 2)
    ('-0.00156 to 0.0953', '0.001', '—', '0.12 to 0.46')
    """
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return "—"
    ends = number(low, digits), number(high, digits)
    return " to ".join(dict.fromkeys(ends))


def rounded(value: float) -> float | None:
    """A loss to draw, to five digits, which is more than pixels show; None, a gap, where it is not finite.

    >>> rounded(0.123456789), rounded(math.nan)
    (0.12346, None)
    """
    return float(f"{value:.5g}") if math.isfinite(value) else None


def percent(share: float | None) -> str:
    """A share between 0 and 1, in percent.

    >>> percent(0.972), percent(0.0), percent(1.0)
    ('97.2 %', '0 %', '100 %')
    """
    return "—" if share is None or math.isnan(share) else f"{number(100 * share)} %"


def count(n: int, noun: str, plural: str | None = None) -> str:
    """A number of things.

    >>> count(1, "run"), count(1200, "run"), count(2, "loss", "losses")
    ('1 run', '1,200 runs', '2 losses')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def listed(words: Iterable[str]) -> str:
    """Words in a sentence.

    >>> listed(["a", "b", "c"]), listed(["a"]), listed([])
    ('a, b and c', 'a', '')
    """
    words = list(words)
    return " and ".join(([", ".join(words[:-1])] if words[1:] else []) + words[-1:])


def upper_first(sentence: str) -> str:
    """The sentence with a capital, the rest of it untouched (``str.capitalize`` would lower it)."""
    return sentence[:1].upper() + sentence[1:]


def plotly_text(text: object, longest: int = 60) -> str:
    """Text from a user, made safe for a figure: Plotly reads ``<a href=...>`` and its kin inside any label.

    >>> plotly_text("</script><b>x")
    '&lt;/script&gt;&lt;b&gt;x'
    >>> plotly_text("a very long name of a class", longest=12)
    'a very long…'
    """
    plain = str(text)
    shortened = plain if len(plain) <= longest else plain[: longest - 1].rstrip() + "…"
    return html.escape(shortened, quote=False)
