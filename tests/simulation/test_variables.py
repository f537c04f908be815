"""What the light curves of all variable sources have in common."""

import inspect

import numpy as np
import pytest

from lcclassify.simulation.sources.base import Epochs, take

STATIC = ("rr_lyrae", "eclipsing_binary", "mira", "m_dwarf_flare", "agn", "microlensing")
ALL = (*STATIC, "binary_lens")


@pytest.fixture(scope="module")
def visits(span):
    """Visits of n objects at random times, in random passbands."""

    def epochs(n, count=60):
        rng = np.random.default_rng(0)
        mjd = np.sort(rng.uniform(*span, (n, count)), axis=1).ravel()
        passband = rng.integers(0, 6, n * count).astype(np.uint8)
        return Epochs(np.repeat(np.arange(n), count), mjd, passband)

    return epochs


@pytest.mark.parametrize("name", ALL)
def test_every_argument_of_the_source_stands_in_its_file(name, source_of, settings_of):
    config = settings_of(name)["source"]
    arguments = inspect.signature(type(source_of(name))).parameters
    assert set(config) - {"_target_"} == set(arguments)


@pytest.mark.parametrize("name", ALL)
def test_an_object_is_the_same_to_the_bit_whatever_the_others(name, source_of, span, drawn, visits):
    source = source_of(name)
    n = 48
    draws, parameters = drawn(source, n)
    epochs = visits(n)
    flux = source.flux(parameters, epochs).reshape(n, -1)
    redshift = np.zeros(n) if source.galactic else parameters["redshift"]
    for rows in (np.array([7]), np.arange(3, 30)[::-1], np.arange(0, n, 5)):
        some = source.draw(draws.take(rows), redshift[rows], span)
        assert set(some) == set(parameters)
        for key, values in take(parameters, rows).items():
            np.testing.assert_array_equal(some[key], values, err_msg=key)
        at = [np.flatnonzero(epochs.row == row) for row in rows]
        part = Epochs(
            np.repeat(np.arange(len(rows)), [len(one) for one in at]),
            epochs.mjd[np.concatenate(at)],
            epochs.passband[np.concatenate(at)],
        )
        np.testing.assert_array_equal(source.flux(some, part).reshape(len(rows), -1), flux[rows])
        np.testing.assert_array_equal(source.template(some), source.template(parameters)[rows])
        np.testing.assert_array_equal(source.peak(some), source.peak(parameters)[rows])


@pytest.mark.parametrize("name", ALL)
def test_an_observation_does_not_depend_on_the_others_of_its_object(name, source_of, drawn, visits):
    source = source_of(name)
    _, parameters = drawn(source, 40)
    epochs = visits(40)
    some = np.arange(0, len(epochs), 7)
    alone = Epochs(epochs.row[some], epochs.mjd[some], epochs.passband[some])
    np.testing.assert_array_equal(
        source.flux(parameters, alone), source.flux(parameters, epochs)[some]
    )


@pytest.mark.parametrize("name", ALL)
def test_fluxes_are_finite_and_not_negative(name, source_of, drawn, visits):
    source = source_of(name)
    _, parameters = drawn(source, 1500)
    flux = source.flux(parameters, visits(1500))
    assert np.isfinite(flux).all()
    assert (flux >= 0).all()
    peak, template = source.peak(parameters), source.template(parameters)
    assert peak.shape == template.shape == (1500, 6)
    assert np.isfinite(peak).all()
    assert (peak > 0).all()
    assert (template > 0).all()


@pytest.mark.parametrize("name", ["rr_lyrae", "eclipsing_binary", "mira", "agn"])
def test_difference_fluxes_change_sign(name, source_of, span, drawn, on_grid):
    source = source_of(name)
    n = 200
    _, parameters = drawn(source, n)
    times = np.arange(span[0], span[1], 0.37)
    for passband in (1, 4):
        flux = source.flux(parameters, on_grid(n, times, passband)).reshape(n, -1)
        difference = flux - source.template(parameters)[:, passband, None]
        both = (difference.min(axis=1) < 0) & (difference.max(axis=1) > 0)
        # A slow nucleus may stay on one side of its mean for three years.
        assert both.mean() > (0.6 if name == "agn" else 0.995)
