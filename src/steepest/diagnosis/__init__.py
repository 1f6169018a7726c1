"""Why a run goes badly: one measured quantity a file, and verdicts from them."""

from ._spectrum import Spectrum as Spectrum
from ._spectrum import spectrum as spectrum
