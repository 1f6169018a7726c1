"""Runs that are known to have a trouble, or none, since they were made so and checked: what a diagnosis is scored on.

``cases`` names them; each is drawn, trained and checked only when it is asked for, from its own stream of random
numbers, so that a case is the same whoever makes it and when. A draw that does not have the trouble is drawn again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

import steepest as st
from planting import (
    conditioning,
    gradients,
    minima,
    misleading,
    plateaus,
    rates,
    saddles,
    starts,
    units,
)
from planting import healthy as fine
from planting.draws import Planted
from planting.oracles import Refused, demand, wrong_rates

HEALTHY = "healthy"
Maker = Callable[[np.random.Generator], Planted]

# kind: {"function": makers, "network": makers}, without those on which the kind makes no sense.
KINDS: Mapping[str, Mapping[str, tuple[Maker, ...]]] = MappingProxyType(
    {
        "saddle": {
            "function": (
                saddles.saddle_between_wells, saddles.saddle_at_the_divide, saddles.saddle_of_a_factorisation,
                saddles.saddle_of_a_chain,
            ),
            "network": (saddles.saddle_of_twins, saddles.saddle_at_zero, saddles.saddle_of_a_linear_network),
        },
        "bad local minimum": {
            "function": (minima.other_minimum_of_a_surface, minima.shallow_well, minima.wrong_frequency),
            "network": (minima.minimum_of_few_units, minima.minimum_of_few_bumps),
        },
        "plateau or saturation": {
            "function": (plateaus.far_from_a_well, plateaus.high_step_of_a_staircase),
            "network": (
                units.saturated_start, units.saturated_by_large_steps, units.squared_error_of_a_saturated_output,
            ),
        },
        "vanishing gradient": {"network": (gradients.deep_and_squashed,)},
        "dead units": {"network": (units.dead_start, units.dead_by_large_steps)},
        "cliff or exploding gradient": {
            "function": (
                gradients.thrown_by_a_wall, gradients.chain_of_large_weights, gradients.thrown_by_a_wall,
                gradients.recurrence,
            ),
            "network": (gradients.deep_and_large, gradients.recurrent),
        },
        "ill-conditioning": {
            "function": (conditioning.ravine, conditioning.banana),
            "network": (conditioning.powers_of_one_column, conditioning.columns_of_many_sizes),
        },
        "noisy gradient": {"function": (rates.noisy_rows,), "network": (rates.few_rows_a_step,)},
        "rate too small": {"function": (rates.slow_rate_of_a_function,), "network": (rates.slow_rate_of_a_network,)},
        "rate too large": {"function": (rates.fast_rate_of_a_function,), "network": (rates.fast_rate_of_a_network,)},
        "bad initialisation": {"network": (starts.wrong_scale, starts.all_alike)},
        "lost plasticity": {"network": (starts.after_other_labels,)},
        "local slope misleads": {
            "function": (misleading.wrong_side_of_a_ridge,), "network": (misleading.away_to_infinity,),
        },
        HEALTHY: {
            "function": (
                fine.on_a_function, fine.with_mild_noise, fine.past_its_trouble, fine.own_model,
                fine.with_a_falling_rate,
            ),
            "network": (
                fine.network, fine.regression_without_hidden_units, fine.at_the_edge,
                fine.with_a_schedule, fine.network, fine.going_on,
            ),
        },
    }
)  # fmt: skip
_MOST_DRAWS = 200


@dataclass
class Case:
    """A run with a known trouble.

    name: such as ``saddle 7``.  kind: one of KINDS.  on: ``function`` or ``network``.  seed: of all cases.
    number: among those of its kind; even ones are for calibration, odd ones for scoring.
    details, also, refused: once made, the random parameters, the troubles that necessarily come along, and why draws
    were refused.
    """

    name: str
    kind: str
    on: str
    number: int
    seed: int
    details: dict[str, Any] = field(default_factory=dict)
    also: frozenset[str] = frozenset()
    refused: list[str] = field(default_factory=list)
    _planted: Planted | None = field(default=None, repr=False)

    @property
    def calibrates(self) -> bool:
        """Whether it is of the half on which thresholds may be chosen."""
        return self.number % 2 == 0

    @property
    def maker(self) -> Maker:
        """What draws it."""
        makers = KINDS[self.kind][self.on]
        return makers[self.number // (2 * len(KINDS[self.kind])) % len(makers)]

    def make(self) -> st.Run:
        """The finished run; the same one whenever it is asked for."""
        if self._planted is None:
            self._planted = self._drawn()
            self.details, self.also = dict(self._planted.details), self._planted.also - {self.kind}
        return self._planted.run

    def siblings(self) -> tuple[st.Run, ...]:
        """Other runs of the same problem, which the check needed."""
        self.make()
        assert self._planted is not None
        return self._planted.siblings

    def forget(self) -> None:
        """Let go of the run."""
        self._planted = None

    def _drawn(self) -> Planted:
        self.refused = []
        for draw in range(_MOST_DRAWS):
            try:
                made = self.maker(np.random.default_rng([self.seed, list(KINDS).index(self.kind), self.number, draw]))
                return made._replace(also=made.also | self._wrong_rates(made))
            except Refused as refused:
                self.refused.append(str(refused))
        raise RuntimeError(f"{self.name} was drawn {_MOST_DRAWS} times in vain: {set(self.refused)}")

    def _wrong_rates(self, made: Planted) -> frozenset[str]:
        """A wrong rate that comes along, by the measure of those that are planted; of bad conditioning none may."""
        if self.kind in (HEALTHY, "rate too small", "rate too large"):
            return frozenset()
        found = wrong_rates(made.run, made.most)
        demand(not found or self.kind != "ill-conditioning", "another rate is quick enough")
        return found


def cases(count_each: int = 24, healthy: int = 150, seed: int = 0) -> list[Case]:
    """So many cases of each trouble, on functions and networks by turns in either half, and healthy ones."""
    made = []
    for kind, makers in KINDS.items():
        on = list(makers)
        for number in range(healthy if kind == HEALTHY else count_each):
            made.append(Case(f"{kind} {number}", kind, on[number // 2 % len(on)], number, seed))
    return made
