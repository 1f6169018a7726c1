"""For every test and doctest: what is set before Keras is imported, and how two processes share the tests."""

import os

import pytest

# The one of Keras's backends that is installed with steepest.
os.environ.setdefault("KERAS_BACKEND", "jax")


def pytest_configure(config: pytest.Config) -> None:
    """With ``-n``: each process has neighbouring tests, which share fixtures and compiled programs."""
    if getattr(config.option, "dist", None) == "load":
        config.option.dist = "worksteal"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts long processes comes first, so that no process of the tests is left to wait for it alone."""
    items.sort(key=lambda item: item.path.name != "test_keras.py")
