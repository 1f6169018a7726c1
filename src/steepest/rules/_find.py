"""The optimizers by name."""

from collections.abc import Mapping
from types import MappingProxyType

from ..errors import unknown
from ._adadelta import adadelta
from ._adagrad import adagrad
from ._adam import adam
from ._adamax import adamax
from ._adamw import adamw
from ._amsgrad import amsgrad
from ._lion import lion
from ._momentum import momentum
from ._muon import muon
from ._nadam import nadam
from ._nesterov import nesterov, nesterov_lookahead
from ._radam import radam
from ._rmsprop import rmsprop, rmsprop_momentum
from ._rule import Rule
from ._sgd import sgd

# Those that a race runs unless told otherwise: gradient descent and its refinements, then the adaptive ones by age.
_RACED = (sgd, momentum, nesterov, adagrad, rmsprop, adadelta, adam, adamax, nadam)

RULES: Mapping[str, Rule] = MappingProxyType({rule.__name__: rule for rule in _RACED})

# Those besides: the look-ahead form moves exactly as nesterov does, so racing both would tell nothing; the others came
# after the lecture's nine.
_BESIDES = (nesterov_lookahead, rmsprop_momentum, amsgrad, adamw, radam, lion, muon)
ALL: Mapping[str, Rule] = MappingProxyType({**RULES, **{rule.__name__: rule for rule in _BESIDES}})


# As their papers write them.
_PROPER = MappingProxyType(
    {
        "sgd": "SGD",
        "momentum": "Momentum",
        "nesterov": "Nesterov",
        "nesterov_lookahead": "Nesterov (look-ahead)",
        "adagrad": "Adagrad",
        "rmsprop": "RMSProp",
        "adadelta": "Adadelta",
        "adam": "Adam",
        "adamax": "Adamax",
        "nadam": "Nadam",
        "rmsprop_momentum": "RMSProp with momentum",
        "amsgrad": "AMSGrad",
        "adamw": "AdamW",
        "radam": "RAdam",
        "lion": "Lion",
        "muon": "Muon",
    }
)


def proper_name(optimizer: str) -> str:
    """An optimizer's name as its paper writes it; a name from elsewhere stays as it is.

    >>> proper_name("rmsprop"), proper_name("mine")
    ('RMSProp', 'mine')
    """
    return _PROPER.get(optimizer, optimizer)


def class_name(optimizer: str) -> str:
    """The name of an optimizer's class: its proper name, or its own in capitals where it is none of those here.

    >>> class_name("rmsprop"), class_name("sign_momentum")
    ('RMSProp', 'SignMomentum')
    """
    proper = _PROPER.get(optimizer, "")
    return proper if proper.isidentifier() else "".join(part[:1].upper() + part[1:] for part in optimizer.split("_"))


def _letters(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


_BY_LETTERS = MappingProxyType({_letters(name): rule for name, rule in ALL.items()})


def find(name: str | Rule) -> Rule:
    """The rule of that name, in any case and with any separators; InputError names the nearest where there is none.

    A rule is found as it is.

    >>> find("RMSProp").__name__, find("Nesterov-Lookahead").__name__
    ('rmsprop', 'nesterov_lookahead')
    """
    if not isinstance(name, str) and hasattr(name, "state"):
        return name
    letters = _letters(str(name))
    if letters not in _BY_LETTERS:
        raise unknown("optimizer", name, ALL)
    return _BY_LETTERS[letters]
