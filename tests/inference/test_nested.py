"""A nested frame gets what the same light curves get as flat tables."""

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from lcclassify.errors import ConfigError, DataError
from lcclassify.inference import nested
from lcclassify.inference.bundle import Bundle, save
from lcclassify.inference.expectations import Expectations
from lcclassify.inference.nested import classify_nested
from lcclassify.inference.predictor import Predictor
from lcclassify.nn.normalisation import FeatureTransform, SequenceTransform
from lcclassify.nn.stack import EnsembleClassifier
from lcclassify.nn.submodel import Submodel
from lcclassify.representations.representation import Representation
from lcclassify.surveys.canonical import canonicalise

nested_pandas = pytest.importorskip("nested_pandas")

CLASSES = ["class_Ia", "class_II", "class_90"]
SCALED = {"kind": "standard", "impute": "median", "indicator": True}
NEW = [*CLASSES, "unknown", "predicted_class", "reason"]


def nest(observations, objects, name="sources"):
    """Return a frame with the ids as index; objects that were not observed have nulls."""
    frame = nested_pandas.NestedFrame(objects.to_pandas().set_index("object_id"))
    return frame.join_nested(observations.to_pandas().set_index("object_id"), name, how="left")


def numbers(frame):
    return np.column_stack([frame[name].to_numpy() for name in CLASSES]).astype(float)


def same(found, expected):
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=0, atol=1e-6)
    for name in ("predicted_class", "reason"):
        words = [None if pd.isna(word) else word for word in found[name]]
        assert words == list(expected[name])


@pytest.fixture(scope="module")
def folder(bundle, tmp_path_factory):
    return save(bundle, tmp_path_factory.mktemp("nested") / "bundle")


@pytest.fixture
def frame(tables):
    return nest(*tables)


@pytest.fixture
def expected(bundle, tables):
    return Predictor(bundle, accelerator="cpu").predict_proba(*tables)


@pytest.fixture(scope="module")
def bare_folder(bundle, light_curves, tmp_path_factory):
    """A bundle without metadata, noise and zero-point."""
    ids = light_curves.objects.select("object_id")
    curves, _ = canonicalise(light_curves.observations, ids, light_curves.passbands)
    fitted = Representation(name="bare", context=("log_flux_scale",)).fit(curves, seed=1)
    prepared = fitted.prepare(curves)
    torch.manual_seed(1)
    member = Submodel(
        {"_target_": "lcclassify.nn.dense.DenseNet", "units": [4]},
        features=FeatureTransform.fitted(prepared.features, **SCALED),
        context=FeatureTransform.fitted(prepared.context, **SCALED),
        sequences=SequenceTransform.fitted(prepared.sequences, kind="standard"),
        n_classes=3,
        max_length=fitted.max_length,
    )
    classifier = EnsembleClassifier([[member]], head=None)
    bare = Bundle(fitted, bundle.taxonomy, classifier, member_names=("dense",))
    return save(bare, tmp_path_factory.mktemp("bare") / "bundle")


def test_the_same_as_from_flat_tables(folder, frame, expected):
    found = classify_nested(frame, bundle=folder)
    assert type(found) is nested_pandas.NestedFrame
    assert list(found.columns) == ["label", "photoz", "mwebv", *NEW]
    kinds = [str(kind) for kind in found[NEW].dtypes]
    assert kinds == ["double[pyarrow]"] * 4 + ["string[pyarrow]"] * 2
    same(found, expected)
    assert numbers(expected)[~np.isnan(numbers(expected)[:, 0])].std(axis=0).min() > 1e-3


def test_order_and_index_are_kept(folder, frame, expected):
    mixed = frame.sample(frac=1, random_state=4)
    found = classify_nested(mixed, bundle=str(folder))
    assert found.index.equals(mixed.index)
    assert found["label"].tolist() == mixed["label"].tolist()
    same(found.sort_index(), expected)


@pytest.mark.parametrize("rows", [1, 50, 400])
def test_slices_change_nothing(folder, frame, expected, rows, monkeypatch):
    monkeypatch.setattr(nested, "SLICE_ROWS", rows)
    mixed = frame.sample(frac=1, random_state=5)
    same(classify_nested(mixed, bundle=folder).sort_index(), expected)
    same(classify_nested(frame.iloc[20:31], bundle=folder), expected[20:31])


def test_objects_without_observations_get_a_reason(folder, frame, expected):
    unobserved = [7, 23, 41]
    assert frame.index[frame["sources"].isna()].tolist() == unobserved
    nothing = {"mjd": [], "passband": [], "flux": [], "flux_err": []}
    lists = [row or nothing for row in frame["sources"].array.struct_array.to_pylist()]
    column = pd.Series(lists, index=frame.index, dtype=frame["sources"].dtype)
    empty = frame.assign(sources=column)
    assert not empty["sources"].isna().any()
    for table in (frame, empty):
        found = classify_nested(table, bundle=folder)
        assert found.index[found["reason"].notna()].tolist() == unobserved
        same(found, expected)
    alone = classify_nested(frame.loc[unobserved], bundle=folder)
    assert alone["reason"].tolist() == ["no usable observation"] * 3
    assert alone[CLASSES].isna().all(axis=None)


def test_smaller_numbers_are_near(folder, frame):
    found, exact = (
        classify_nested(frame, bundle=folder, precision=precision)[CLASSES].to_numpy(float)
        for precision in ("int8", "32")
    )
    assert 1e-6 < np.nanmax(np.abs(found - exact)) < 0.05


def test_an_empty_frame_has_the_same_columns_and_types(folder, frame):
    full = classify_nested(frame, bundle=folder)
    none = frame.iloc[:0]
    # So LSDB has the empty margin of a catalogue made of a frame.
    untyped = pd.DataFrame(none).assign(sources=pd.Series([], dtype=pd.ArrowDtype(pa.null())))
    for empty in (none, nested_pandas.NestedFrame(none.copy()), untyped):
        found = classify_nested(empty, bundle=folder)
        assert len(found) == 0
        pd.testing.assert_series_equal(found.dtypes, full.dtypes)
        assert found.index.dtype == full.index.dtype


@pytest.mark.parametrize("rows", [1_000_000, 60])
def test_repeated_ids_are_objects_of_their_own(folder, frame, expected, rows, monkeypatch):
    monkeypatch.setattr(nested, "SLICE_ROWS", rows)
    twice = pd.concat([frame, frame.iloc[10:30], frame.iloc[15:20]])
    found = classify_nested(twice, bundle=folder)
    assert found.index.equals(twice.index)
    same(found, pl.concat([expected, expected[10:30], expected[15:20]]))


def test_a_bundle_without_metadata_and_noise(bare_folder, frame, tables):
    observations, objects = tables
    predictor = Predictor.load(bare_folder, accelerator="cpu")
    expected = predictor.predict_proba(observations, objects.select("object_id"))
    same(classify_nested(frame, bundle=bare_folder), expected)
    # Without noise an object is the same under any name.
    renamed = frame.set_index(pd.Index([5] * 60, name="object_id"))
    same(classify_nested(renamed, bundle=bare_folder), expected)
    with pytest.raises(ConfigError, match=r"zeropoint=31\.4 cannot be converted"):
        classify_nested(frame, bundle=bare_folder, zeropoint=31.4)


def test_text_ids_and_ids_in_a_column(bundle, folder, tables):
    observations, objects = tables
    name = pl.format("SN{}", "object_id").alias("object_id")
    named = [table.with_columns(name) for table in tables]
    expected = Predictor(bundle, accelerator="cpu").predict_proba(*named)
    by_name = expected.sort(pl.col("object_id").str.slice(2).cast(pl.Int64))
    same(classify_nested(nest(*named), bundle=folder), by_name)
    frame = nest(observations, objects)
    frame["object_id"] = [f"SN{i}" for i in range(60)]
    frame = frame.set_index(pd.Index(np.arange(60) // 7, name="_healpix_29"))
    found = classify_nested(frame, bundle=folder)
    assert found.index.equals(frame.index)
    same(found, by_name)
    other = frame.rename(columns={"object_id": "dia"})
    same(classify_nested(other, bundle=folder, columns={"object_id": "dia"}), by_name)


def test_other_column_names(bundle, folder, tables):
    observations, objects = tables
    flags = observations.with_columns(detected=pl.col("flux") > 0)
    expected = Predictor(bundle, accelerator="cpu").predict_proba(flags, objects)
    ours = {"mjd": "time", "passband": "band", "flux": "psfFlux", "flux_err": "e", "detected": "d"}
    frame = nest(flags.rename(ours), objects.rename({"photoz": "host.z"}), "lc")
    metadata = {"photoz": "host.z"}
    found = classify_nested(frame, bundle=folder, sources="lc", columns=ours, metadata=metadata)
    assert list(found.columns) == ["label", "host.z", "mwebv", *NEW]
    same(found, expected)


def test_metadata_that_are_missing_for_all(bundle, folder, frame, tables):
    observations, objects = tables
    without = objects.with_columns(photoz=pl.lit(None, pl.Float64))
    expected = Predictor(bundle, accelerator="cpu").predict_proba(observations, without)
    bare = frame.drop(columns="photoz")
    same(classify_nested(bare, bundle=folder, metadata={"photoz": None}), expected)


@pytest.mark.parametrize("kind", [pl.Int64, pl.Float64, pl.String])
def test_passbands_by_other_names(folder, tables, expected, kind):
    observations, objects = tables
    codes = pl.col("passband").replace_strict({"g": 1, "r": 2, "i": 3}, return_dtype=pl.Int64)
    frame = nest(observations.with_columns(codes.cast(kind)), objects)
    meaning = {1: "g", 2: "r", 3.0: "i"}
    same(classify_nested(frame, bundle=folder, passbands=meaning), expected)


def test_passbands_left_out(bundle, folder, tables):
    observations, objects = tables
    others = observations.with_columns(pl.col("passband").replace("i", "y"))
    fewer = observations.filter(pl.col("passband") != "i")
    expected = Predictor(bundle, accelerator="cpu").predict_proba(fewer, objects)
    same(classify_nested(nest(others, objects), bundle=folder, passbands={"y": None}), expected)
    # That says nothing of other numbers.
    codes = pl.col("passband").replace_strict({"g": 0, "r": 1, "y": 5})
    numbered = nest(others.with_columns(codes), objects)
    meaning = {0: "g", 1: "r", 5: None}
    same(classify_nested(numbered, bundle=folder, passbands=meaning), expected)
    with pytest.raises(DataError, match=r"names g, r, i, because .* such as passbands=\{0: 'g'\}"):
        classify_nested(numbered, bundle=folder, passbands={5: None})


@pytest.mark.parametrize("zeropoint", [31.4, np.float32(31.4), 25])
def test_fluxes_are_converted(folder, tables, expected, zeropoint):
    observations, objects = tables
    factor = 10 ** (0.4 * (zeropoint - 27.5))
    scaled = observations.with_columns(pl.col("flux", "flux_err") * factor)
    frame = nest(scaled, objects)
    found = classify_nested(frame, bundle=folder, zeropoint=zeropoint)
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=0, atol=1e-4)
    unconverted = numbers(classify_nested(frame, bundle=folder))
    assert np.nanmax(np.abs(unconverted - numbers(expected))) > 1e-2


def test_columns_to_keep(folder, frame):
    found = classify_nested(frame, bundle=folder, keep=["mwebv", "sources", "mwebv"])
    assert list(found.columns) == ["mwebv", "sources", *NEW]
    assert found["sources"].dtype == frame["sources"].dtype
    assert list(classify_nested(frame, bundle=folder, keep=[]).columns) == NEW


def test_what_does_not_fit(folder, frame, tables):
    observations, objects = tables

    def refused(error, match, table=frame, **arguments):
        with pytest.raises(error, match=match) as caught:
            classify_nested(table, bundle=folder, **arguments)
        assert "\n" not in str(caught.value)

    refused(DataError, "'lc' does not exist; known: sources", sources="lc")
    refused(DataError, "'photoz' is not nested", sources="photoz")
    refused(DataError, "no column 'mag', which columns\\['flux'\\]", columns={"flux": "mag"})
    refused(DataError, "columns\\['detected'\\]", columns={"detected": "flag"})
    refused(ConfigError, "columns has no key 'fluxes': did you mean", columns={"fluxes": "flux"})
    refused(DataError, "no column 'dia' for columns\\['object_id'\\]", columns={"object_id": "dia"})
    refused(DataError, "no column 'mwebv' for the bundle's", frame.drop(columns="mwebv"))
    refused(DataError, "no column 'z' for the bundle's", metadata={"photoz": "z"})
    refused(DataError, "'photoz' of the frame must hold numbers", metadata={"photoz": "sources"})
    refused(ConfigError, "metadata has no key 'redshift'", metadata={"redshift": "photoz"})
    refused(ConfigError, "passbands\\['g'\\] cannot be 'u'", passbands={"g": "u"})
    unknown = nest(observations.with_columns(passband=pl.lit("z")), objects)
    refused(DataError, "unknown passband 'z'", unknown)
    for zeropoint in (np.nan, np.inf, 1e4, "31.4", True):
        refused(ConfigError, "zeropoint must be a number", zeropoint=zeropoint)
    refused(DataError, "a column 'class_Ia' already", frame.assign(class_Ia=1.0))
    refused(DataError, "keep names the column 'mwbv'.* did you mean 'mwebv'", keep=["mwbv"])
    refused(ConfigError, "keep must be a list", keep="mwebv")
    refused(DataError, "several columns named 'mwebv'", frame.iloc[:, [0, 1, 2, 3, 2]])
    refused(DataError, "index has 2 levels", frame.set_index("label", append=True))
    refused(DataError, "must hold integers or strings", frame.set_index(frame.index * 0.5))
    refused(DataError, "'photoz' of the frame holds mixed", frame.assign(photoz=1j))


def test_without_nested_pandas(folder, frame, monkeypatch):
    monkeypatch.setitem(sys.modules, "nested_pandas", None)
    with pytest.raises(ConfigError, match=r"lcclassify\[catalogs\]"):
        classify_nested(frame, bundle=folder)


@pytest.mark.slow
def test_an_lsdb_catalogue_on_a_cluster(folder, frame, expected, tmp_path, fork_server):
    lsdb, distributed = pytest.importorskip("lsdb"), pytest.importorskip("distributed")
    dask = pytest.importorskip("dask")
    rng = np.random.default_rng(8)
    sky = frame.reset_index().assign(ra=rng.uniform(0, 360, 60), dec=rng.uniform(-80, 80, 60))
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    # Workers are processes of their own as ever, of the server that has imported what they need.
    method = {"distributed.worker.multiprocessing-method": fork_server.get_start_method()}
    with (
        dask.config.set(method),
        distributed.LocalCluster(**options) as cluster,
        distributed.Client(cluster),
    ):
        catalogue = lsdb.from_dataframe(sky, partition_rows=20)
        assert catalogue.npartitions > 4
        scores = catalogue.map_partitions(classify_nested, bundle=folder)
        in_memory = scores.compute(progress_bar=False)
        catalogue.write_catalog(tmp_path / "survey", progress_bar=False)
        lsdb.open_catalog(tmp_path / "survey").map_partitions(
            classify_nested, bundle=folder, keep=["object_id", "ra", "dec"]
        ).write_catalog(tmp_path / "classified", progress_bar=False)
        read_back = lsdb.open_catalog(tmp_path / "classified").compute(progress_bar=False)
    pd.testing.assert_series_equal(scores.dtypes, in_memory.dtypes)
    assert list(read_back.columns) == ["object_id", "ra", "dec", *NEW]
    for found in (in_memory, read_back):
        assert found.index.name == "_healpix_29"
        found = found.sort_values("object_id")
        np.testing.assert_array_equal(found["ra"].to_numpy(float), sky["ra"])
        same(found, expected)


def test_other_shares_of_the_classes(bundle, frame, tables, tmp_path):
    counted = replace(bundle, provenance={**bundle.provenance, "class_counts": {"Ia": 3, "II": 1}})
    found = classify_nested(frame, bundle=save(counted, tmp_path / "b"), priors={"Ia": 0.2})
    stated = Expectations.stated(None, {"Ia": 0.2})
    same(found, Predictor(counted, expectations=stated).predict_proba(*tables))
    assert not np.allclose(numbers(found), numbers(classify_nested(frame, bundle=tmp_path / "b")))
