"""Context columns: the luminosity is that of astropy's distances, and missing where it must be."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM
from hypothesis import given, settings
from hypothesis import strategies as st

from lcclassify.errors import ConfigError
from lcclassify.representations.context import (
    CONTEXT_KINDS,
    context_matrix,
    context_names,
    known_kinds,
    log_luminosity,
)
from lcclassify.representations.features.sets import feature_matrix, set_names
from lcclassify.representations.representation import Representation


@settings(max_examples=50, deadline=None)
@given(
    flux=st.floats(1e-6, 1e9),
    near=st.floats(0.005, 6.0),
    far=st.floats(0.005, 6.0),
)
def test_a_source_has_its_luminosity_at_every_distance(flux, near, far):
    parsecs = FlatLambdaCDM(H0=70, Om0=0.3).luminosity_distance([near, far]).to_value("pc")
    seen = flux * (parsecs[0] / parsecs) ** 2
    found = log_luminosity(seen, np.array([near, far]))
    np.testing.assert_allclose(found, np.log(flux * (parsecs[0] / 10) ** 2), rtol=0, atol=1e-5)


def test_it_is_missing_where_the_redshift_is():
    found = log_luminosity(np.ones(4), np.array([np.nan, 0.0, -0.01, 0.01]))
    assert np.isnan(found).tolist() == [True, True, True, False]
    assert np.isfinite(log_luminosity(np.ones(1), np.array([40.0]))).all()  # a wild estimate


def test_columns_stand_in_the_order_of_the_kinds():
    scale, redshift = np.array([2.0, 3.0]), np.array([0.1, np.nan])
    metadata = {"log_luminosity": np.array([5.0, 6.0]), "mwebv": np.array([7.0, 8.0])}
    sets = {"gp": np.array([[1.0, 2.0], [3.0, np.nan]])}
    names = {"gp": ("gp_peak", "gp_rise")}
    for kinds in (CONTEXT_KINDS, ("gp", *CONTEXT_KINDS[::-1]), ("metadata",)):
        columns = context_matrix(kinds, list(metadata.values()), scale, redshift, sets)
        expected = {
            "metadata": list(metadata.values()),
            "log_flux_scale": [np.log(scale)],
            "log_luminosity": [log_luminosity(scale, redshift)],
            "gp": list(sets["gp"].T),
        }
        np.testing.assert_array_equal(columns.T, [c for kind in kinds for c in expected[kind]])
        assert len(context_names(kinds, list(metadata), names)) == columns.shape[1]
    assert context_matrix((), list(metadata.values()), scale, redshift, {}).shape == (2, 0)


def test_without_a_redshift_there_is_no_luminosity(survey, curves_of):
    curves = curves_of(*survey(10))
    form = {"bands": ["relative_flux"], "times": ["days_since_previous"]}
    for redshift, names in (
        (None, ("log_flux_scale",)),
        ("hostgal_photoz", ("log_flux_scale", "log_luminosity")),
    ):
        settings_ = Representation(
            name="some",
            sequences={**form, "redshift": redshift},
            context=("log_flux_scale", "log_luminosity"),
        )
        fitted = settings_.fit(curves, seed=0)
        assert fitted.context_names == names
        prepared = fitted.prepare(curves)
        assert prepared.context_names == names
        assert prepared.context.shape == (len(prepared), len(names))
    photoz = curves.objects["hostgal_photoz"].to_numpy()
    expected = log_luminosity(np.exp(prepared.context[:, 0]), photoz)
    np.testing.assert_allclose(prepared.context[:, 1], expected)


@pytest.mark.parametrize("features", [("reference",), ("periodic", "gp")])
def test_sets_of_features_are_a_context(survey, curves_of, features):
    """Whether features are wanted or not, and are among them or not."""
    curves = curves_of(*survey(10))
    fitted = Representation(
        name="some",
        sequences={"bands": ["relative_flux"], "times": ["days_since_previous"]},
        features=features,
        feature_bands="names",
        context=("periodic", "log_flux_scale"),
    ).fit(curves, seed=0)
    prepared = fitted.prepare(curves)
    names = set_names("periodic", curves.passbands, with_redshift=False)
    assert prepared.context_names == (*names, "log_flux_scale")
    expected = feature_matrix(
        ("periodic",), curves, np.full(len(prepared), np.nan), with_redshift=False
    )[:, : len(names)]
    np.testing.assert_array_equal(prepared.context[:, :-1], expected)
    assert np.isfinite(expected).any()
    without = fitted.prepare(curves, with_features=False)
    assert without.features.shape == (len(prepared), 0)
    np.testing.assert_array_equal(without.context, prepared.context)
    assert type(fitted).from_state(fitted.state()).context_names == prepared.context_names


@pytest.mark.parametrize(
    "used", [{"context": ("metadata", "periodic")}, {"features": ("periodic",)}], ids=list
)
def test_metadata_with_the_name_of_a_feature_are_refused(used, survey, curves_of):
    curves = curves_of(*survey(10))
    taken = set_names("periodic", curves.passbands, with_redshift=False)[0]
    curves = replace(curves, objects=curves.objects.rename({"mwebv": taken}))
    settings_ = Representation(
        name="some",
        sequences={"bands": ["relative_flux"], "times": ["days_since_previous"]},
        feature_bands="names",
        **used,
    )
    with pytest.raises(ConfigError, match=f"'{taken}' has the name of a feature"):
        settings_.fit(curves, seed=0).prepare(curves)


def test_the_reference_is_no_context():
    with pytest.raises(ConfigError, match=r"representation\.context cannot be 'reference'"):
        Representation(name="some", context=("reference",))


def test_kinds_that_a_survey_has():
    assert known_kinds(CONTEXT_KINDS, with_redshift=True) == CONTEXT_KINDS
    assert known_kinds(CONTEXT_KINDS, with_redshift=False) == ("metadata", "log_flux_scale")
    with pytest.raises(ValueError, match="did you mean 'log_luminosity'"):
        Representation(name="some", context=("log_luminosty",))
