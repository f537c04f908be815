"""Impossible numbers are refused by the name of their argument."""

import pytest

from lcclassify.errors import ConfigError
from lcclassify.simulation.sources.agn import AGN
from lcclassify.simulation.sources.eclipsing import EclipsingBinary
from lcclassify.simulation.sources.flares import MDwarfFlares
from lcclassify.simulation.sources.mira import Mira
from lcclassify.simulation.sources.radioactive import RadioactiveTransient
from lcclassify.simulation.sources.rr_lyrae import RRLyrae
from lcclassify.simulation.sources.stars import Stars

STARS = Stars("r", [16.0, 18.0, 20.0], [[1.8, 0.2, 0.0, 0.0, 0.0], [2.0, 0.6, 0.3, 0.1, 0.1]])


def test_a_number_out_of_range_is_refused_by_name(kind, kind_settings):
    given = kind_settings
    for name in set(given) - {"_target_", "correlation"}:
        for bad in (float("nan"), "much", None):
            if bad is None and name == "cutoff":
                continue
            arguments = {**given, name: bad}
            del arguments["_target_"]
            with pytest.raises(ConfigError, match=name):
                type(kind)(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"nickel_mass": 2.0}, "nickel_mass must be below ejecta_mass"),
        ({"correlation": 1.5}, "correlation must be between -1 and 1"),
        ({"floor": -1.0}, "floor must be a finite number above 0"),
        ({"av": -0.1}, "av must be a finite number of at least 0"),
        ({"duration": 0.0}, "duration must be a finite number above 0"),
        ({"cutoff": 0.0}, "cutoff must be a finite number above 0"),
    ],
)
def test_impossible_ejecta_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        RadioactiveTransient(
            **{"nickel_mass": 0.2, "ejecta_mass": 1.0, "velocity": 1e4} | arguments
        )


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: RRLyrae(STARS, c_fraction=1.2), "c_fraction"),
        (lambda: RRLyrae(STARS, period_ab=0.0), "period_ab"),
        (lambda: EclipsingBinary(STARS, contact_fraction=-0.1), "contact_fraction"),
        (lambda: EclipsingBinary(STARS, temperature=-1.0), "temperature"),
        (lambda: Mira(STARS, rise=1.0), "rise"),
        (lambda: Mira(STARS, period=float("nan")), "period"),
        (lambda: MDwarfFlares(STARS, strongest=1e-5), "strongest"),
        (lambda: MDwarfFlares(STARS, duration=0.5), "duration"),
        (lambda: AGN(bright_slope=0.0), "bright_slope"),
        (lambda: AGN(host_scatter=-1.0), "host_scatter"),
        (lambda: AGN(break_magnitude=float("inf")), "break_magnitude"),
        (lambda: Stars("R", [1.0, 2.0], [[0.0] * 5]), "passband"),
        (lambda: Stars("r", [2.0, 1.0], [[0.0] * 5]), "magnitudes"),
        (lambda: Stars("r", [1.0, 2.0], [[0.0] * 4]), "colours"),
        (lambda: Stars("r", [1.0, 2.0], [[0.0] * 5], [0.0]), "trend"),
    ],
)
def test_impossible_values_are_named(make, name):
    with pytest.raises(ConfigError, match=name):
        make()
