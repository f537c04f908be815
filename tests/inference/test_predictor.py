"""Each object's probabilities depend on nothing but the object."""

import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

import lcclassify
from lcclassify.errors import ConfigError, DataError
from lcclassify.inference.bundle import save
from lcclassify.inference.predictor import Predictor
from lcclassify.nn.devices import float32_products
from lcclassify.schema import LightCurves, Passbands
from lcclassify.surveys.canonical import canonicalise

CLASSES = ["class_Ia", "class_II", "class_90"]
COLUMNS = ["object_id", *CLASSES, "unknown", "predicted_class", "reason"]
UNOBSERVED = [7, 23, 41]


def numbers(frame):
    return frame.select(pl.col("^class_.*$")).to_numpy()


@pytest.fixture(scope="session")
def expected(bundle, light_curves):
    return Predictor(bundle, accelerator="cpu").predict_light_curves(light_curves)


def test_one_row_for_every_object(expected, light_curves):
    assert expected.columns == COLUMNS
    assert expected["object_id"].to_list() == list(range(60))
    assert expected.schema["class_Ia"] == pl.Float64
    assert expected.schema["predicted_class"] == expected.schema["reason"] == pl.String
    unscored = expected.filter(pl.col("reason").is_not_null())
    assert unscored["object_id"].to_list() == UNOBSERVED
    assert unscored["reason"].unique().to_list() == ["no usable observation"]
    assert unscored.select(pl.col("^class_.*$"), "predicted_class").null_count().row(0) == (3,) * 4
    scored = expected.filter(pl.col("reason").is_null())
    np.testing.assert_allclose(numbers(scored).sum(axis=1), 1, atol=1e-12)
    best = numbers(scored).argmax(axis=1)
    assert scored["predicted_class"].to_list() == [["Ia", "II", "90"][k] for k in best]
    # The test can see mistakes only if objects differ from each other.
    assert numbers(scored).std(axis=0).min() > 1e-3


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
@pytest.mark.parametrize("chunk_size", [1, 11, 60, 1000])
def test_batches_and_chunks_change_nothing(bundle, light_curves, expected, batch_size, chunk_size):
    predictor = Predictor(bundle, accelerator="cpu", batch_size=batch_size, chunk_size=chunk_size)
    found = predictor.predict_light_curves(light_curves)
    assert found.drop(*CLASSES, "unknown").equals(expected.drop(*CLASSES, "unknown"))
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=0, atol=1e-6)
    unknown = [frame["unknown"].to_numpy() for frame in (found, expected)]
    np.testing.assert_allclose(*unknown, rtol=1e-9)
    assert unknown[0][np.isfinite(unknown[0])].std() > 1e-3


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_smaller_numbers_are_near(bundle, light_curves, expected, precision):
    predictor = Predictor(bundle, accelerator="cpu", precision=precision)
    found = predictor.predict_light_curves(light_curves)
    assert found["reason"].equals(expected["reason"])
    differences = np.abs(numbers(found) - numbers(expected))
    assert 1e-5 < np.nanmax(differences) < 0.05
    scored = numbers(found.filter(pl.col("reason").is_null()))
    np.testing.assert_allclose(scored.sum(axis=1), 1, atol=1e-6)


def test_an_unknown_precision(bundle):
    with pytest.raises(ConfigError, match="precision cannot be 'bf8': known: 32, bf16, int8"):
        Predictor(bundle, precision="bf8")


def test_row_order_and_company_change_nothing(bundle, tables, expected):
    observations, objects = tables
    predictor = Predictor(bundle, accelerator="cpu")
    shuffled = predictor.predict_proba(
        observations.sample(fraction=1, shuffle=True, seed=1),
        objects.sample(fraction=1, shuffle=True, seed=2),
    )
    np.testing.assert_allclose(numbers(shuffled), numbers(expected), rtol=0, atol=1e-6)
    some = [3, 7, 12, 59]
    alone = predictor.predict_proba(
        observations.filter(pl.col("object_id").is_in(some)),
        objects.filter(pl.col("object_id").is_in(some)),
    )
    np.testing.assert_allclose(numbers(alone), numbers(expected)[some], rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["polars", "pandas"])
def test_each_object_alone_gets_what_it_gets_in_the_table(bundle, tables, expected, kind):
    predictor = Predictor(bundle, accelerator="cpu")
    for row in range(len(expected)):
        one = [table.filter(pl.col("object_id") == row) for table in tables]
        if kind == "pandas":
            alone = pl.from_pandas(predictor.predict_proba(*(table.to_pandas() for table in one)))
        else:
            alone = predictor.predict_proba(*one)
        np.testing.assert_allclose(
            numbers(alone).astype(float), numbers(expected)[[row]], rtol=0, atol=1e-6
        )
        for column in ("object_id", "predicted_class", "reason"):
            assert alone[column].to_list() == [expected[column][row]]


def test_string_ids_are_chunked_in_their_own_order(bundle):
    from_strings = []
    for chunk_size in (7, 1000):
        predictor = Predictor(bundle, accelerator="cpu", chunk_size=chunk_size)
        observations, objects = _named_tables()
        from_strings.append(predictor.predict_proba(observations, objects))
    found, expected = from_strings
    assert found["object_id"].to_list() == sorted(f"SN{i}" for i in range(60))
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=0, atol=1e-6)


def _named_tables():
    from lcclassify.schema import OBJECT_ID

    rng = np.random.default_rng(3)
    n = 600
    observations = pl.DataFrame(
        {
            OBJECT_ID: [f"SN{i}" for i in rng.integers(0, 60, n)],
            "mjd": rng.uniform(0, 90, n),
            "passband": rng.choice(["g", "r", "i"], n).tolist(),
            "flux": rng.normal(0, 30, n),
            "flux_err": rng.uniform(1, 2, n),
        }
    )
    return observations, pl.DataFrame(
        {OBJECT_ID: [f"SN{i}" for i in range(60)], "photoz": 0.3, "mwebv": 0.01}
    )


def test_labels_are_not_an_input(bundle, light_curves, expected):
    unlabelled = LightCurves(
        light_curves.observations,
        light_curves.objects.with_columns(pl.lit(None, pl.String).alias("label")),
        light_curves.passbands,
    )
    found = Predictor(bundle, accelerator="cpu").predict_light_curves(unlabelled)
    assert found.equals(expected)


def test_further_metadata_and_their_order_change_nothing(bundle, tables, expected):
    observations, objects = tables
    more = objects.with_columns(colour=pl.col("object_id") * 1.5)
    curves, _ = canonicalise(
        observations,
        more,
        bundle.representation.passbands,
        metadata=("mwebv", "colour", "photoz"),
    )
    found = Predictor(bundle, accelerator="cpu").predict_light_curves(curves)
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=0, atol=1e-6)


def test_members_are_in_order_and_sum_to_one(bundle, light_curves):
    predictor = Predictor(bundle, accelerator="cpu", chunk_size=13, batch_size=5)
    members = predictor.member_probabilities(light_curves)
    assert members.shape == (60, 4, 3)
    assert np.isnan(members[UNOBSERVED]).all()
    scored = np.delete(members, UNOBSERVED, axis=0)
    np.testing.assert_allclose(scored.sum(axis=2), 1, atol=1e-12)
    with torch.inference_mode():
        stacked = bundle.classifier.combine(torch.from_numpy(scored)[:, None]).numpy()
    frame = predictor.predict_light_curves(light_curves)
    np.testing.assert_allclose(
        numbers(frame.filter(pl.col("reason").is_null())), stacked, rtol=0, atol=1e-6
    )


def test_orphans_get_a_row_in_their_place(bundle, tables, expected):
    observations, objects = tables
    some = objects.filter(~pl.col("object_id").is_in([0, 30]))
    found = Predictor(bundle, accelerator="cpu").predict_proba(observations, some)
    assert found["object_id"].to_list() == list(range(60))
    orphans = found.filter(pl.col("object_id").is_in([0, 30]))
    assert orphans["reason"].to_list() == ["not in the object table"] * 2
    assert orphans["class_Ia"].null_count() == 2
    kept = [i for i in range(60) if i not in (0, 30)]
    np.testing.assert_allclose(numbers(found)[kept], numbers(expected)[kept], rtol=0, atol=1e-6)


def test_progress_counts_every_object_once(bundle, light_curves):
    done = []
    Predictor(bundle, accelerator="cpu", batch_size=9, chunk_size=20).predict(
        light_curves, progress=done.append
    )
    assert sum(done) == 60


def test_pandas_comes_back_as_pandas_with_the_same_numbers(bundle, tables, expected):
    observations, objects = (table.to_pandas() for table in tables)
    found = Predictor(bundle, accelerator="cpu").predict_proba(observations, objects)
    assert list(found.columns) == COLUMNS
    np.testing.assert_allclose(
        found[["class_Ia", "class_II", "class_90"]].to_numpy(float),
        numbers(expected),
        rtol=0,
        atol=1e-6,
    )
    assert found["reason"].notna().sum() == 3


def test_without_objects_metadata_are_missing_or_carried(bundle, tables):
    observations, objects = tables
    predictor = Predictor(bundle, accelerator="cpu")
    with_table = predictor.predict_proba(observations, objects.drop("label"))
    carried = predictor.predict_proba(
        observations.join(objects.select("object_id", "photoz", "mwebv"), on="object_id")
    )
    observed = with_table.filter(pl.col("reason").is_null())
    np.testing.assert_allclose(numbers(carried), numbers(observed), rtol=0, atol=1e-6)
    bare = predictor.predict_proba(observations)
    assert bare["reason"].null_count() == len(bare) == 57
    assert np.abs(numbers(bare) - numbers(observed)).max() > 1e-4


def test_objects_of_nan_fluxes_get_a_reason(bundle, tables):
    observations, objects = tables
    blind = observations.with_columns(
        pl.when(pl.col("object_id") == 4).then(None).otherwise("flux").alias("flux")
    )
    found = Predictor(bundle, accelerator="cpu").predict_proba(blind, objects)
    assert found["reason"][4] == "no usable observation"
    assert found["class_Ia"][4] is None


def test_tables_without_a_usable_row(bundle, tables):
    observations, objects = tables
    predictor = Predictor(bundle, accelerator="cpu")
    none = predictor.predict_proba(observations.clear(), objects)
    assert none["reason"].to_list() == ["no usable observation"] * 60
    nothing = predictor.predict_proba(observations.clear(), objects.clear())
    assert nothing.columns == COLUMNS
    assert len(nothing) == 0


def test_networks_that_overflow_give_a_reason_and_no_nan(bundle, light_curves):
    predictor = Predictor(bundle, accelerator="cpu")
    head = bundle.classifier.head.output
    kept = head.bias.detach().clone()
    try:
        with torch.no_grad():
            head.bias.fill_(float("inf"))
        found = predictor.predict_light_curves(light_curves)
    finally:
        with torch.no_grad():
            head.bias.copy_(kept)
    assert found["reason"].null_count() == 0
    assert found["reason"][0] == "the networks gave no finite probability"
    assert found["class_Ia"].null_count() == found["predicted_class"].null_count() == 60


def test_inputs_that_do_not_fit(bundle, tables, light_curves):
    observations, objects = tables
    predictor = Predictor(bundle, accelerator="cpu")
    with pytest.raises(DataError, match="'photoz'"):
        predictor.predict_proba(observations, objects.drop("photoz"))
    with pytest.raises(DataError, match="unknown passband 'z'"):
        predictor.predict_proba(observations.with_columns(passband=pl.lit("z")), objects)
    with pytest.raises(DataError, match="no column 'flux'"):
        predictor.predict_proba(observations.drop("flux"), objects)
    with pytest.raises(DataError, match="of Polars, pandas, pyarrow or astropy, got dict"):
        predictor.predict_proba(observations.to_dict(), objects)
    rows = observations.to_pandas()
    with pytest.raises(DataError, match=r"'object_id' in its index: reset_index\(\) makes"):
        predictor.predict_proba(rows.set_index(["object_id", "mjd"]), objects)
    padded = objects.with_columns(pl.format(" {} ", "object_id").alias("object_id"))
    text = observations.with_columns(pl.col("object_id").cast(pl.String))
    with pytest.raises(DataError, match=r"such as '0'\) and .* such as ' 0 '\) have no object"):
        predictor.predict_proba(text, padded)
    with pytest.raises(DataError, match="2 columns named 'flux'"):
        predictor.predict_proba(pd.concat([rows, rows[["flux"]]], axis=1), objects)
    with pytest.raises(DataError, match="'flux' of observations holds mixed or unusable types"):
        predictor.predict_proba(rows.assign(flux=1j), objects)
    other = LightCurves(light_curves.observations, light_curves.objects, Passbands(("r", "g", "i")))
    with pytest.raises(DataError, match="passbands r, g, i, and the bundle was trained on g, r, i"):
        predictor.predict(other)
    bare, _ = canonicalise(observations, objects, light_curves.passbands, metadata=("mwebv",))
    with pytest.raises(DataError, match="no metadata column 'photoz'"):
        predictor.predict(bare)


def test_arguments_that_cannot_be(bundle, monkeypatch):
    with pytest.raises(ConfigError, match="did you mean 'cuda'"):
        Predictor(bundle, accelerator="cuba")
    with pytest.raises(ConfigError, match="batch_size must be an integer of at least 1, got 0"):
        Predictor(bundle, batch_size=0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="needs a GPU"):
        Predictor(bundle, accelerator="cuda")
    assert Predictor(bundle).device.type == "cpu"


def test_load_is_exported_and_the_import_is_lazy(bundle, tmp_path):
    save(bundle, tmp_path / "bundle")
    assert lcclassify.load(tmp_path / "bundle", accelerator="cpu").classes == ("Ia", "II", "90")
    script = "import sys, lcclassify; print('torch' in sys.modules or 'polars' in sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout
    assert output.strip() == "False"


def test_classifying_needs_nothing_of_training(bundle, tables, tmp_path):
    folder = save(bundle, tmp_path / "bundle")
    for name, table in zip(("observations", "objects"), tables, strict=True):
        table.write_parquet(tmp_path / f"{name}.parquet")
    script = (
        "import sys, lcclassify, polars as pl;"
        "classifier = lcclassify.load(sys.argv[1], accelerator='cpu');"
        "classifier.predict_proba(*(pl.read_parquet(f'{name}.parquet')"
        " for name in ('observations', 'objects')));"
        "print([name for name in ('astropy', 'lightning', 'torchmetrics', 'matplotlib', 'sklearn',"
        " 'optuna', 'pandas', 'tensorboard', 'hydra') if name in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", script, folder],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    ).stdout
    assert output.strip() == "[]"


@pytest.mark.parametrize("products", ["highest", "high"])
def test_devices_agree_whatever_the_process_multiplies_with(
    bundle, light_curves, expected, accelerator, products
):
    with float32_products(products):
        found = Predictor(bundle, accelerator=accelerator).predict_light_curves(light_curves)
        assert torch.get_float32_matmul_precision() == products
    bundle.classifier.to("cpu")
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=0, atol=1e-6)
