"""`prepare` reproduces the reference's golden values and writes what it says it writes."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from lcclassify.build import config_dir
from lcclassify.errors import BundleError, ConfigError, DataError, OutputError
from lcclassify.tasks.prepare import prepare

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
DATA = Path(os.environ.get("LCCLASSIFY_TEST_DATA", SHARED / "data"))
GOLDEN = DATA.parent / "golden"
PART = "features.parquet/part-00000.parquet"

needs_data = pytest.mark.skipif(
    not (DATA / "plasticc").is_dir() or not GOLDEN.is_dir(),
    reason=f"the shared test data are not in {DATA} (see LCCLASSIFY_TEST_DATA)",
)
AUTHORS = [
    "representation=paper",
    "representation.noise=0",
    "representation.flux_range=[-1596742.6487144697,2751626.3243459687]",
]
SAMPLE = [
    "survey=plasticc",
    f"survey.root={DATA}/plasticc",
    "survey.observations=sample10_training_set.csv",
    "survey.objects=sample10_training_set_metadata.csv",
]


def config(*overrides):
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose("prepare", overrides=list(overrides))


def contents(folder):
    """Return what the files of a folder and its folders hold, by their paths in it."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def read(folder, name, form="parquet"):
    file = folder / f"{name}.{form}"
    return pl.read_parquet(file) if form == "parquet" else pl.read_csv(file)


# --- golden values ------------------------------------------------------------------


@needs_data
@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_golden_features_and_sequences(tmp_path, form):
    result = prepare(config(*SAMPLE, *AUTHORS, f"output={tmp_path}", f"format={form}"))
    assert result.n_objects == 10

    golden = pl.read_csv(GOLDEN / "plasticc10_features.csv").sort("object_id")
    features = read(tmp_path, "features", form)
    assert features.columns == golden.columns
    assert len(features.columns) == 157
    assert features["object_id"].to_list() == golden["object_id"].to_list()
    for name in golden.columns[1:]:
        ours, theirs = (table[name].cast(pl.Float64) for table in (features, golden))
        assert ours.is_null().equals(theirs.is_null()), name
        np.testing.assert_allclose(
            ours.drop_nulls(), theirs.drop_nulls(), rtol=1e-5, atol=0, err_msg=name
        )

    sequences = read(tmp_path, "sequences", form)
    assert sequences.columns == [
        "object_id",
        "night",
        *(f"{kind}_{band}" for kind in ("flux", "flux_err") for band in "ugrizy"),
        "days_since_previous",
    ]
    with np.load(GOLDEN / "plasticc10_sequences.npz") as expected:
        assert sorted(int(key) for key in expected) == golden["object_id"].to_list()
        for key in expected:
            own = sequences.filter(pl.col("object_id") == int(key))
            assert own["night"].to_list() == list(range(len(expected[key])))
            np.testing.assert_allclose(
                own.drop("object_id", "night").to_numpy(), expected[key], rtol=1e-5, atol=1e-5
            )


@needs_data
def test_documented_command(tmp_path):
    """The command of the README, in a process of its own, from another folder."""
    done = subprocess.run(
        [sys.executable, "-m", "lcclassify", "prepare", *SAMPLE, *AUTHORS, "output=out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "10 objects" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "features.parquet",
        "manifest.json",
        "sequences.parquet",
    ]


# --- a made-up survey ---------------------------------------------------------------


@pytest.fixture
def survey(written):
    observations = pl.DataFrame(
        {
            "object_id": ["b", "a", "a", "a", "b", "lost", "a"],
            "mjd": [1.0, 5.0, 2.0, 2.1, 9.0, 3.0, 4.0],
            "passband": ["g", "r", "g", "r", "g", "g", "g"],
            "flux": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, None],
            "flux_err": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7],
        }
    )
    objects = pl.DataFrame({"object_id": ["a", "b", "blind"], "photoz": [0.1, None, 0.3]})
    return [
        *written(observations, objects),
        "representation.sequences={bands: [flux], times: [days_since_previous]}",
    ]


def test_files_and_manifest(survey, tmp_path):
    out = tmp_path / "out"
    result = prepare(config(*survey, f"output={out}"))
    assert [path.name for path in result.files] == [
        "features.parquet",
        "context.parquet",
        "sequences.parquet",
        "manifest.json",
    ]
    assert sorted(path.name for path in out.iterdir()) == sorted(p.name for p in result.files)
    features, sequences = read(out, "features"), read(out, "sequences")
    assert features["object_id"].to_list() == ["a", "b"]
    assert features["photoz"].to_list() == [0.1, None]
    assert features["flux_mean_g"].to_list() == [3.0, 3.0]
    assert features["flux_mean_r"].to_list() == [3.0, None]
    assert set(features.dtypes[1:]) == {pl.Float64}
    assert sequences.rows() == [
        ("a", 0, 3.0, 4.0, 0.0),
        ("a", 1, 3.0, 2.0, 3.0),
        ("b", 0, 1.0, 0.0, 0.0),
        ("b", 1, 5.0, 0.0, 8.0),
    ]
    assert set(sequences.dtypes[2:]) == {pl.Float32}
    assert read(out, "context").columns[:2] == ["object_id", "photoz"]

    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["feature_names"] == features.columns[1:]
    assert manifest["channel_names"] == sequences.columns[2:]
    assert manifest["n_objects"] == 2
    assert manifest["n_nights"] == 4
    assert manifest["representation"]["passbands"] == ["g", "r"]
    left_out = manifest["left_out"]
    assert left_out["objects_without_a_row"] == ["lost"]
    assert left_out["objects_without_observations"] == ["blind"]
    assert left_out["nan_flux"] == left_out["orphan_rows"] == 1
    assert left_out["observations_read"] == 7
    assert len(result.sentences) == len(manifest["sentences"]) >= 3


def test_csv_holds_the_same_in_full_precision(survey, tmp_path):
    prepare(config(*survey, f"output={tmp_path}/p"))
    prepare(config(*survey, f"output={tmp_path}/c", "format=csv"))
    for name in ("features", "context", "sequences"):
        parquet, csv = read(tmp_path / "p", name), read(tmp_path / "c", name, "csv")
        assert csv.cast(dict(parquet.schema)).equals(parquet)
    assert ",," in (tmp_path / "c" / "features.csv").read_text()


@pytest.mark.parametrize(
    ("overrides", "error", "match"),
    [
        (["format=fits"], ConfigError, "format cannot be 'fits'"),
        (["bundle=nowhere"], BundleError, "does not exist"),
        (["output=${survey.root}/objects.csv"], OutputError, "must be a folder"),
        (["output="], ConfigError, "output is missing: pass the folder"),
        (["survey.observations=none.csv"], DataError, "none.csv"),
        (["seed=abc"], ConfigError, "seed must be a whole number"),
        (["restart=ja"], ConfigError, "restart must be true or false"),
    ],
)
def test_arguments_that_cannot_be(survey, tmp_path, overrides, error, match):
    with pytest.raises(error, match=match):
        prepare(config(*survey, f"output={tmp_path}/out", *overrides))
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_nothing_that_is_read_is_replaced(survey, tmp_path):
    (tmp_path / "observations.csv").rename(tmp_path / "features.csv")
    before = (tmp_path / "features.csv").read_bytes()
    words = [*survey, "survey.observations=features.csv", f"output={tmp_path}"]
    for form in ("csv", "parquet"):
        with pytest.raises(ConfigError, match=r"features.csv' would be written, which is read"):
            prepare(config(*words, f"format={form}"))
    assert (tmp_path / "features.csv").read_bytes() == before


def test_a_folder_of_something_else_is_not_removed(survey, tmp_path):
    theirs = tmp_path / "out" / "sequences.parquet" / "notes.txt"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("mine")
    with pytest.raises(OutputError, match=r"holds 'notes.txt', which is no part of an earlier"):
        prepare(config(*survey, f"output={tmp_path}/out"))
    assert theirs.read_text() == "mine"


def test_missing_keys_are_named():
    with pytest.raises(ConfigError, match="survey is missing: pass what to prepare"):
        prepare(OmegaConf.create({"output": "x"}))


def test_files_of_two_runs_are_never_mixed(survey, tmp_path, monkeypatch):
    out = tmp_path / "out"
    prepare(config(*survey, f"output={out}"))
    before = contents(out)
    observations = pl.read_csv(tmp_path / "observations.csv")
    observations.with_columns(pl.col("flux") * 2).write_csv(tmp_path / "observations.csv")

    def sequences_fail(table, path):
        if "sequences" in path.name:
            raise OSError(28, "No space left on device")
        table.write_parquet(path)

    with monkeypatch.context() as patch:
        patch.setattr("lcclassify.jobs.shards.write_shard_file", sequences_fail)
        with pytest.raises(OutputError, match="No space left"):
            prepare(config(*survey, f"output={out}"))
    assert contents(out) == before
    prepare(config(*survey, f"output={out}"))
    after = contents(out)
    assert set(after) == set(before)
    assert after[PART] != before[PART]


@pytest.mark.parametrize("moment", [1, 2])
def test_a_table_takes_its_place_whole(survey, tmp_path, monkeypatch, moment):
    """Whatever stops the command: there are whole tables or none, and the same command ends it."""
    out, words = tmp_path / "out", [*survey, f"output={tmp_path}/out", "chunk_rows=2"]
    prepare(config(*words))
    before = contents(out)
    moves = iter(range(100))
    replace = Path.replace

    def stopped(source, target):
        if Path(target).name.startswith("part-") and next(moves) == moment:
            raise OSError(5, "Input/output error")
        return replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", stopped)
        with pytest.raises(OutputError, match="Input/output error"):
            prepare(config(*words))
    assert {name: before[name] for name in contents(out) if "unfinished" not in name} == before
    prepare(config(*words))
    after = contents(out)
    assert {**after, "manifest.json": before["manifest.json"]} == before


def test_settings_that_the_bundle_decides_are_refused(survey, tmp_path):
    for word in ("representation=paper", "representation.noise=1", "+representation.x=1", "seed=3"):
        with pytest.raises(ConfigError, match=rf"'{re.escape(word)}' has no effect with bundle"):
            prepare(config(*survey, f"output={tmp_path}/out", "bundle=b"), [word, "survey=table"])


def test_what_the_inputs_are_is_said(survey, tmp_path, capsys):
    prepare(config(*survey[:-1], f"output={tmp_path}/out", "survey.redshift=photoz"))
    assert (
        "Inputs of table: redshift photoz; metadata photoz (1 missing); passbands g r; no "
        "zero-point stated; detections from flux / flux_err >= 5.\n"
    ) in capsys.readouterr().out
    with pytest.raises(ConfigError, match=r"sequences.redshift.*'phtoz': did you mean 'photoz'"):
        prepare(config(*survey, f"output={tmp_path}/o", "representation.sequences.redshift=phtoz"))


def test_one_chunk_or_several_make_the_same_folders(survey, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    prepare(config(*survey, f"output={whole}"))
    result = prepare(config(*survey, f"output={parts}", "chunk_rows=2"))
    assert (parts / "features.parquet").is_dir()
    assert (whole / PART).is_file()
    assert [path.name for path in result.files] == [
        path.name for path in prepare(config(*survey, f"output={whole}")).files
    ]
    for name in ("features", "sequences"):
        read = pl.read_parquet(parts / f"{name}.parquet").sort("object_id", maintain_order=True)
        assert read.equals(pl.read_parquet(whole / f"{name}.parquet"))
        assert len(pd.read_parquet(parts / f"{name}.parquet")) == len(read)
    prepare(config(*survey, f"output={parts}"))  # one file takes the place of several
    assert [path.name for path in (parts / "features.parquet").iterdir()] == [Path(PART).name]
    manifest = json.loads((parts / "manifest.json").read_text())
    assert manifest["counts"]["chunks"] == 1


def test_survey_without_a_usable_row(survey, tmp_path):
    pl.read_csv(tmp_path / "observations.csv").with_columns(flux=pl.lit(None)).write_csv(
        tmp_path / "observations.csv"
    )
    with pytest.raises(DataError, match="usable observation"):
        prepare(config(*survey, f"output={tmp_path}/out"))
