import polars as pl
import pytest

from lcclassify.errors import ConfigError, OutputError
from lcclassify.surveys.plasticc import PlasticcSurvey
from lcclassify.tasks.simulate import simulate

SMALL = (
    "survey.cadence.wfd_fields=200",
    "survey.cadence.ddf_fields=10",
    "survey.training=40",
    "survey.test=90",
    "gallery=false",
)


@pytest.fixture
def run(compose_config):
    def start(output, *words):
        return simulate(
            compose_config("survey=simulated", *SMALL, f"output={output}", *words, name="simulate")
        )

    return start


@pytest.mark.parametrize("naming", ["zenodo", "kaggle"])
def test_files_are_read_by_the_plasticc_reader(run, tmp_path, naming, capsys):
    result = run(tmp_path / "sky", f"naming={naming}", "format=csv.gz", "objects_per_file=50")
    assert result.n_objects == 130
    assert "objects/s" in capsys.readouterr().out
    assert PlasticcSurvey(tmp_path / "sky").read().zeropoint == 27.5
    train = PlasticcSurvey(tmp_path / "sky").read().light_curves
    test = PlasticcSurvey(tmp_path / "sky", part="test").read().light_curves
    assert len(train.objects) == 40
    assert len(test.objects) == 90
    assert len(train.observations) + len(test.observations) == result.n_observations
    assert train.objects["label"].null_count() == 0
    assert test.objects["label"].null_count() == (0 if naming == "zenodo" else 90)


def test_formats_and_sizes_of_files_hold_the_same(run, tmp_path):
    run(tmp_path / "a", "format=parquet", "survey.part=test")
    run(tmp_path / "b", "format=csv", "survey.part=test", "objects_per_file=7")
    a, b = (PlasticcSurvey(tmp_path / name, part="test").read().light_curves for name in "ab")
    assert a.observations.equals(b.observations)
    assert a.objects.equals(b.objects)


def test_nothing_is_mixed_or_left_half_written(run, tmp_path, monkeypatch):
    run(tmp_path / "sky")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OutputError, match="holds files already"):
        run(tmp_path / "sky")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="it is a file"):
        run(tmp_path / "file")
    with pytest.raises(OutputError, match="cannot be written"):
        run(tmp_path / "file" / "below")
    (tmp_path / "file").unlink()

    def full(self, chunk):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lcclassify.surveys.plasticc_writer.PlasticcWriter.write", full)
    with pytest.raises(OutputError, match="No space left"):
        run(tmp_path / "other")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["survey.held_out=5"], "held_out"),
        (["naming=kagle"], "kaggle"),
        (["format=fits"], "format"),
        (["objects_per_file=0"], "objects_per_file"),
        (["gallery=perhaps"], "gallery"),
    ],
)
def test_impossible_settings_are_refused(run, tmp_path, words, message):
    with pytest.raises(ConfigError, match=message):
        run(tmp_path / "sky", *words)
    assert not (tmp_path / "sky").exists()


def test_other_surveys_cannot_be_simulated(compose_config, tmp_path):
    # Chosen by its class, since the sizes in simulate.yaml fit no other survey.
    config = compose_config(f"output={tmp_path / 'sky'}", name="simulate")
    config.survey = {"_target_": "lcclassify.surveys.plasticc.PlasticcSurvey", "root": "x"}
    with pytest.raises(ConfigError, match="take survey=simulated"):
        simulate(config)


@pytest.mark.slow
def test_gallery_shows_every_class(run, tmp_path):
    run(tmp_path / "sky", "gallery=true", "survey.test=10")
    assert (tmp_path / "sky" / "gallery.png").stat().st_size > 100_000
    assert len(pl.read_parquet(tmp_path / "sky" / "plasticc_test_metadata.parquet")) == 10
