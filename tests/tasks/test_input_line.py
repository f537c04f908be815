"""What a run's inputs are is said; what was named and is not there is refused."""

import json

import pytest
from rich.console import Console
from rich.table import Table

from lcclassify.build import make_survey, note_survey_name, to_plain
from lcclassify.errors import ConfigError
from lcclassify.surveys.table import TableSurvey
from lcclassify.tasks.augment_settings import AugmentSettings
from lcclassify.tasks.input_line import input_line_of
from lcclassify.tasks.train import train

TABLE = ("survey=table", "survey.observations=a.csv", "survey.passbands=[g,r]")
PHOTOZ = (*TABLE, "survey.metadata=[photoz,ebv]")
REST_TIMES = "hence no rest-frame times"


@pytest.fixture
def line(compose_config):
    return lambda *words: input_line_of(to_plain(compose_config(*words)))


def test_every_part_of_it(line):
    assert line(*PHOTOZ, "survey.redshift=photoz", "survey.zeropoint=25") == (
        "Inputs of table: redshift photoz; metadata photoz, ebv; passbands g r; zero-point 25; "
        "detections from flux / flux_err >= 5."
    )
    assert line(*TABLE, "survey.columns.detected=seen") == (
        f"Inputs of table: no redshift, {REST_TIMES}; no metadata; passbands g r; "
        "no zero-point stated; detections as stated."
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (PHOTOZ, f"no redshift (survey.redshift names none of the metadata), {REST_TIMES};"),
        ((*PHOTOZ, "representation.sequences.redshift=ebv"), "redshift ebv;"),
        (("survey=simulated",), "redshift hostgal_photoz;"),
        (("survey=simulated", "survey.metadata=[mwebv]"), "(hostgal_photoz is not in use),"),
        (("survey=simulated", "representation.sequences.redshift=null"), REST_TIMES),
        (("survey=simulated", "representation=paper"), "Inputs of simulated: no rest-frame times;"),
        (
            ("survey=simulated", "representation.sequences.times=[days_since_previous]"),
            "redshift hostgal_photoz, no rest-frame times;",
        ),
        (("survey=snphotcc", "survey.root=a"), "redshift hostgal_photoz;"),
        (("survey=snphotcc", "survey.root=a", "survey.detection_snr=3"), "flux / flux_err >= 3."),
    ],
)
def test_where_the_redshift_comes_from(line, words, said):
    assert said in line(*words)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((*PHOTOZ, "representation.sequences.redshift=phtoz"), "'phtoz': did you mean 'photoz'"),
        ((*TABLE, "representation.sequences.redshift=photoz"), "'photoz': known: none"),
        ((*PHOTOZ, "survey.redshift=phtoz"), r"survey.redshift .*'phtoz': did you mean 'photoz'"),
        ((*TABLE, "survey.columns.objects_id=id"), "objects_id needs an object table"),
        (("survey=simulated", "representation.flux_range=[0,5]"), "flux_range has no effect"),
    ],
)
def test_what_was_named_and_has_no_effect_is_refused(line, words, sentence):
    with pytest.raises(ConfigError, match=sentence):
        line(*words)


def test_augmentation_without_a_step_is_told():
    assert AugmentSettings().without_effect() == []
    settings = AugmentSettings(target="metadata", redshift="z")
    assert settings.without_effect() == ["augment.target", "augment.redshift"]
    assert AugmentSettings(target="metadata", steps={"x": object()}).without_effect() == []


def test_a_survey_is_called_as_its_yaml(compose_config):
    config = compose_config(*TABLE)
    assert make_survey(config).name == "table"
    note_survey_name(config, {"survey": "mine/sky", "model": "dense"})
    assert make_survey(config).name == make_survey(to_plain(config)).name == "sky"
    assert TableSurvey.name == "table"
    note_survey_name(config, {"survey": None})
    assert make_survey(config).name == "sky"


def test_a_run_says_it_once_and_keeps_it(tmp_path, compose_config, dense_words):
    said = set()
    for number, times in enumerate((1, 0)):
        words = [*dense_words, f"paths.output_dir={tmp_path}/{number}", "+survey_name=sky"]
        with open(tmp_path / "shown", "w") as shown:
            console = Console(file=shown, width=300)
            result = train(compose_config(*words), words, console, said=said)
        assert (tmp_path / "shown").read_text().count("Inputs of sky: redshift photoz") == times
        assert (result.folder / "report.txt").read_text().startswith("Inputs of sky: redshift")
        assert "- survey: sky" in (result.bundle / "MODEL_CARD.md").read_text()
        assert json.loads((result.folder / "data.json").read_text())["survey"] == "sky"


@pytest.mark.parametrize("published", [False, True])
def test_a_runs_published_figures(tmp_path, run_train, dense_words, monkeypatch, published):
    compared = []
    monkeypatch.setattr(TableSurvey, "published", published)
    monkeypatch.setattr("lcclassify.tasks.results.is_of_plasticc", lambda evaluation: True)
    monkeypatch.setattr(
        "lcclassify.tasks.results.paper_comparison", lambda *_: compared.append(1) or Table()
    )
    run_train(tmp_path / "run", *dense_words, "stacking.mode=holdout")
    assert bool(compared) == published
