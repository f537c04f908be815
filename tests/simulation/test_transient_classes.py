"""What sets single classes of transients apart."""

import numpy as np
import pytest

from lcclassify.simulation import passbands
from lcclassify.simulation.sources.thermal import ThermalTransient
from lcclassify.simulation.sources.type_ia import TypeIaSupernova

G, R, INFRARED, Z = (passbands.NAMES.index(name) for name in "griz")


@pytest.fixture(scope="module")
def decline(light_curves):
    """Magnitudes by which objects fade in so many days after the peak."""

    def fading(source, parameters, days, band):
        magnitude = passbands.magnitude_of(light_curves(source, parameters, np.array([0.0, days])))
        return magnitude[:, 1, band] - magnitude[:, 0, band]

    return fading


def test_91bg_supernovae_fade_faster_and_are_redder(source_of, explosions, decline):
    normal, subluminous = source_of("sn_ia"), source_of("sn_91bg")
    ia, bg = explosions(normal, 300, 0.02), explosions(subluminous, 300, 0.02)
    slow, fast = decline(normal, ia, 15, G), decline(subluminous, bg, 15, G)
    assert np.median(fast) > np.median(slow) + 0.5
    colours = [
        np.median(passbands.magnitude_of(p[:, G]) - passbands.magnitude_of(p[:, R]))
        for p in (normal.peak(ia), subluminous.peak(bg))
    ]
    assert colours[1] > colours[0] + 0.15


def test_stretched_type_ia_supernovae_fade_slower(explosions, decline):
    source = TypeIaSupernova(scatter=0.0)
    parameters = explosions(source, 3, 0.02)
    parameters["x1"] = np.array([-2.0, 0.0, 2.0])
    parameters["colour"] = np.zeros(3)
    fading = decline(source, parameters, 15, G)
    assert fading[0] > fading[1] + 0.1 > fading[2] + 0.2


def test_type_ia_supernovae_have_a_second_maximum_in_the_infrared_only(explosions, light_curves):
    source = TypeIaSupernova()
    parameters = explosions(source, 1, 0.02)
    phases = np.arange(-10.0, 60.0)
    curves = light_curves(source, parameters, phases)[0]
    late = (phases > 12) & (phases < 40)
    rising = np.diff(curves, axis=0) > 0
    assert rising[late[1:], Z].any()
    assert not rising[late[1:], G].any()


def test_a_kilonova_fades_within_days_and_reddens(source_of, explosions, light_curves):
    source = source_of("kilonova")
    parameters = explosions(source, 100, 0.03)
    magnitude = passbands.magnitude_of(
        light_curves(source, parameters, np.array([0.0, 1.0, 2.0, 4.0, 10.0]))
    )
    assert (magnitude[:, 4, R] - magnitude[:, 0, R] > 3).all()
    colour = magnitude[:, :4, G] - magnitude[:, :4, INFRARED]
    assert (np.diff(colour, axis=1) > 0).all()


def test_a_plateau_lasts_as_long_as_energy_and_mass_say(source_of, explosions):
    source = source_of("sn_ii-2")
    parameters = explosions(source, 2, 0.01)
    for name in parameters:
        parameters[name] = np.full(2, parameters[name][0])
    parameters["energy"], parameters["mass"] = np.array([1.0, 0.5]), np.array([10.0, 16.0])
    parameters["radius"], parameters["decline"] = np.full(2, 500.0), np.zeros(2)
    (component,) = source.evolve(parameters)
    at_50 = [np.interp(50, source.time, component.luminosity[:, i]) for i in (0, 1)]
    # The end of the plateau: half of the luminosity at 50 days.
    ends = [
        source.time[np.flatnonzero(component.luminosity[:, i] > at_50[i] / 2)[-1]] for i in (0, 1)
    ]
    assert at_50[0] == pytest.approx(1.26e42, rel=0.02)
    assert ends[0] == pytest.approx(122, abs=9)  # a step of the grid
    assert at_50[1] / at_50[0] == pytest.approx(0.5 ** (5 / 6) * 1.6**-0.5, rel=0.02)
    assert ends[1] == pytest.approx(122 * 0.5**-0.25 * 1.6**0.5, abs=13)


def test_a_disrupted_star_fades_as_its_debris_falls_back(source_of, explosions):
    source = source_of("tde")
    assert isinstance(source, ThermalTransient)
    parameters = explosions(source, 20)
    (component,) = source.evolve(parameters)
    late = source.time > 6 * 41 * np.sqrt(parameters["black_hole_mass"].min())
    quickest = int(np.argmin(parameters["black_hole_mass"]))
    slope = np.polyfit(
        np.log(source.time[late]), np.log(component.luminosity[late, quickest]), deg=1
    )[0]
    assert slope == pytest.approx(-5 / 3, abs=0.02)
    assert (component.temperature > 8000).all()
