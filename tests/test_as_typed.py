"""Names and paths that look like numbers reach a task as they were typed."""

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser

from lcclassify.as_typed import as_typed
from lcclassify.build import config_dir, make_survey
from lcclassify.cli import register_resolvers
from lcclassify.nn.priors import Priors


@pytest.mark.parametrize(
    "text",
    [
        "1e5",
        "007",
        "1_000",
        "1_0",
        "+5",
        "1.50",
        "42.0",
        "nan",
        "-inf",
        "true",
        "1e400",
        ".5",
        "5.",
    ],
)
@pytest.mark.parametrize("key", ["object", "output", "survey.root", "+survey.class_map.x"])
def test_texts(key, text):
    [word] = as_typed([f"{key}={text}"])
    assert OverridesParser.create().parse_override(word).value() == text


def test_items_of_lists():
    [word] = as_typed(["survey.classes=[Ia, 1e3,1_0,007,nan,y,on]"])
    found = OverridesParser.create().parse_override(word).value()
    assert found == ["Ia", "1e3", "1_0", "007", "nan", "y", "on"]


@pytest.mark.parametrize("key", ["survey.class_map", "+survey.columns", "survey.metadata"])
@pytest.mark.parametrize("typed", ["1e3", "1_000", "007", "+5", "1.50", "5.", "nan", "TRUE", "-0"])
def test_keys_and_values_of_mappings(key, typed):
    [word] = as_typed([f'{key}={{a b: "x, y: z", {typed} : {typed}, SN 1e3:null, 118: Ia}}'])
    found = OverridesParser.create().parse_override(word).value()
    found = {name.strip() if isinstance(name, str) else name: one for name, one in found.items()}
    assert found == {"a b": "x, y: z", typed: typed, "SN 1e3": None, 118: "Ia"}


def test_numbers_stay_numbers_where_keys_alone_are_names():
    [word] = as_typed(["priors={1e3: 0.25, Ia: 1e-1, 2: 0.5}"])
    found = OverridesParser.create().parse_override(word).value()
    assert found == {" 1e3": 0.25, "Ia": 0.1, 2: 0.5}
    assert Priors.from_config(found).shares == {"1e3": 0.25, "Ia": 0.1, "2": 0.5}
    [word] = as_typed(["survey.cuts={1e3: {min: 1e5, max: 2e5}, x: [1e3, a], y: 1}"])
    found = OverridesParser.create().parse_override(word).value()
    assert found == {" 1e3": {"min": 1e5, "max": 2e5}, "x": [1e3, "a"], "y": 1}


def test_keys_reach_a_survey_as_typed():
    words = as_typed(
        [
            *("survey=table", "survey.observations=[1e5,007]", "survey.passbands=[1e3,g]"),
            "survey.class_map={1e5: Ia, 1_0: 007, true: no}",
            "+survey.class_weights={Ia: 2}",
            "survey.passband_aliases={1.50: 1e3}",
            "survey.metadata={z: 1e3}",
        ]
    )
    register_resolvers()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        survey = make_survey(compose("train", overrides=words))
    assert survey.observations == ["1e5", "007"]
    assert survey.passbands.names == ("1e3", "g")
    assert survey.labels.class_map == {"1e5": "Ia", "1_0": "007", "true": "no"}
    assert survey.photometry.aliases == {"1.50": "1e3"}
    assert survey.metadata == {"z": "1e3"}


@pytest.mark.parametrize(
    "word",
    [
        *("seed=1e3", "object=null", "object=SN2004dj", "object='1e5'", "-m", "--help"),
        *("survey.classes=['1e3',2]", "survey.class_map={1: a}", "survey.root=1,2", "object="),
        *("survey.class_map={a: 'b}", "priors={Ia: 1e-1}", "survey.class_map={}", "priors=flat"),
        *("survey.class_map={a: 1:30, b: x}", "survey.class_map={1: a, 2.5: [1e3]}", "priors={}"),
        *("survey.missing=[-9,1e3]", "survey.root=${paths.cache_dir}", "survey.columns.label=null"),
    ],
)
def test_what_stays_as_it_is(word):
    assert as_typed([word]) == [word]


def test_a_folder_that_is_called_like_a_year():
    register_resolvers()
    GlobalHydra.instance().clear()
    words = ["survey=table", "survey.root=2024", "survey.observations=a.csv", "survey.separator=1"]
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        # As a YAML has them, where nothing is typed.
        cfg = compose("train", overrides=[*words, "survey.passbands=[g]"])
    survey = make_survey(cfg)
    assert str(survey.root) == "2024"
