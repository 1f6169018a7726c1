"""For every test and doctest: the one of Keras's backends that is installed with steepest, before Keras is imported."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")
