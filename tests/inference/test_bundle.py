"""What is saved comes back bit for bit."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from lcclassify.errors import BundleError, OutputError
from lcclassify.inference import bundle as bundles
from lcclassify.inference.bundle import Bundle, load, save
from lcclassify.inference.predictor import Predictor
from lcclassify.inference.training_objects import TrainingObjects
from lcclassify.schema import Taxonomy


@pytest.fixture
def folder(bundle, tmp_path):
    return save(bundle, tmp_path / "bundle")


# --- round trip ---------------------------------------------------------------------


def test_moved_bundle_gives_the_same_probabilities_bit_for_bit(bundle, folder, light_curves):
    moved = folder.parent / "elsewhere" / "renamed"
    shutil.copytree(folder, moved)
    shutil.rmtree(folder)
    before = Predictor(bundle, accelerator="cpu").predict(light_curves, keep_members=True)
    after = Predictor(load(moved), accelerator="cpu").predict(light_curves, keep_members=True)
    np.testing.assert_array_equal(before.probabilities, after.probabilities)
    np.testing.assert_array_equal(before.members, after.members)


def test_everything_else_comes_back(bundle, folder):
    loaded = load(folder)
    assert loaded.taxonomy.classes == bundle.taxonomy.classes
    assert loaded.taxonomy.display_names() == ["SN Ia", "II", "90"]
    assert loaded.taxonomy.weight_vector().tolist() == [1, 1, 2]
    assert loaded.representation == bundle.representation
    assert loaded.member_names == bundle.member_names
    assert loaded.zeropoint == bundle.zeropoint
    assert loaded.provenance["class_counts"] == {"Ia": 20, "II": 21, "90": 16}
    assert loaded.provenance["seeds"] == {"split": 0, "training": [1, 2]}
    assert loaded.provenance["versions"]["torch"]
    assert loaded.provenance["created"].startswith("20")
    assert not loaded.classifier.training
    saved_again = save(loaded, folder.parent / "again")
    for name in ("bundle.yaml", "weights.safetensors", "MODEL_CARD.md"):
        assert (saved_again / name).read_bytes() == (folder / name).read_bytes()


def test_another_process_without_the_data_gives_the_same(bundle, folder, tables, tmp_path):
    observations, objects = tables
    observations.write_parquet(tmp_path / "observations.parquet")
    objects.write_parquet(tmp_path / "objects.parquet")
    script = (
        "import json, sys, polars as pl, torch, lcclassify; torch.set_num_threads(1);"
        "p = lcclassify.load(sys.argv[1], accelerator='cpu');"
        "f = p.predict_proba(*(pl.read_parquet(name) for name in sys.argv[2:4]));"
        "print(json.dumps([[x.hex() if x is not None else None for x in f[c]] for c in "
        "['class_Ia', 'class_II', 'class_90']]))"
    )
    paths = [folder, tmp_path / "observations.parquet", tmp_path / "objects.parquet"]
    output = subprocess.run(
        [sys.executable, "-c", script, *map(str, paths)],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    here = Predictor(bundle, accelerator="cpu").predict_proba(observations, objects)
    for label, values in zip(bundle.taxonomy.classes, json.loads(output), strict=True):
        expected = here[f"class_{label}"].to_list()
        there = [None if value is None else float.fromhex(value) for value in values]
        assert [value is None for value in there] == [value is None for value in expected]
        pairs = [(a, b) for a, b in zip(there, expected, strict=True) if a is not None]
        assert max(abs(a - b) for a, b in pairs) < 1e-6  # numbers of threads may differ


def test_loading_leaves_the_random_numbers_alone(folder):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    load(folder)
    assert torch.equal(torch.rand(3), expected)


def test_labels_that_yaml_could_misread_stay_text(bundle, tmp_path):
    odd = Bundle(
        bundle.representation,
        Taxonomy(("90", "no", "1e3")),
        bundle.classifier,
        bundle.member_names,
    )
    assert load(save(odd, tmp_path / "odd")).taxonomy.classes == ("90", "no", "1e3")


def test_model_card_tells_what_matters(folder):
    card = (folder / "MODEL_CARD.md").read_text()
    for words in (
        "3 classes",
        "| Ia | SN Ia | 1 | 20 |",
        "g (480 nm), r (620 nm), i (750 nm)",
        "flux 1 is AB magnitude 27.5",
        "metadata columns: photoz, mwebv",
        "- dense: 2 networks of `lcclassify.nn.dense.DenseNet`",
        "- stack: accuracy 0.5",
        "- Made for tests.",
        "- survey: test",
    ):
        assert words in card


def test_model_card_of_a_run(bundle, light_curves, tmp_path):
    prepared = bundle.representation.prepare(light_curves)
    n = len(prepared)
    kept = TrainingObjects.of(
        prepared.object_ids, np.zeros(n, np.int64), np.array([n, 0, 0]), prepared.features,
        prepared.feature_names, ("flux_max", "photoz"), None,
    )  # fmt: skip
    sets = {"level": 0.9, "marginal": {"coverage": 0.912, "mean_size": 1.31},
            "classes": {"Ia": {"coverage": 0.95}, "II": {"coverage": 0.85}}}  # fmt: skip
    scores = {"accuracy": 0.8123, "log_loss": 0.5, "ece": 0.02, "aurc": None}
    evaluation = {
        "model": "stack",
        "objects": 1200,
        "metrics": scores,
        "intervals": {"ece": [0.01, 0.031]},
        "held_out": {"objects": 300, "metrics": scores, "intervals": None},
        "sets": sets,
        "held_out_sets": None,
        "shift": {"distance": 0.314, "auc": 0.93, "sentences": ["highest flux: fainter"]},
    }
    provenance = {**bundle.provenance, "evaluation": evaluation}
    provenance["class_counts"] = {"Ia": 20, "II": 21}
    made = replace(bundle, provenance=provenance, training_objects=kept)
    card = (save(made, tmp_path / "bundle") / "MODEL_CARD.md").read_text()
    for words in (
        "- For objects of the survey test and others like it, observed in g, r, i:",
        "- 41 objects of 2 classes; none of 90",
        f"- {n} of them are in this bundle, with ids, classes, places and 2 quantities",
        "| highest flux |",
        "| its magnitude |",
        "| redshift |" if bundle.representation.redshift else "| photoz |",
        "- stack, 1,200 objects: accuracy 0.8123, log-loss 0.5000, expected calibration error "
        "0.0200 (0.0100 to 0.0310)",
        "- stack, 300 held-out objects, drawn like the training ones: accuracy 0.8123",
        "- sets for 90% hold the true class of 91.2%; least of II, 85.0%; they have 1.31 classes",
        "Kolmogorov-Smirnov): 0.31",
        "AUC of 0.93; 0.5 is alike",
        "- highest flux: fainter",
    ):
        assert words in card, words
    assert "evaluation:" not in card
    values = prepared.features[:, list(prepared.feature_names).index("flux_max")]
    assert f"| highest flux | {np.nanmin(values):.4g} |" in card
    assert f"{27.5 - 2.5 * np.log10(np.nanmax(values)):.2f} |" in card
    # What a bundle does not tell has no section.
    plain = (save(bundle, tmp_path / "plain") / "MODEL_CARD.md").read_text()
    assert "## Calibration and prediction sets" not in plain
    assert "## Test objects beside" not in plain


# --- writing ------------------------------------------------------------------------


def test_a_bundle_is_replaced_whole(bundle, folder):
    (folder / "left over").write_text("")
    save(bundle, folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "MODEL_CARD.md",
        "bundle.yaml",
        "weights.safetensors",
    ]
    assert [path.name for path in folder.parent.iterdir()] == ["bundle"]


def test_a_failed_save_leaves_the_earlier_bundle(bundle, folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundles, "model_card", full)
    with pytest.raises(OutputError, match="No space left on device"):
        save(bundle, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["bundle"]


def test_a_folder_with_other_files_is_not_replaced(bundle, tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="not a bundle"):
        save(bundle, tmp_path / "results")
    assert (tmp_path / "results" / "thesis.txt").read_text() == "years of work"


def test_values_that_are_not_plain_are_refused(bundle, tmp_path):
    odd = Bundle(
        bundle.representation,
        bundle.taxonomy,
        bundle.classifier,
        bundle.member_names,
        provenance={"survey": object()},
    )
    with pytest.raises(BundleError, match=r"bundle\.provenance\.survey must be a plain value"):
        save(odd, tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


def test_parts_that_do_not_fit_are_refused(bundle):
    with pytest.raises(BundleError, match="3 outputs, the taxonomy 2 classes"):
        Bundle(bundle.representation, Taxonomy(("a", "b")), bundle.classifier, ("a", "b", "c"))
    with pytest.raises(BundleError, match="each of the 4 members"):
        Bundle(bundle.representation, bundle.taxonomy, bundle.classifier, ("a", "b"))
