"""Units of tables of astropy are converted to the bundle's, or refused."""

from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable, Table

from lcclassify.errors import DataError
from lcclassify.inference.predictor import Predictor

UNITS = {u.nJy: 31.4, u.uJy: 23.9, u.mJy: 16.4, u.Jy: 8.9, u.def_unit("kJ", 1e3 * u.Jy): 1.4}


@pytest.mark.parametrize("kind", [Table, QTable])
@pytest.mark.parametrize("unit", UNITS, ids=str)
def test_units_are_converted(bundle, tables, unit, kind):
    predictor = Predictor(bundle, accelerator="cpu")
    expected = predictor.predict_proba(*tables)
    observations, objects = (Table.from_pandas(table.to_pandas()) for table in tables)
    factor = 10 ** (0.4 * (UNITS[unit] - 27.5))  # of the bundle's units to these
    for name in ("flux", "flux_err"):
        observations[name] = np.asarray(observations[name]) * factor
        observations[name].unit = unit
    observations["mjd"] = np.asarray(observations["mjd"]) * 24
    observations["mjd"].unit = u.hour
    found = predictor.predict_proba(kind(observations), objects)
    for name in ("class_Ia", "class_II", "class_90"):
        np.testing.assert_allclose(
            found[name].filled(np.nan), expected[name].to_numpy(), rtol=0, atol=1e-5
        )


def test_units_that_cannot_be(bundle, tables):
    def refused(sentence, bundle=bundle, **units):
        observations, objects = (Table.from_pandas(table.to_pandas()) for table in tables)
        for name, unit in units.items():
            observations[name].unit = unit
        predictor = Predictor(bundle, accelerator="cpu")
        with pytest.raises(DataError, match=sentence):
            predictor.predict_proba(observations, objects)

    for magnitude in (u.mag, u.ABmag):
        refused("'flux' of observations has the unit 'mag.*magnitudes are not", flux=magnitude)
    refused("'flux_err' .* 'ct', which is none of flux density", flux_err=u.ct)
    refused("'flux' .* 'furlong'", flux=u.Unit("furlong", parse_strict="silent"))
    refused("must both have a unit or none, and 'flux' alone", flux=u.nJy)
    bare = replace(bundle, zeropoint=None)
    refused("states no zero-point", bare, flux=u.nJy, flux_err=u.nJy)
    refused("'mjd' .* times in days .* 'JD'", mjd=u.Unit("JD", parse_strict="silent"))
    refused("'mjd' .* times in days .* 'm'", mjd=u.m)
