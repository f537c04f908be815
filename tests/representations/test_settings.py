"""Settings of a representation: what is left to the survey, and what is refused."""

import pytest

from lcclassify.errors import ConfigError
from lcclassify.representations.settings import RepresentationSettings


def named(redshift):
    return RepresentationSettings("mine", sequences={"redshift": redshift})


@pytest.mark.parametrize(
    ("wanted", "offered", "taken"),
    [
        ("auto", "photoz", "photoz"),
        ("auto", "specz", None),  # not among the metadata
        ("auto", None, None),
        ("host", "photoz", "host"),
        (None, "photoz", None),
    ],
)
def test_the_redshift_is_the_surveys_where_it_is_left_to_it(wanted, offered, taken):
    settings = named(wanted).of_survey(offered, ["photoz", "host"])
    assert settings.sequences.redshift == taken
    assert settings == named(taken)  # all else stays


def test_a_redshift_that_was_named_must_be_there():
    with pytest.raises(ConfigError, match=r"sequences\.redshift"):
        named("specz").of_survey("photoz", ["photoz"])


@pytest.mark.parametrize(
    ("key", "least", "below"),
    [("noise", 0, -0.01), ("night_length", 0.01, 0)],
)
def test_limits_of_numbers(key, least, below):
    assert getattr(RepresentationSettings("mine", **{key: least}), key) == least
    with pytest.raises(ConfigError, match=f"representation.{key}"):
        RepresentationSettings("mine", **{key: below})


@pytest.mark.parametrize("values", [(0, 1), (5, 5), (0,), (0, 10, 20)])
def test_a_range_of_fluxes_is_two_numbers_more_than_one_apart(values):
    """Its binary logarithm divides fluxes."""
    with pytest.raises(ConfigError, match="flux_range"):
        RepresentationSettings("mine", flux_scaling="log2_range", flux_range=values)


def test_a_range_needs_the_scaling_and_the_scaling_data_or_a_range():
    ranged = {"flux_range": (-1, 0.1)}
    with pytest.raises(ConfigError, match="no effect"):
        RepresentationSettings("mine", **ranged).of_survey(None, [])
    scaled = RepresentationSettings("mine", flux_scaling="log2_range", **ranged)
    assert scaled.of_survey(None, []).flux_range == (-1, 0.1)
    assert not scaled.needs_data
    assert RepresentationSettings("mine", flux_scaling="log2_range").needs_data
    assert not RepresentationSettings("mine").needs_data
