"""A table's features as numbers for a network, learned on the training rows only."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ..errors import InputError, nearest
from ._columns import Categories, ColumnCode, Dates, Numerals, Text, learn
from ._kinds import MISSING_TEXT, cast, kind_of
from ._load import load
from ._squash import Squash

_FORMAT = "steepest features 1"
_CODES: dict[str, type] = {code.__name__: code for code in (Categories, Dates, Text, Numerals)}


class FeatureEncoder:
    """Columns of numbers, booleans, text and dates to one float32 matrix, always finite.

    Numbers and booleans pass as they are, text and dates through what skrub learns from them; then every column is
    squashed (see ``Squash``). skrub is imported only to fit a table that has text or dates.

    >>> encoder = FeatureEncoder().fit(pl.DataFrame({"size": [1.0, 2.0, 3.0], "new": [True, False, None]}))
    >>> encoder.feature_names
    ('size', 'new', 'new is missing')
    >>> encoder.transform(pl.DataFrame({"new": [None], "size": [2.0]})).tolist()[0][:2]
    [0.0, 0.0]
    """

    def __init__(self) -> None:
        self.kinds: dict[str, str] = {}
        self._codes: dict[str, ColumnCode] = {}
        self._squash: Squash | None = None

    def fit(self, frame: pl.DataFrame) -> "FeatureEncoder":
        """Learn from *frame*, which holds the training rows and nothing but features.

        Raises InputError where no column has anything to learn from.
        """
        self.kinds = {column.name: kind_of(column) for column in frame}
        frame = conform(frame, self.kinds)
        coded = [name for name, kind in self.kinds.items() if kind in ("text", "date")]
        self._codes = learn(_without_missing(frame.select(coded))) if coded else {}
        if frame.is_empty() or not self._raw_names():
            raise InputError("No feature holds anything to learn from. Give rows with at least one filled column.")
        self._squash = Squash.fit(self._raw(frame))
        return self

    def transform(self, frame: pl.DataFrame) -> np.ndarray:
        """float32 (rows, features). Columns may be in any order, and more than needed.

        Raises InputError where a column is missing, or holds what its kind does not allow.
        """
        return self._fitted()(self._raw(conform(frame, self.kinds)))

    def unseen(self, frame: pl.DataFrame) -> list[str]:
        """A sentence for each column of categories that holds some which the training rows did not.

        They count as none of the known categories. Raises InputError like ``transform``.
        """
        categories = {column: code for column, code in self._codes.items() if isinstance(code, Categories)}
        words = _without_missing(conform(frame, {column: self.kinds[column] for column in categories}))
        notes = []
        for column, code in categories.items():
            unseen = code.unseen(words[column])
            if count := len(unseen):
                hold = "1 row holds a value" if count == 1 else f"{count:,} rows hold values"
                notes.append(f"Column '{column}': {hold} not seen in training, such as '{unseen[0]}'.")
        return notes

    @property
    def feature_names(self) -> tuple[str, ...]:
        """A name for each column of what ``transform`` returns."""
        names = self._raw_names()
        return (*names, *(f"{names[i]} is missing" for i in self._fitted().gaps))

    def gaps(self) -> pl.DataFrame:
        """One row with every column missing."""
        return conform(pl.DataFrame({name: [None] for name in self.kinds}), self.kinds)

    def save(self, path: str | Path) -> None:
        """Write to one safetensors file: arrays and JSON, nothing that could run when loaded.

        Written whole under another name, then renamed. Raises OSError where the disk does not let it.
        """
        from safetensors.numpy import save

        squash = self._fitted()
        arrays = {"squash.median": squash.median, "squash.gain": squash.gain, "squash.gaps": squash.gaps}
        codes = {}
        for i, (column, code) in enumerate(self._codes.items()):
            fields = vars(code)
            arrays |= {f"{i}.{key}": value for key, value in fields.items() if isinstance(value, np.ndarray)}
            plain = {key: value for key, value in fields.items() if not isinstance(value, np.ndarray)}
            codes[column] = {"code": type(code).__name__, **plain}
        header = json.dumps({"format": _FORMAT, "kinds": self.kinds, "codes": codes})
        path = Path(path)
        unfinished = path.with_name(path.name + ".part")
        try:
            unfinished.write_bytes(save(arrays, metadata={"steepest": header}))
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)  # a full disk leaves nothing half-written

    @classmethod
    def load(cls, path: str | Path) -> "FeatureEncoder":
        """Read what ``save`` wrote; InputError for anything else."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as file:
                header = json.loads((file.metadata() or {})["steepest"])
                arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return cls._restored(header, arrays)
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None
        except (SafetensorError, KeyError, TypeError, ValueError, AttributeError, IndexError):
            raise InputError(f"{path} is not a feature encoder that steepest saved. Fit and save again.") from None

    @classmethod
    def _restored(cls, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> "FeatureEncoder":
        if header["format"] != _FORMAT:
            raise ValueError(header["format"])
        encoder = cls()
        encoder.kinds = {str(name): str(kind) for name, kind in header["kinds"].items()}
        for i, (column, fields) in enumerate(header["codes"].items()):
            held = {key.split(".", 1)[1]: value for key, value in arrays.items() if key.startswith(f"{i}.")}
            plain = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
            encoder._codes[column] = _CODES[str(plain.pop("code"))](**plain, **held)
        squash = Squash(*(arrays[f"squash.{key}"] for key in ("median", "gain", "gaps")))
        if not squash.median.shape == squash.gain.shape == (len(encoder._raw_names()) + len(squash.gaps),):
            raise ValueError(squash.median.shape)
        encoder._squash = squash
        return encoder

    def _fitted(self) -> Squash:
        if self._squash is None:
            raise InputError("This FeatureEncoder has learned nothing yet. Call fit with the training rows first.")
        return self._squash

    def _plain(self) -> list[str]:
        return [name for name, kind in self.kinds.items() if kind in ("number", "boolean")]

    def _raw_names(self) -> list[str]:
        return self._plain() + [name for column, code in self._codes.items() for name in code.names(column)]

    def _raw(self, frame: pl.DataFrame) -> np.ndarray:
        """float64 (rows, names), NaN where missing; the frame's columns are of their kinds."""
        numbers = frame.select(pl.col(name).cast(pl.Float64) for name in self._plain()).to_numpy()
        words = _without_missing(frame.select(self._codes.keys()))
        blocks = [code.encode(words[column]) for column, code in self._codes.items()]
        return np.concatenate([numbers.reshape(len(frame), -1), *blocks], axis=1) if blocks else numbers


def conform(frame: pl.DataFrame, kinds: dict[str, str]) -> pl.DataFrame:
    """The columns named in *kinds*, in that order, each as its kind.

    Raises InputError where one is missing, or holds an entry that is not of its kind or is infinite.
    """
    if missing := [name for name in kinds if name not in frame.columns]:
        named = ", ".join(f"'{name}'" for name in missing[:10]) + (", ..." if len(missing) > 10 else "")
        hint = nearest(missing[0], frame.columns)
        raise InputError(f"{len(missing)} column(s) that were learned from are missing: {named}.{hint} Add them.")
    ready = _numbers(frame, [name for name, kind in kinds.items() if kind == "number"])
    return pl.DataFrame(
        [ready[name] if name in ready.columns else cast(frame[name], kind) for name, kind in kinds.items()]
    )


def _numbers(frame: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Those of the columns that are floats, none infinite, with NaN as null: what ``cast`` makes of each, at once.

    A race splits a table at every seed, and ``cast`` takes a third of a millisecond a column.
    """
    floats = frame.select(name for name in names if frame[name].dtype == pl.Float64).fill_nan(None)
    if floats.width and any(floats.select(pl.all().is_infinite().any()).row(0)):
        return floats.select()  # whose it is, says ``cast``
    return floats


def _without_missing(frame: pl.DataFrame) -> pl.DataFrame:
    """Words that mean "missing" as null, so that skrub's opinion is the same when learning and when using."""
    words = pl.col(pl.String).str.strip_chars()
    return frame.with_columns(pl.when(words.is_in(MISSING_TEXT)).then(None).otherwise(words).name.keep())


def read_features(source: Any, encoder: FeatureEncoder) -> pl.DataFrame:
    """Read a table to predict on: only the columns that *encoder* knows, in its order; no target is needed.

    source: as for ``read``. Other columns are ignored and categories may be new. Raises InputError for a table without
    rows, a missing column, a number that arrives as text, or an infinity.
    """
    table = load(source)
    if table.frame.is_empty():
        raise InputError(f"{table.source} has no rows. Give at least one to predict.")
    return conform(table.frame, encoder.kinds)
