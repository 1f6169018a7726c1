"""Why a run goes badly: one measured quantity a file, and verdicts from them."""

from ._gradient_noise import GradientNoise as GradientNoise
from ._gradient_noise import gradient_noise as gradient_noise
from ._spectrum import Spectrum as Spectrum
from ._spectrum import spectrum as spectrum
