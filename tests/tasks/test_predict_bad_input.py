"""What `predict` refuses, and what it leaves where something is wrong."""

import polars as pl
import pytest
from omegaconf import OmegaConf
from polars.testing import assert_frame_equal

from lcclassify.errors import BundleError, ConfigError, DataError, OutputError
from lcclassify.tasks.predict import predict

N_OBJECTS = 40


@pytest.mark.parametrize(
    ("overrides", "error", "match"),
    [
        (["bundle=nowhere"], BundleError, "bundle='nowhere' must be the folder of a bundle"),
        (["output=${survey.root}"], ConfigError, "must end in .parquet, .pq, .csv"),
        (["output=${survey.root}", "format=csv"], OutputError, "but it is a folder"),
        (["output=${survey.root}/objects.csv/x.csv"], OutputError, "cannot be written"),
        (["format=fits"], ConfigError, "format cannot be 'fits'"),
        (["accelerator=tpu"], ConfigError, "accelerator cannot be 'tpu'"),
        (["batch_size=0"], ConfigError, "batch_size must be an integer of at least 1"),
        (["survey.passbands=[r,g]"], DataError, "passbands r, g, and the bundle was trained on g"),
        (["survey.metadata=null"], DataError, "no metadata column 'photoz'"),
        (["survey.observations=none.csv"], DataError, "none.csv"),
        (["output=${survey.root}/objects.csv"], ConfigError, "objects.csv' would be written, wh"),
        (["output=${bundle}/model.csv"], ConfigError, "over '.*/bundle', which is read"),
        (["evaluate=maybe"], ConfigError, "evaluate must be true or false, got 'maybe'"),
        (["days=-1"], ConfigError, "days must be a finite number of at least 0, got -1"),
        (["restart=nein"], ConfigError, "restart must be true or false, got 'nein'"),
    ],
)
def test_arguments_that_cannot_be(run, tmp_path, overrides, error, match):
    with pytest.raises(error, match=match) as caught:
        run(*overrides)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["objects.csv", "observations.csv"]


@pytest.mark.parametrize("key", ["bundle", "survey", "output"])
def test_missing_keys_are_named(key):
    given = {"bundle": "x", "survey": {"_target_": "x"}, "output": "x.csv"}
    for absent in (given | {key: "???"}, given | {key: None}, given | {key: ""}):
        with pytest.raises(ConfigError, match=f"^{key} is missing: pass .*{key}="):
            predict(OmegaConf.create(absent))


def test_a_file_that_cannot_be_read_is_left_out_and_told_of(run, tables, tmp_path):
    for number, part in enumerate(tables[0].partition_by("object_id", maintain_order=True)):
        part.write_csv(tmp_path / f"part_{number}.csv")
    words = ["survey.observations=part_*.csv"]
    expected = pl.read_parquet(run(*words, output="all.parquet").output)
    lost = pl.read_csv(tmp_path / "part_3.csv")["object_id"][0]
    (tmp_path / "part_3.csv").write_bytes(b"")
    with pytest.raises(DataError, match=r"part_3\.csv is empty"):
        run(*words)
    result = run(*words, "on_error=quarantine")
    assert result.n_scored == N_OBJECTS - 2
    told = "1 whole file could not be read: see out.rejects.csv."
    assert any(told in sentence for sentence in result.sentences)
    (row,) = pl.read_csv(result.rejects).to_dicts()
    assert row["file"] == str(tmp_path / "part_3.csv")
    assert row["rows"] == 0
    found = pl.read_parquet(result.output)
    assert found.filter(object_id=lost)["reason"].to_list() == ["no usable observation"]
    others = expected.filter(pl.col("object_id") != lost)
    assert_frame_equal(found.filter(pl.col("object_id") != lost), others, abs_tol=1e-6)


def test_a_failure_leaves_the_earlier_output(run, monkeypatch, tmp_path):
    result = run()
    before = result.output.read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(OutputError, match=r"out.parquet.work/shards' cannot be written: No space"):
        run()
    assert result.output.read_bytes() == before
    assert not list(tmp_path.glob("*.work"))  # nothing was finished that a later run could use
    assert not list(tmp_path.glob(".*"))


@pytest.mark.slow
def test_command_line(survey, bundle_folder, tmp_path, train_command):
    """As a user runs it: one sentence and exit code 1, or a file."""

    def command(*words, **options):
        return train_command(*words, folder=tmp_path, script="predict.py", **options)

    done = command(*survey, f"bundle={bundle_folder}", "output=result/out.csv", new=True)
    assert done.returncode == 0, done.stderr
    assert len(pl.read_csv(tmp_path / "result" / "out.csv")) == N_OBJECTS
    for missing, match in (("bundle", "bundle="), ("output", "output="), ("survey", "survey")):
        given = [*survey, f"bundle={bundle_folder}", "output=none.csv"]
        kept = [word for word in given if not word.startswith(missing)]
        failed = command(*kept)
        assert failed.returncode == 1
        assert match in failed.stderr + failed.stdout
        assert "Traceback" not in failed.stderr
    assert not (tmp_path / "none.csv").exists()
