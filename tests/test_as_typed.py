"""Names and paths that look like numbers reach a task as they were typed."""

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser

from lcclassify.as_typed import as_typed
from lcclassify.build import config_dir, make_survey
from lcclassify.cli import register_resolvers


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


@pytest.mark.parametrize(
    "word",
    [
        *("seed=1e3", "object=null", "object=SN2004dj", "object='1e5'", "-m", "--help"),
        *("survey.classes=['1e3',2]", "survey.class_map={a: 1e3}", "survey.root=1,2", "object="),
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
