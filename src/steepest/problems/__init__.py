"""What is minimised: networks on tables, and any loss of one's own."""

from ._gradient_check import GradientCheck as GradientCheck
from ._gradient_check import check_gradient as check_gradient
from ._model import Model as Model
from ._network import NetworkInit as NetworkInit
from ._network import NetworkLoss as NetworkLoss
from ._network import NetworkProblem as NetworkProblem
from ._network import network as network
from ._problem import Init as Init
from ._problem import Instance as Instance
from ._problem import Loss as Loss
from ._problem import Measure as Measure
from ._problem import Minimised as Minimised
from ._problem import Problem as Problem
from ._problem import check_minimised as check_minimised
from ._problem import start as start
