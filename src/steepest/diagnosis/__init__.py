"""Why a run goes badly: one measured quantity a file, and verdicts from them."""

from ._gradient_noise import GradientNoise as GradientNoise
from ._gradient_noise import gradient_noise as gradient_noise
from ._spectrum import Spectrum as Spectrum
from ._spectrum import spectrum as spectrum
from ._step import StepCurvature as StepCurvature
from ._step import step_curvature as step_curvature
from ._units import LayerUnits as LayerUnits
from ._units import effective_rank as effective_rank
from ._units import layer_units as layer_units
