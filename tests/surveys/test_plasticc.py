from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from lcclassify.errors import ConfigError, DataError
from lcclassify.surveys.chunks import SurveyData
from lcclassify.surveys.plasticc import PlasticcSurvey


def zenodo(folder: Path, part: str = "train", true_target: list[int] | None = None) -> Path:
    """Rewrite the Kaggle form of the fixture as Zenodo's, blanks after commas included."""
    out = folder.parent / "zenodo"
    out.mkdir()
    rows = pl.read_csv(folder / "training_set.csv").rename({"detected": "detected_bool"})
    (out / f"plasticc_{part}_lightcurves.csv.gz").write_bytes(
        gzip.compress(rows.write_csv().encode())
    )
    table = pl.read_csv(folder / "training_set_metadata.csv").rename({"ddf": "ddf_bool"})
    table = table.with_columns(
        pl.col("distmod").fill_nan(-9.0),
        true_target=pl.col("target") if true_target is None else pl.Series(true_target),
        target=pl.lit(0) if true_target is not None else pl.col("target"),
        true_z=pl.lit(0.5),
        tflux_u=pl.lit(1.0),
        libid_cadence=pl.lit(3),
    )
    text = table.write_csv().splitlines()
    lines = [text[0], *("  " + line.replace(",", ", ") for line in text[1:])]
    (out / f"plasticc_{part}_metadata.csv.gz").write_bytes(
        gzip.compress(("\n".join(lines) + "\n").encode())
    )
    return out


def same(left: SurveyData, right: SurveyData) -> None:
    assert_frame_equal(left.light_curves.observations, right.light_curves.observations)
    assert_frame_equal(left.light_curves.objects, right.light_curves.objects)


def test_kaggle_and_zenodo_give_the_same(plasticc_folder: Path) -> None:
    kaggle = PlasticcSurvey(plasticc_folder).read()
    same(PlasticcSurvey(zenodo(plasticc_folder)).read(), kaggle)
    assert kaggle.light_curves.observations["detected"].to_list() == [
        True, True, False, False, False, True,
    ]  # fmt: skip
    assert kaggle.light_curves.objects.rows() == [
        (615, "92", None, 0.0, 0.0, None, 0.017),
        (713, "88", None, 1.6267, 0.2552, 45.4063, 0.007),
        (730, "42", None, 0.2262, 0.0157, 40.2561, 0.021),
    ]
    assert kaggle.light_curves.metadata_columns == (
        "hostgal_photoz", "hostgal_photoz_err", "distmod", "mwebv",
    )  # fmt: skip


def test_test_part_in_batches_with_true_classes(plasticc_folder: Path) -> None:
    folder = zenodo(plasticc_folder, "test", true_target=[90, 991, 994])
    data = PlasticcSurvey(folder, part="test").read()
    assert data.light_curves.objects["label"].to_list() == ["90", "99", "99"]
    rows = pl.read_csv(plasticc_folder / "training_set.csv").sample(
        fraction=1, shuffle=True, seed=1
    )
    for batch in range(11):
        part = rows.filter(pl.int_range(pl.len()) % 11 == batch)
        part.write_csv(plasticc_folder / f"test_set_batch{batch + 1}.csv")
    metadata = pl.read_csv(plasticc_folder / "training_set_metadata.csv").drop("target")
    metadata.write_csv(plasticc_folder / "test_set_metadata.csv")
    kaggle = PlasticcSurvey(plasticc_folder, part="test").read()
    assert_frame_equal(kaggle.light_curves.observations, data.light_curves.observations)
    assert kaggle.light_curves.objects["label"].to_list() == [None] * 3


def test_an_absent_target_without_truth_is_no_label(plasticc_folder: Path) -> None:
    table = pl.read_csv(plasticc_folder / "training_set_metadata.csv")
    table = table.with_columns(target=pl.Series([0, 90, None]))
    table.write_csv(plasticc_folder / "training_set_metadata.csv")
    data = PlasticcSurvey(plasticc_folder).read()
    assert data.light_curves.objects["label"].to_list() == [None, "90", None]


def test_parquet_and_named_files(plasticc_folder: Path, tmp_path: Path) -> None:
    expected = PlasticcSurvey(plasticc_folder).read()
    other = tmp_path / "other"
    other.mkdir()
    for file in plasticc_folder.glob("*.csv"):
        pl.read_csv(file).write_parquet(other / f"{file.stem}.parquet")
    same(PlasticcSurvey(other).read(), expected)
    for row in range(6):
        part = pl.read_csv(plasticc_folder / "training_set.csv").slice(row, 1)
        part.write_csv(other / f"piece_{row}.csv")
    named = PlasticcSurvey(other, observations="piece_*.csv")
    same(named.read(), expected)
    assert len(named.fingerprint()["observations"]) == 6


def test_more_metadata_on_request_but_never_truth(plasticc_folder: Path) -> None:
    data = PlasticcSurvey(plasticc_folder, metadata=["ddf", "hostgal_specz"]).read()
    assert data.light_curves.objects["ddf"].to_list() == [1.0, 0.0, 1.0]
    assert data.light_curves.objects["hostgal_specz"].to_list() == [0.0, 1.8181, None]
    with_zenodo = PlasticcSurvey(zenodo(plasticc_folder), metadata=["ddf"]).read()
    assert with_zenodo.light_curves.objects["ddf"].to_list() == [1.0, 0.0, 1.0]
    for name in ("true_z", "tflux_u", "libid_cadence", "target", "true_target"):
        with pytest.raises(ConfigError, match=name):
            PlasticcSurvey(plasticc_folder, metadata=["mwebv", name])


def test_classes_in_the_order_of_the_metric(plasticc_folder: Path) -> None:
    taxonomy = PlasticcSurvey(plasticc_folder).taxonomy
    assert taxonomy.classes == tuple(
        str(n) for n in (6, 15, 16, 42, 52, 53, 62, 64, 65, 67, 88, 90, 92, 95, 99)
    )
    assert taxonomy.weight_vector().sum() == 18.0
    assert taxonomy.display_names()[11] == "SN Ia"


def test_what_cannot_be_found_or_is_ambiguous(plasticc_folder: Path) -> None:
    with pytest.raises(DataError, match=r"part 'test': test_set\.csv"):
        PlasticcSurvey(plasticc_folder, part="test").read()
    with pytest.raises(ConfigError, match=r"survey\.root"):
        PlasticcSurvey().read()
    with pytest.raises(DataError, match="matches no file"):
        PlasticcSurvey(plasticc_folder, observations="lc*.csv").read()
    with pytest.raises(DataError, match=r"did you mean 'training_set\.csv'"):
        PlasticcSurvey(plasticc_folder, observations="trainin_set.csv").read()
    with pytest.raises(DataError, match="no column 'gal_b'"):
        PlasticcSurvey(plasticc_folder, metadata=["gal_b"]).read()
    (plasticc_folder / "training_set.csv.gz").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"more than one form.*survey\.observations"):
        PlasticcSurvey(plasticc_folder).read()
    (plasticc_folder / "training_set.csv.gz").unlink()
    (plasticc_folder / "training_set_metadata.csv").unlink()
    with pytest.raises(DataError, match=r"objects.*training_set_metadata\.csv"):
        PlasticcSurvey(plasticc_folder).read()


def test_unknown_class_and_text_are_named(plasticc_folder: Path) -> None:
    file = plasticc_folder / "training_set_metadata.csv"
    good = file.read_text()
    file.write_text(good.replace(",92\n", ",91\n"))
    with pytest.raises(DataError, match=r"class '91'.*object 615"):
        PlasticcSurvey(plasticc_folder).read()
    file.write_text(good.replace("45.4063", "far"))
    with pytest.raises(DataError, match=r"training_set_metadata\.csv, line 3.*'distmod'.*'far'"):
        PlasticcSurvey(plasticc_folder).read()


def test_ten_real_objects(shared_data: Path) -> None:
    folder = shared_data / "plasticc"
    sample = {"observations": "sample10_training_set.csv"}
    kaggle = PlasticcSurvey(folder, **sample, objects="sample10_training_set_metadata.csv").read()
    assert kaggle.report.sentences() == []
    assert kaggle.light_curves.objects.height == 10
    automatic = PlasticcSurvey(folder, **sample).read()  # Kaggle's metadata lie beside
    assert automatic.light_curves.objects.height == 7848
    assert automatic.report.objects_without_observations == 7838
    truth = PlasticcSurvey(folder, **sample, objects="plasticc_train_metadata.csv.gz").read()
    assert_frame_equal(
        truth.light_curves.objects.select("object_id", "label"),
        automatic.light_curves.objects.select("object_id", "label"),
    )
    assert truth.light_curves.objects["distmod"].null_count() == (
        automatic.light_curves.objects["distmod"].null_count()
    )
    counts = dict(truth.light_curves.objects.group_by("label").len().iter_rows())
    assert counts == {
        "6": 151, "15": 495, "16": 924, "42": 1193, "52": 183, "53": 30, "62": 484,
        "64": 102, "65": 981, "67": 208, "88": 370, "90": 2313, "92": 239, "95": 175,
    }  # fmt: skip


def test_an_unknown_class_matters_only_where_labels_do(tmp_path: Path) -> None:
    curves = "object_id,mjd,passband,flux,flux_err,detected\n1,1.0,0,2.0,1.0,1\n"
    (tmp_path / "training_set.csv").write_text(curves)
    (tmp_path / "training_set_metadata.csv").write_text(
        "object_id,hostgal_photoz,hostgal_photoz_err,distmod,mwebv,target\n1,0.1,0.1,,0.1,1234\n"
    )
    survey = PlasticcSurvey(tmp_path)
    with pytest.raises(DataError, match="1234"):
        survey.read()
    assert len(survey.read(labels=False).light_curves.observations) == 1
