"""Training objects that a bundle keeps: which, where they lie, and what is nearest."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
import yaml
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from lcclassify.errors import BundleError
from lcclassify.inference.bundle import load, save
from lcclassify.inference.training_objects import FILE, TrainingObjects, chosen


def made(prepared, *, detector=None, text=False):
    ids = pl.Series([f"SN é{i}" for i in prepared.object_ids]) if text else prepared.object_ids
    targets = np.arange(len(ids)) % 3
    return TrainingObjects.of(
        ids,
        targets,
        np.bincount(targets) * 10,
        prepared.features,
        prepared.feature_names,
        ("flux_max", "photoz"),
        detector,
    )


@pytest.fixture
def prepared(bundle, light_curves):
    return bundle.representation.prepare(light_curves)


# --- which are kept -----------------------------------------------------------------


def test_the_ids_alone_decide_which_are_kept():
    ids = pl.Series(np.arange(5000))
    targets = np.where(ids.to_numpy() < 4500, 0, np.where(ids.to_numpy() < 4990, 1, 2))
    kept = chosen(ids, targets, 500)
    assert (np.diff(kept) > 0).all()
    assert np.bincount(targets[kept]).tolist() == [450, 49, 10]  # all of a class of ten
    order = np.random.default_rng(0).permutation(5000)
    again = chosen(ids[order], targets[order], 500)
    assert sorted(ids[order][again]) == ids[kept].to_list()
    assert chosen(ids, targets, 5000).tolist() == list(range(5000))
    # Few of many classes are still few.
    assert len(chosen(ids, np.arange(5000) % 50, 100)) <= 150


def test_each_stands_for_as_many(prepared):
    objects = replace(made(prepared), counts=np.array([100, 10, 1000]))
    sums = np.bincount(objects.targets, objects.weights)
    np.testing.assert_allclose(sums, [100, 10, 1000])


# --- what is nearest ----------------------------------------------------------------


@pytest.mark.parametrize("own_space", [True, False])
def test_the_nearest_are_those_of_the_least_distance(bundle, prepared, own_space):
    detector = None if own_space else bundle.classifier.unknown
    objects = made(prepared, detector=detector)
    space = objects.space if own_space else detector
    places = space.components(torch.as_tensor(prepared.features)).numpy()
    apart = np.linalg.norm(places[:, None] - places, axis=2)
    np.fill_diagonal(apart, np.inf)
    unit = np.median(apart.min(axis=1))
    assert objects.unit == pytest.approx(unit, rel=1e-4)
    found = objects.nearest(prepared.features[7], bundle.classifier.unknown)
    assert len(found) == 5
    assert found[0].object_id == prepared.object_ids[7]
    assert found[0].distance == pytest.approx(0, abs=1e-4)
    expected = np.sort(apart[7])[:4] / unit
    np.testing.assert_allclose([one.distance for one in found[1:]], expected, rtol=1e-3)
    assert found[1].object_id == prepared.object_ids[int(apart[7].argmin())]
    assert found[1].target == apart[7].argmin() % 3
    assert len(objects.nearest(prepared.features[7], detector, 10**6)) == len(objects)


def test_one_object_and_equal_ones_have_a_unit(prepared):
    for rows in (np.array([0]), np.zeros(6, dtype=int)):
        objects = TrainingObjects.of(
            prepared.object_ids[rows], np.zeros(len(rows), np.int64), np.array([6, 0, 0]),
            prepared.features[rows], prepared.feature_names, (), None,
        )  # fmt: skip
        assert objects.unit == 1
        assert objects.nearest(prepared.features[0], None)[0].distance == pytest.approx(0, abs=1e-6)


# --- in a bundle --------------------------------------------------------------------


@pytest.mark.parametrize("own_space", [True, False])
@pytest.mark.parametrize("text", [True, False])
def test_through_a_bundle(bundle, prepared, tmp_path, own_space, text):
    detector = None if own_space else bundle.classifier.unknown
    objects = made(prepared, detector=detector, text=text)
    folder = save(replace(bundle, training_objects=objects), tmp_path / "bundle")
    loaded = load(folder)
    found = loaded.training_objects
    assert found.ids.equals(objects.ids)
    for name in ("targets", "counts", "places", "quantities"):
        np.testing.assert_array_equal(getattr(found, name), getattr(objects, name))
    assert found.quantity_names == ("flux_max", "photoz")
    assert np.isnan(found.quantities[:, 1]).any()
    near = [
        one.nearest(prepared.features[3], b.classifier.unknown)
        for one, b in ((objects, bundle), (found, loaded))
    ]
    assert near[0] == near[1]
    described = yaml.safe_load((folder / "bundle.yaml").read_text())["training_objects"]
    assert described["bytes"] == (folder / FILE).stat().st_size
    assert (described["objects"], described["of"]) == (len(prepared), 10 * len(prepared))


def test_bundles_without_them_are_bundles(bundle, prepared, tmp_path):
    folder = save(bundle, tmp_path / "bundle")
    assert load(folder).training_objects is None
    assert not (folder / FILE).exists()
    save(replace(bundle, training_objects=made(prepared)), folder)
    save(bundle, folder)
    assert not (folder / FILE).exists()  # of the bundle that was replaced


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.update(places=t["places"][:5]), "parts do not fit"),
        (lambda t: t.update(targets=-t["targets"] - 1), "parts do not fit"),
        (lambda t: t.update(unit=torch.tensor(0.0)), "parts do not fit"),
        (lambda t: t.update(places=t["places"] * torch.inf), "parts do not fit"),
        (lambda t: t.update(quantities=t["quantities"][:, :1].contiguous()), "parts do not fit"),
        (lambda t: t.pop("ids"), "is damaged: 'id_text'"),
        (lambda t: t.pop("space.features.mean"), "is damaged"),
        (lambda t: t.update(places=t["places"][:, :2].contiguous()), "are of another bundle"),
        (lambda t: t.update(counts=t["counts"][:2]), "are of another bundle"),
    ],
)
def test_damaged_ones_are_refused(bundle, prepared, tmp_path, change, message):
    folder = save(replace(bundle, training_objects=made(prepared)), tmp_path / "bundle")
    tensors = load_tensors((folder / FILE).read_bytes())
    change(tensors)
    content = save_tensors(tensors)
    (folder / FILE).write_bytes(content)
    with pytest.raises(BundleError, match="not the file that the bundle was written with"):
        load(folder)
    document = yaml.safe_load((folder / "bundle.yaml").read_text())
    described = made(prepared).describe(content)
    (folder / "bundle.yaml").write_text(yaml.safe_dump({**document, "training_objects": described}))
    with pytest.raises(BundleError, match=message):
        load(folder)


def test_a_missing_file_and_words_that_are_none(bundle, prepared, tmp_path):
    folder = save(replace(bundle, training_objects=made(prepared)), tmp_path / "bundle")
    content = (folder / FILE).read_bytes()
    (folder / FILE).unlink()
    with pytest.raises(BundleError, match=f"has no file {FILE}"):
        load(folder)
    with pytest.raises(BundleError, match="is damaged"):
        TrainingObjects.from_bytes(content, 3)
    with pytest.raises(BundleError, match="is damaged"):
        TrainingObjects.from_bytes(b"1234", made(prepared).describe(b"1234"))
    objects = replace(made(prepared), quantity_names=("nothing", "photoz"))
    with pytest.raises(BundleError, match="are of another bundle"):
        replace(bundle, training_objects=objects)
