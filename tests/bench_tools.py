"""Where the benchmark scripts are, how they are imported, and what one in its short form is told."""

import importlib
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

BENCH = Path(__file__).parents[1] / "bench"
SHORT = Namespace(short=True, started=0.0, rounds=1, only=None, contestants=None, work=None)


def scripts() -> Iterator[Callable[[str], ModuleType]]:
    """A fixture: imports a script by its name, as the scripts import each other; forgets them all afterwards."""
    sys.path.insert(0, str(BENCH))
    before = set(sys.modules)
    try:
        yield importlib.import_module
    finally:
        sys.path.remove(str(BENCH))
        for name in set(sys.modules) - before:
            if str(BENCH) in (getattr(sys.modules[name], "__file__", None) or ""):
                del sys.modules[name]
