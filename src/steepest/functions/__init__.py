"""Test functions as Problems: surfaces with known minima, saddles and spectra, and noise for their gradients."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ..errors import unknown
from ._classics import ackley as ackley
from ._classics import beale as beale
from ._classics import booth as booth
from ._classics import branin as branin
from ._classics import easom as easom
from ._classics import goldstein_price as goldstein_price
from ._classics import himmelblau as himmelblau
from ._classics import matyas as matyas
from ._classics import rastrigin as rastrigin
from ._classics import rosenbrock as rosenbrock
from ._classics import six_hump_camel as six_hump_camel
from ._classics import styblinski_tang as styblinski_tang
from ._classics import three_hump_camel as three_hump_camel
from ._noise import noisy as noisy
from ._pieces import PIECES as PIECES
from ._pieces import pieces as pieces
from ._surface import Kind as Kind
from ._surface import Stationary as Stationary
from ._surface import Surface as Surface
from ._surface import kind_of as kind_of
from ._tiny_networks import dead_network as dead_network
from ._tiny_networks import linear_network as linear_network
from ._tiny_networks import linear_network_index as linear_network_index
from ._tiny_networks import twin_network as twin_network
from ._tiny_networks import xor_network as xor_network
from ._troubles import bounded_saddle as bounded_saddle
from ._troubles import cliff as cliff
from ._troubles import eigenvalues as eigenvalues
from ._troubles import monkey_saddle as monkey_saddle
from ._troubles import quadratic as quadratic
from ._troubles import scalar_chain as scalar_chain
from ._troubles import sigmoid_well as sigmoid_well
from ._troubles import strict_saddle as strict_saddle

FUNCTIONS: Mapping[str, Callable[..., Surface]] = MappingProxyType(
    {
        one.__name__: one
        for one in (
            rosenbrock, beale, himmelblau, goldstein_price, styblinski_tang, booth, matyas, three_hump_camel,
            six_hump_camel, branin, rastrigin, ackley, easom, bounded_saddle, strict_saddle, monkey_saddle,
            scalar_chain, quadratic, cliff, sigmoid_well, xor_network, linear_network, twin_network, dead_network,
        )
    }
)  # fmt: skip


def find(name: str) -> Callable[..., Surface]:
    """The function of a name; InputError, with the nearest, for another.

    >>> find("rosenbrock")().dimensions
    2
    """
    if name not in FUNCTIONS:
        raise unknown("test function", name, FUNCTIONS)
    return FUNCTIONS[name]
