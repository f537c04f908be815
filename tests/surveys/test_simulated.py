import json
from functools import cache

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from lcclassify import codestamp
from lcclassify.build import config_dir, instantiate
from lcclassify.cli import register_resolvers
from lcclassify.errors import ConfigError
from lcclassify.simulation.simulator import FIRST_TRAINING_ID

SMALL = (
    "survey.cadence.wfd_fields=200",
    "survey.cadence.ddf_fields=10",
    "survey.training=60",
    "survey.held_out=20",
    "survey.test=80",
    "survey.cache_dir=null",
)


def composed(*words):
    register_resolvers()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose("train", overrides=["survey=simulated", *SMALL, *words])


@cache
def settings():
    """The configuration that most tests here change a word of; composing it takes longest."""
    return composed()


def survey(*words):
    return instantiate(OmegaConf.merge(settings(), OmegaConf.from_dotlist(list(words))).survey)


@pytest.fixture(scope="module")
def both():
    return survey().read()


def test_parts_are_marked(both):
    objects = both.light_curves.objects
    assert objects["subset"].value_counts().sort("count")["count"].to_list() == [20, 60, 80]
    training = objects["subset"] != "test"
    assert (training == (objects["object_id"] >= FIRST_TRAINING_ID)).all()
    assert objects["label"].null_count() == 0
    assert both.report.sentences() == []
    assert both.zeropoint == 27.5


def test_a_part_alone_has_the_same_objects_unmarked(both):
    for part, name in (("train", "train"), ("test", "test")):
        alone = survey(f"survey.part={part}").read().light_curves
        assert alone.objects["subset"].null_count() == len(alone.objects)
        expected = both.light_curves.objects.filter(both.light_curves.objects["subset"] == name)
        assert alone.objects.drop("subset").equals(expected.drop("subset"))
        rows = both.light_curves.observations
        assert alone.observations.equals(
            rows.filter(rows["object_id"].is_in(expected["object_id"].to_list()))
        )


def test_a_slice_is_part_of_a_larger_survey(both):
    later = survey("survey.first=50", "survey.test=30", "survey.part=test").read().light_curves
    whole = both.light_curves
    assert later.objects["object_id"].to_list() == list(range(51, 81))
    rows = whole.observations.filter(whole.observations["object_id"].is_in(list(range(51, 81))))
    assert later.observations.equals(rows)


def test_threads_do_not_matter(both):
    assert (
        survey("survey.workers=1")
        .read()
        .light_curves.observations.equals(both.light_curves.observations)
    )


def test_a_class_is_overridden_by_its_number():
    words = ("survey.classes.90.fraction=0", "survey.classes.42.training_fraction=7")
    changed = instantiate(composed(*words).survey)
    assert changed.classes["90"].fraction == 0
    assert changed.classes["42"].training_fraction == 7
    labels = changed.read().light_curves.objects
    assert "90" not in labels.filter(labels["subset"] == "test")["label"].to_list()


def test_metadata_are_of_the_catalogue():
    names = "[ra,decl,gal_l,gal_b,ddf,hostgal_specz]"
    objects = survey(f"survey.metadata={names}", "survey.part=test").read().light_curves.objects
    assert objects.columns[3:] == ["ra", "decl", "gal_l", "gal_b", "ddf", "hostgal_specz"]
    assert 0 < objects["hostgal_specz"].null_count() < len(objects)


def test_the_cache_gives_the_same_without_simulating(both, tmp_path, monkeypatch):
    cached = survey(f"survey.cache_dir={tmp_path}")
    first = cached.read().light_curves
    monkeypatch.setattr(cached, "simulator", lambda: pytest.fail("simulated again"))
    again = cached.read().light_curves
    for found in (first, again):
        assert found.objects.equals(both.light_curves.objects)
        assert found.observations.equals(both.light_curves.observations)
    other = survey(f"survey.cache_dir={tmp_path}", "survey.seed=1")
    monkeypatch.setattr(other, "simulator", lambda: pytest.fail("simulated again"))
    with pytest.raises(pytest.fail.Exception, match="simulated again"):
        other.read()


def test_a_cache_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    report = survey(f"survey.cache_dir={tmp_path / 'file'}").read().report
    assert "could not be kept" in report.sentences()[-1]


def test_fingerprint_is_plain_and_tells_settings_and_code_apart(other_code):
    base = survey().fingerprint()
    assert json.loads(json.dumps(base)) == base
    assert survey("survey.workers=1").fingerprint() == base
    for word in (
        "survey.seed=1",
        "survey.test=81",
        "survey.part=test",
        "survey.first=1",
        "survey.metadata=[mwebv]",
        "survey.cadence.wfd_visits=100.0",
        "survey.classes.90.fraction=1",
        "survey.classes.90.redshifts.maximum=0.9",
        "survey.classes.92.latitude_scale=5.0",
    ):
        assert survey(word).fingerprint() != base, word
    # The simulated tables are read by what reads all tables.
    assert base["code"] == codestamp.code_stamp("simulation", "surveys", "tables")
    other_code()
    assert survey().fingerprint() != base


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["survey.part=trian"], "train"),
        (["survey.training=-1"], "survey.training"),
        (["survey.training=1.5"], "survey.training"),
        (["survey.workers=0"], "survey.workers"),
        (["survey.part=test", "survey.test=0"], "at least one object"),
        (["survey.metadata=[true_z]"], "true_z"),
        (["survey.metadata=[photoz]"], "hostgal_photoz"),
        (["survey.cadence.nights=0"], "cadence.nights"),
        (["survey.cadence.wfd_visits=-3"], "wfd_visits"),
        (["survey.classes.90.fraction=-1"], "fraction"),
        (["survey.classes.90.redshifts.maximum=-1"], "maximum"),
    ],
)
def test_impossible_options_are_refused(words, message):
    with pytest.raises(ConfigError, match=message):
        survey(*words)


def test_a_class_that_is_not_known_is_refused():
    with pytest.raises(ConfigError, match="7"):
        instantiate(composed("+survey.classes.7=${survey.classes.6}").survey)
