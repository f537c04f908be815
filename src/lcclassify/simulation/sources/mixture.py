"""A class of objects that is made of several kinds of sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.checks import require_positive
from lcclassify.errors import ConfigError
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.sources.base import Epochs, FloatArray, Parameters, Source, take

_SHARED: Final = ("redshift", "peak_mjd", "av")  # mean the same in every kind


class Mixture(Source):
    """Objects of one kind or another; the parameter "submodel" counts the kinds from 1.

    Parameters of a kind are named "kind/name", such as "2/nickel_mass"; they are 0 for the
    objects of other kinds.

    Args:
        sources: The kinds, all Galactic or none of them.
        shares: Relative number of objects of each.

    Raises:
        ConfigError: Not as many shares as kinds, none at all, or Galactic and extragalactic
            ones together.
    """

    def __init__(self, sources: Sequence[Source], shares: Sequence[float]) -> None:
        if not sources or len(sources) != len(shares):
            raise ConfigError(
                "sources and shares must be as many as each other and at least one, got "
                f"{len(sources)} and {len(shares)}"
            )
        for share in shares:
            require_positive(shares=share)
        if len({source.galactic for source in sources}) > 1:
            raise ConfigError("sources must be all Galactic or all extragalactic, got both")
        self.sources = tuple(sources)
        self.galactic = sources[0].galactic
        self._bounds = np.cumsum(shares)[:-1] / np.sum(shares)

    def draw(self, draws: Draws, redshift: FloatArray, span: tuple[float, float]) -> Parameters:
        """Draw a kind for each object, and the parameters of that kind."""
        kind = np.searchsorted(self._bounds, draws.uniform("mixture"), side="right")
        drawn: dict[str, FloatArray] = {"submodel": kind.astype(np.float64) + 1}
        for number, source in enumerate(self.sources, start=1):
            rows = np.flatnonzero(kind + 1 == number)
            own = source.draw(draws.take(rows), redshift[rows], span)
            for name, values in own.items():
                if name == "submodel":
                    continue
                key = name if name in _SHARED else f"{number}/{name}"
                whole = drawn.setdefault(key, np.zeros((len(kind), *values.shape[1:])))
                whole[rows] = values
        return drawn

    def flux(self, parameters: Parameters, epochs: Epochs) -> FloatArray:
        """Return the flux of each object's own kind."""
        flux = np.zeros(len(epochs))
        place = np.zeros(len(parameters["submodel"]), dtype=np.intp)
        for number, source in enumerate(self.sources, start=1):
            mine = parameters["submodel"] == number
            rows, chosen = np.flatnonzero(mine), np.flatnonzero(mine[epochs.row])
            if len(rows) == 0:
                continue
            place[rows] = np.arange(len(rows))
            own = Epochs(place[epochs.row[chosen]], epochs.mjd[chosen], epochs.passband[chosen])
            flux[chosen] = source.flux(_own(parameters, number, rows), own)
        return flux

    def peak(self, parameters: Parameters) -> FloatArray:
        """Return the strongest deviation from the template of each object's own kind."""
        return self._each(parameters, lambda source, own: source.peak(own))

    def template(self, parameters: Parameters) -> FloatArray:
        """Return the flux in the reference image of each object's own kind."""
        return self._each(parameters, lambda source, own: source.template(own))

    def _each(
        self, parameters: Parameters, of: Callable[[Source, Parameters], FloatArray]
    ) -> FloatArray:
        found = np.zeros((len(parameters["submodel"]), 6))
        for number, source in enumerate(self.sources, start=1):
            rows = np.flatnonzero(parameters["submodel"] == number)
            if len(rows):
                found[rows] = of(source, _own(parameters, number, rows))
        return found


def _own(parameters: Parameters, number: int, rows: NDArray[np.intp]) -> dict[str, FloatArray]:
    """Return the parameters of one kind under their own names, for these objects."""
    prefix = f"{number}/"
    own = {
        name.removeprefix(prefix): values
        for name, values in parameters.items()
        if name in _SHARED or name.startswith(prefix)
    }
    return take({**own, "submodel": parameters["submodel"]}, rows)
