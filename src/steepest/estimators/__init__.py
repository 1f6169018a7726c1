"""Feedforward networks as scikit-learn estimators."""

from ._classifier import SteepestClassifier as SteepestClassifier
from ._regressor import SteepestRegressor as SteepestRegressor
