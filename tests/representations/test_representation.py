"""Settings are checked, fitting sees the training objects only, a state comes back whole."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import yaml
from hydra import compose, initialize_config_dir
from hypothesis import given, settings
from hypothesis import strategies as st

from lcclassify.build import config_dir, instantiate
from lcclassify.errors import ConfigError, DataError
from lcclassify.representations.context import CONTEXT_KINDS
from lcclassify.representations.features.reference import aggregate_features
from lcclassify.representations.noise import add_flux_noise
from lcclassify.representations.representation import FittedRepresentation, Representation
from lcclassify.schema import LightCurves, Passbands

FORMS = ("default", "paper")
AUTHORS_RANGE = (-1596742.6487144697, 2751626.3243459687)


def composed(form, *overrides):
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("train", overrides=[f"representation={form}", *overrides])
    return config["representation"]


def settings_of(form, **changes):
    return replace(instantiate(composed(form)), **changes)


def test_every_file_of_the_group_is_tested():
    files = {file.stem for file in (config_dir() / "representation").glob("*.yaml")}
    assert files == set(FORMS)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_composes_fits_and_prepares(form, survey, curves_of):
    representation = settings_of(form)
    assert representation.name == form
    assert set(representation.transforms) == {"features", "context", "sequences"}
    curves = curves_of(*survey(20))
    fitted = representation.fit(curves, seed=1)
    prepared = fitted.prepare(curves)
    assert prepared.feature_names == fitted.feature_names
    assert prepared.features.shape == (20, len(fitted.feature_names))
    assert len(fitted.feature_names) == 156 or form != "paper"
    without = fitted.prepare(curves, with_features=False)
    assert without.features.shape == (20, 0)
    np.testing.assert_array_equal(without.sequences, prepared.sequences)
    np.testing.assert_array_equal(without.context, prepared.context)
    assert prepared.context.shape == (20, len(fitted.context_names))
    assert prepared.sequences.shape == (prepared.offsets[-1], len(fitted.channel_names))
    assert np.isfinite(prepared.sequences).all()
    assert not np.isinf(prepared.features).any()
    assert not np.isinf(prepared.context).any()
    assert prepared.lengths.max() == fitted.max_length


def test_the_papers_form_is_the_references():
    paper = settings_of("paper")
    assert paper.noise == pytest.approx(2 / 3, rel=1e-15)
    assert paper.night_length == 0.33
    assert (paper.flux_scaling, paper.flux_range, paper.context) == ("log2_range", None, ())
    assert paper.sequences.bands == ("flux", "flux_err")
    assert paper.sequences.times == ("days_since_previous",)
    assert paper.transforms["features"] == {
        "kind": "yeo_johnson",
        "impute": "zero",
        "indicator": False,
        "clip": None,
    }


# --- settings -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"noize": 1}, "representation has no key 'noize': did you mean 'noise'"),
        ({"sequence": {}}, "no key 'sequence': did you mean 'sequences'"),
        ({"noise": -0.1}, "representation.noise must be at least 0, got -0.1"),
        ({"noise": "2/3"}, "representation.noise must be a finite number, got '2/3'"),
        ({"noise": float("nan")}, "representation.noise must be a finite number"),
        ({"noise": float("inf")}, "representation.noise must be a finite number"),
        ({"noise": None}, "representation.noise must be a finite number, got None"),
        ({"night_length": 0}, "representation.night_length must be positive days, got 0"),
        ({"night_length": "8h"}, "representation.night_length must be a finite number, got '8h'"),
        ({"flux_scaling": "log_range"}, "representation.flux_scaling .*did you mean 'log2_range'"),
        ({"flux_scaling": None}, "representation.flux_scaling .*none, log2_range"),
        ({"flux_range": [1]}, r"flux_range must be \[flux_min, flux_max\] .* got \[1.0\]"),
        ({"flux_range": [3, 2]}, r"flux_range must be \[flux_min, flux_max\] .* got \[3.0, 2.0\]"),
        ({"flux_range": [0, "x"]}, "flux_range must be a finite number, got 'x'"),
        ({"flux_range": [0, float("inf")]}, "flux_range must be a finite number, got inf"),
        ({"flux_range": 7}, "flux_range must be a list of numbers, got 7"),
        ({"context": ["metdata"]}, "representation.context .*did you mean 'metadata'"),
        ({"context": "metadata"}, "representation.context must be a list, got 'metadata'"),
        ({"context": ["metadata", "metadata"]}, "representation.context has a word twice"),
        ({"sequences": {"bands": ["fluxx"]}}, "representation.sequences.bands .* 'flux'"),
        ({"sequences": {"bnds": []}}, "representation.sequences has no key 'bnds'.*'bands'"),
        ({"sequences": ["flux"]}, "representation.sequences must be a mapping"),
        ({"sequences": None}, "representation.sequences must be a mapping"),
        ({"transforms": {"feature": {}}}, "representation.transforms .*did you mean 'features'"),
        (
            {"transforms": {"features": {"clpi": 1}}},
            "no key 'clpi': did you mean 'clip'",
        ),
        ({"transforms": {"sequences": {"impute": "zero"}}}, "sequences has no key 'impute'"),
        ({"transforms": {"features": "x"}}, "transforms.features must be a mapping, got 'x'"),
        ({"transforms": ["features"]}, "representation.transforms must be a mapping"),
        ({"transforms": None}, "representation.transforms must be a mapping"),
    ],
)
def test_wrong_settings_are_named(config, message):
    with pytest.raises(ConfigError, match=message):
        Representation.from_config({"name": "x"} | config)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("+representation.noize=1", "noize"),
        ("representation.flux_scaling=log2range", "did you mean 'log2_range'"),
        ("representation.sequences.bands=[flx]", "did you mean 'flux'"),
        ("representation.context=[metadat]", "did you mean 'metadata'"),
        ("representation.noise=much", "must be a finite number, got 'much'"),
    ],
)
def test_wrong_overrides_are_configuration_errors(override, message):
    with pytest.raises(ConfigError, match=message):
        instantiate(composed("default", override))


# --- state --------------------------------------------------------------------------

plain_settings = st.fixed_dictionaries(
    {
        "name": st.text(min_size=1, max_size=8),
        "noise": st.floats(0, 1e300),
        "flux_scaling": st.sampled_from(["none", "log2_range"]),
        "flux_range": st.none() | st.tuples(st.floats(-1e12, -1), st.floats(1e-9, 1e12)).map(list),
        "night_length": st.floats(1e-9, 1e3, exclude_min=True),
        "sequences": st.fixed_dictionaries(
            {
                "bands": st.just(["flux", "observed"]),
                "times": st.lists(st.just("days_since_previous"), max_size=1),
                "redshift": st.none() | st.text(min_size=1, max_size=5),
            }
        ),
        "context": st.lists(st.sampled_from(CONTEXT_KINDS), unique=True),
        "transforms": st.just({"features": {"kind": "standard", "indicator": True}}),
    }
)


@settings(max_examples=60, deadline=None)
@given(
    plain_settings,
    st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=4, unique=True),
    st.none() | st.tuples(st.floats(-1e30, 0), st.floats(1, 1e30)),
    st.integers(0, 2**31),
)
def test_a_state_comes_back_whole_through_yaml_and_json(config, bands, flux_range, seed):
    fitted = FittedRepresentation(
        settings=Representation.from_config(config),
        passbands=Passbands(tuple(bands), tuple(float(n) for n in range(len(bands)))),
        metadata=("z", "mwebv"),
        flux_range=flux_range,
        max_length=17,
        seed=seed,
    )
    state = fitted.state()
    assert json.loads(json.dumps(state)) == state  # lists, not tuples
    assert FittedRepresentation.from_state(state) == fitted
    assert FittedRepresentation.from_state(json.loads(json.dumps(state))) == fitted
    assert FittedRepresentation.from_state(yaml.safe_load(yaml.safe_dump(state))) == fitted


@pytest.mark.parametrize("form", FORMS)
def test_a_fitted_form_prepares_the_same_after_its_state_was_stored(form, survey, curves_of):
    curves = curves_of(*survey(20))
    fitted = settings_of(form).fit(curves, seed=4)
    again = FittedRepresentation.from_state(yaml.safe_load(yaml.safe_dump(fitted.state())))
    assert again == fitted
    assert_same(again.prepare(curves), fitted.prepare(curves))


def test_an_unknown_key_in_a_state_is_named(survey, curves_of):
    state = settings_of("paper").fit(curves_of(*survey(8)), seed=4).state()
    state["settings"]["nois"] = 1.0
    with pytest.raises(ConfigError, match="no key 'nois': did you mean 'noise'"):
        FittedRepresentation.from_state(state)


# --- fitting ------------------------------------------------------------------------


def assert_same(one, other):
    assert one.object_ids.equals(other.object_ids)
    np.testing.assert_array_equal(one.features, other.features)
    np.testing.assert_array_equal(one.context, other.context)
    np.testing.assert_array_equal(one.sequences, other.sequences)
    np.testing.assert_array_equal(one.offsets, other.offsets)


def part(curves, ids):
    """Return the light curves of some objects."""
    keep = pl.col("object_id").is_in(list(ids))
    return LightCurves(
        curves.observations.filter(keep), curves.objects.filter(keep), curves.passbands
    )


def test_the_range_is_of_the_noisy_training_fluxes(survey, curves_of):
    curves = curves_of(*survey(30))
    paper = settings_of("paper")
    fitted = paper.fit(curves, seed=6)
    noisy = add_flux_noise(curves, paper.noise, seed=6).observations["flux"]
    assert fitted.flux_range == (noisy.min(), noisy.max())
    plain = curves.observations["flux"]
    assert fitted.flux_range != (plain.min(), plain.max())
    assert fitted.flux_factor == pytest.approx(1 / np.log2(noisy.max() - noisy.min()), rel=1e-15)
    assert paper.fit(curves, seed=7).flux_range != fitted.flux_range
    # The same noise, and this factor, are in what is prepared.
    observations = curves.observations.with_columns(noisy)
    scaled = observations.with_columns(pl.col("flux", "flux_err") * fitted.flux_factor)
    expected = aggregate_features(LightCurves(scaled, curves.objects, curves.passbands))
    position = fitted.feature_names.index("flux_max")
    np.testing.assert_allclose(
        fitted.prepare(curves).features[:, position], expected["flux_max"], rtol=1e-12
    )


def test_a_range_that_is_given_is_used(survey, curves_of):
    curves = curves_of(*survey(10))
    fitted = settings_of("paper", flux_range=AUTHORS_RANGE).fit(curves, seed=0)
    assert fitted.flux_range == AUTHORS_RANGE
    assert fitted.flux_factor == 1 / np.log2(AUTHORS_RANGE[1] - AUTHORS_RANGE[0])
    assert settings_of("default").fit(curves, seed=0).flux_factor == 1.0


@pytest.mark.parametrize("form", FORMS)
def test_objects_outside_training_change_nothing(form, survey, curves_of):
    observations, objects = survey(30)
    training = objects["object_id"].iloc[:20]
    curves = curves_of(observations, objects)
    fitted = settings_of(form).fit(part(curves, training), seed=2)
    # The others become a million times as bright.
    other = ~observations["object_id"].isin(training)
    brighter = observations.assign(flux=observations["flux"].where(~other, 1e6))
    changed = curves_of(brighter, objects)
    assert settings_of(form).fit(part(changed, training), seed=2) == fitted
    assert_same(part_of(fitted.prepare(changed), 20), fitted.prepare(part(curves, training)))


def part_of(prepared, count):
    """Return the first objects of a prepared set."""
    end = prepared.offsets[count]
    return replace(
        prepared,
        object_ids=prepared.object_ids.head(count),
        features=prepared.features[:count],
        context=prepared.context[:count],
        sequences=prepared.sequences[:end],
        offsets=prepared.offsets[: count + 1],
    )


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 39), st.sampled_from(FORMS))
def test_chunks_prepare_as_the_whole(survey, curves_of, cut, form):
    curves = curves_of(*survey(40, seed=9))
    fitted = settings_of(form).fit(curves, seed=5)
    whole = fitted.prepare(curves)
    ids = curves.objects["object_id"].to_list()
    one, other = (fitted.prepare(part(curves, some)) for some in (ids[:cut], ids[cut:]))
    np.testing.assert_array_equal(np.concatenate([one.sequences, other.sequences]), whole.sequences)
    np.testing.assert_array_equal(np.concatenate([one.lengths, other.lengths]), whole.lengths)
    for name in ("features", "context"):
        parts = np.concatenate([getattr(one, name), getattr(other, name)])
        np.testing.assert_allclose(parts, getattr(whole, name), rtol=1e-12, atol=1e-12)


def test_objects_without_observations_are_left_out(survey, curves_of):
    observations, objects = survey(10)
    gone = [1000, 1021, 1063]
    curves = curves_of(observations[~observations["object_id"].isin(gone)], objects)
    assert len(curves.objects) == 10
    prepared = settings_of("default").fit(curves, seed=0).prepare(curves)
    assert prepared.object_ids.to_list() == [i for i in objects["object_id"] if i not in gone]
    assert len(prepared.features) == len(prepared.lengths) == 7
    assert (prepared.lengths >= 1).all()


def test_context_is_metadata_the_flux_scale_and_periods(survey, curves_of):
    curves = curves_of(*survey(10))
    fitted = settings_of("default").fit(curves, seed=0)
    own = (*curves.metadata_columns, "log_flux_scale")
    assert fitted.context_names[: len(own)] == own
    prepared = fitted.prepare(curves)
    columns = [fitted.feature_names.index(name) for name in fitted.context_names[len(own) :]]
    assert len(columns) == 35 + 2 * len(curves.passbands)
    periodic = prepared.context[:, len(own) :]
    np.testing.assert_array_equal(periodic, prepared.features[:, columns])
    expected = curves.objects["distmod"].fill_null(np.nan).to_numpy()
    position = fitted.context_names.index("distmod")
    np.testing.assert_array_equal(prepared.context[:, position], expected)
    assert np.isfinite(prepared.context[:, len(own) - 1]).all()


def test_nothing_to_fit_on(survey, curves_of):
    observations, objects = survey(4)
    with pytest.raises(DataError, match="no usable observation"):
        settings_of("paper").fit(curves_of(observations.head(0), objects), seed=0)
    faint = curves_of(observations.assign(flux=0.0, flux_err=1e-9), objects)
    with pytest.raises(DataError, match=r"span .* set representation.flux_scaling=none"):
        settings_of("paper").fit(faint, seed=0)
    assert settings_of("default").fit(faint, seed=0).max_length >= 1


def test_light_curves_of_another_survey_are_refused(survey, curves_of):
    curves = curves_of(*survey(6))
    fitted = settings_of("default").fit(curves, seed=0)
    with pytest.raises(DataError, match=r"passbands g, r, i, z, .* fitted on u, g, r, i, z, y"):
        fitted.prepare(curves_of(*survey(6, 4), 4))
    renamed = LightCurves(
        curves.observations, curves.objects.rename({"mwebv": "mwebw"}), curves.passbands
    )
    with pytest.raises(DataError, match=r"column 'mwebv'.*did you mean 'mwebw'"):
        fitted.prepare(renamed)
    orphans = LightCurves(curves.observations, curves.objects.head(3), curves.passbands)
    with pytest.raises(DataError, match="3 objects have observations but no row"):
        fitted.prepare(orphans)


def test_more_metadata_columns_in_any_order_change_nothing(survey, curves_of):
    curves = curves_of(*survey(10))
    fitted = settings_of("default").fit(curves, seed=0)
    objects = curves.objects.with_columns(extra=pl.lit(1.0))
    objects = objects.select("object_id", "label", "subset", *reversed(objects.columns[3:]))
    other = LightCurves(curves.observations, objects, curves.passbands)
    assert_same(fitted.prepare(other), fitted.prepare(curves))


@pytest.mark.parametrize("trained_on", ["with", "without"])
def test_wavelengths_that_one_survey_lacks_are_those_of_the_other(trained_on, survey, curves_of):
    """A table has none unless they are stated, and its bundle of another survey may have some."""
    curves = curves_of(*survey(10))
    bare = replace(curves, passbands=Passbands(curves.passbands.names))
    known = (367.1, 482.7, 622.3, 754.6, 869.1, 971.0)
    stated = replace(curves, passbands=Passbands(curves.passbands.names, known))
    own, other = (stated, bare) if trained_on == "with" else (bare, stated)
    fitted = settings_of("default").fit(own, seed=0)
    prepared = fitted.prepare(other)
    assert prepared.features.shape == (10, len(fitted.feature_names))
    assert_same(prepared, fitted.prepare(own))
