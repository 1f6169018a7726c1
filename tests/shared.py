"""What is dear to make and is made once a test run, whichever of its processes comes first."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from filelock import FileLock


def once_a_run(factory: pytest.TempPathFactory, name: str, make: Callable[[], Any]) -> Any:
    """What *make* returns, plain values, from the process that needed it first; the others wait for it.

    factory: pytest's own, whose directories are within one of the whole run.
    """
    base = factory.getbasetemp()
    place = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    kept = place / f"{name}.json"
    with FileLock(place / f"{name}.lock"):
        if not kept.exists():
            kept.write_text(json.dumps(make()))
        return json.loads(kept.read_text())
