"""Gradient-based learning, whole and honest.

Every optimizer is one equation; races on your own data say which to use, at which learning rate. Names below are
imported when first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .data import Dataset as Dataset
    from .data import read as read
    from .diagnosis import Diagnosis as Diagnosis
    from .diagnosis import diagnose as diagnose
    from .errors import InputError as InputError
    from .estimators import SteepestClassifier as SteepestClassifier
    from .estimators import SteepestRegressor as SteepestRegressor
    from .gradients import AddNoise as AddNoise
    from .gradients import ClipByGlobalNorm as ClipByGlobalNorm
    from .gradients import ClipByValue as ClipByValue
    from .landscapes import Landscape as Landscape
    from .landscapes import landscape as landscape
    from .networks import Network as Network
    from .optimizer import SGD as SGD
    from .optimizer import Adadelta as Adadelta
    from .optimizer import Adagrad as Adagrad
    from .optimizer import Adam as Adam
    from .optimizer import Adamax as Adamax
    from .optimizer import AdamW as AdamW
    from .optimizer import AMSGrad as AMSGrad
    from .optimizer import Lion as Lion
    from .optimizer import Momentum as Momentum
    from .optimizer import Muon as Muon
    from .optimizer import Nadam as Nadam
    from .optimizer import Nesterov as Nesterov
    from .optimizer import Optimizer as Optimizer
    from .optimizer import RAdam as RAdam
    from .optimizer import RMSProp as RMSProp
    from .problems import Model as Model
    from .problems import NetworkProblem as NetworkProblem
    from .problems import Problem as Problem
    from .problems import check_gradient as check_gradient
    from .problems import network as network
    from .races import Race as Race
    from .races import race as race
    from .races import save as save
    from .reports import report as report
    from .rules import rule as rule
    from .search import hill_climb as hill_climb
    from .training import Run as Run
    from .training import climb_network as climb_network
    from .training import fit as fit

_HOMES = {
    "data": ("Dataset", "read"),
    "diagnosis": ("Diagnosis", "diagnose"),
    "errors": ("InputError",),
    "estimators": ("SteepestClassifier", "SteepestRegressor"),
    "gradients": ("AddNoise", "ClipByGlobalNorm", "ClipByValue"),
    "landscapes": ("Landscape", "landscape"),
    "networks": ("Network",),
    "optimizer": (
        "SGD", "Momentum", "Nesterov", "Adagrad", "RMSProp", "Adadelta", "Adam", "Adamax", "Nadam", "AdamW", "AMSGrad",
        "RAdam", "Lion", "Muon", "Optimizer",
    ),
    "problems": ("Model", "NetworkProblem", "Problem", "check_gradient", "network"),
    "races": ("Race", "race", "save"),
    "reports": ("report",),
    "rules": ("rule",),
    "search": ("hill_climb",),
    "training": ("Run", "climb_network", "fit"),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_MODULES = (
    "diagnosis",
    "functions",
    "gradients",
    "landscapes",
    "losses",
    "networks",
    "optimizer",
    "problems",
    "rules",
    "schedules",
    "testing",
    "training",
)

__all__ = [*_HOME_OF, *_MODULES]  # noqa: PLE0604 - a list of names, made


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        value = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
