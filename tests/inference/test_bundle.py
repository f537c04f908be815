"""What is saved comes back bit for bit; what is damaged is refused in one sentence."""

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from lcclassify.errors import BundleError, OutputError
from lcclassify.inference import bundle as bundles
from lcclassify.inference.bundle import Bundle, load, save
from lcclassify.inference.predictor import Predictor
from lcclassify.inference.training_objects import TrainingObjects
from lcclassify.nn.stack import EnsembleClassifier
from lcclassify.schema import Taxonomy


@pytest.fixture
def folder(bundle, tmp_path):
    return save(bundle, tmp_path / "bundle")


def rewrite(folder, change):
    """Change the document of a bundle in place."""
    document = yaml.safe_load((folder / "bundle.yaml").read_text())
    change(document)
    (folder / "bundle.yaml").write_text(yaml.safe_dump(document))


def reweigh(folder, change):
    """Change the weights, with a checksum that fits."""
    weights = load_file(folder / "weights.safetensors")
    change(weights)
    save_file(weights, folder / "weights.safetensors")
    digest = hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()
    rewrite(folder, lambda document: document.update(weights_sha256=digest))


def refused(folder, match):
    with pytest.raises(BundleError, match=match) as caught:
        load(folder)
    assert "\n" not in str(caught.value)


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


def test_whether_detections_were_stated(bundle, tmp_path):
    for states in (True, False, None):
        folder = save(replace(bundle, detections_stated=states), tmp_path / "bundle")
        assert load(folder).detections_stated is states
        assert ("`detected` is stated" in (folder / "MODEL_CARD.md").read_text()) == bool(states)
    rewrite(folder, lambda document: document.pop("detections_stated"))
    assert load(folder).detections_stated is None  # earlier ones do not say
    rewrite(folder, lambda document: document.update(detections_stated="no"))
    refused(folder, "'detections_stated' is of the wrong type str")


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


# --- damaged bundles ----------------------------------------------------------------


def test_missing_parts(folder, tmp_path):
    refused(tmp_path / "nowhere", "must be the folder of a bundle, but it does not exist")
    refused(folder / "bundle.yaml", "is not a folder")
    refused(folder.parent, f"has no file bundle.yaml: did you mean '{folder}'")
    (folder / "weights.safetensors").unlink()
    refused(folder, "has no file weights.safetensors")
    (folder / "bundle.yaml").unlink()
    refused(folder, "has no file bundle.yaml")


@pytest.mark.parametrize("version", [7, 0, "1", None, True])
def test_another_format_version(folder, version):
    rewrite(folder, lambda document: document.update(format_version=version))
    refused(folder, f"has the format version {version!r}.* reads format versions 1, 2, 3, 4, 5, 6")


def test_version_5_told_no_unknown_objects(bundle, tmp_path, light_curves):
    classifier = bundle.classifier
    plain = EnsembleClassifier([list(members) for members in classifier.members], classifier.head)
    folder = save(replace(bundle, classifier=plain, conditions=None), tmp_path / "bundle")

    def age(document):
        document["format_version"] = 5
        del document["conditions"], document["ensemble"]["unknown"], document["ensemble"]["sets"]

    rewrite(folder, age)
    loaded = load(folder)
    found = Predictor(loaded, accelerator="cpu").predict_light_curves(light_curves)
    assert "unknown" not in found.columns
    expected = Predictor(bundle, accelerator="cpu").predict_light_curves(light_curves)
    assert found.equals(expected.drop("unknown"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["ensemble"]["unknown"].update(fraction=2), "between 0 and 1"),
        (lambda d: d["ensemble"]["unknown"].update(unseen=[7]), "unseen must be numbers"),
        (lambda d: d["ensemble"]["unknown"].update(n_components=3), "weights .unknown"),
        (lambda d: d["ensemble"]["unknown"].update(n_classes=2), "unknown is of 2 classes"),
        (lambda d: d["ensemble"]["sets"].update(n_objects=-1), "n_objects must be a whole"),
        (lambda d: d["ensemble"]["sets"].update(more=1), "invalid value"),
        (lambda d: d["conditions"]["quantiles"].update(nothing=[0.0] * 41), "damaged"),
        (lambda d: d.update(conditions=3), "damaged"),
    ],
)
def test_damaged_last_steps_are_refused(folder, change, message):
    rewrite(folder, change)
    refused(folder, message)


def test_earlier_versions_had_numbers_in_names_of_features(folder):
    """Their settings say nothing of it, and may name a redshift that there is not."""

    def age(document):
        document["format_version"] = 3
        del document["representation"]["settings"]["feature_bands"]
        document["representation"]["settings"]["sequences"]["redshift"] = "hostgal_photoz"

    rewrite(folder, age)
    found = load(folder)
    assert "flux_max_0" in found.representation.feature_names
    assert found.representation.redshift is None


def test_version_1_knew_no_clip(folder):
    expected = load(folder)

    def age(document):
        document["format_version"] = 1
        for group in document["ensemble"]["members"]:
            for member in group:
                for transform in ("features", "context", "sequences"):
                    del member[transform]["clip"]

    rewrite(folder, age)
    found = load(folder)
    for name, value in expected.classifier.state_dict().items():
        assert torch.equal(value, found.classifier.state_dict()[name]), name


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("classes: [a, b", "is damaged"),
        ("\x00", "is damaged"),
        ("- a list", "must hold a mapping, got list"),
        ("", "must hold a mapping, got NoneType"),
        ("format_version: 1", "lacks the key 'weights_sha256'"),
        ("!!python/object/apply:os.system ['true']", "is damaged"),
        ("[" * 5000, "is damaged"),
    ],
)
def test_damaged_document(folder, text, match):
    (folder / "bundle.yaml").write_text(text)
    refused(folder, match)


def test_document_that_is_no_text(folder):
    (folder / "bundle.yaml").write_bytes(b"\xff\xfe\x80")
    refused(folder, "is damaged")


@pytest.mark.parametrize("kept", [0, 7, 100, -1])
def test_truncated_weights(folder, kept):
    file = folder / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:kept])
    refused(folder, "damaged or truncated")


def test_weights_with_one_bit_changed(folder):
    file = folder / "weights.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))
    refused(folder, "checksum differs|NaN or infinite")


def first(weights):
    return next(name for name in weights if name.endswith("output.weight"))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda w: w.pop(first(w)), "lacks the weights '.*output.weight'"),
        (lambda w: w.update(more=torch.zeros(1)), "holds weights 'more'"),
        (lambda w: w.update({first(w): w[first(w)][:2].clone()}), r"are \(2, .* describes \(3, "),
        (
            lambda w: w.update({first(w): w[first(w)].double()}),
            r"float64, and [^ ]+ describes \(3, 10\) torch\.float32",
        ),
        (lambda w: w[first(w)].fill_(float("nan")), "hold NaN or infinite"),
        (lambda w: w[first(w)].fill_(float("inf")), "hold NaN or infinite"),
    ],
)
def test_weights_that_do_not_fit(folder, change, match):
    reweigh(folder, change)
    refused(folder, match)


@pytest.mark.parametrize("name", ["left", "right", "roots", "feature"])
@pytest.mark.parametrize("value", [0, 10**6, -(10**6)])
def test_trees_that_lead_nowhere(folder, name, value):
    """Also where the checksum was made anew: an endless path would hang whoever classifies."""

    def change(weights):
        (key,) = [key for key in weights if key.endswith(f"members.3.0.network.{name}")]
        weights[key][-1 if name != "left" else 0] = value

    if (name, value) not in {("roots", 0), ("feature", 0), ("right", 0)}:  # these are trees too
        reweigh(folder, change)
        refused(folder, "the trees are damaged")


@pytest.mark.parametrize("key", ["feature_names", "context_names", "channel_names"])
def test_a_name_missing_unknown_or_elsewhere(folder, key):
    names = yaml.safe_load((folder / "bundle.yaml").read_text())[key]
    kind = key.removesuffix("_names")
    rewrite(folder, lambda document: document[key].remove(names[1]))
    refused(folder, f"{key} lacks the {kind} '{names[1]}'")
    rewrite(folder, lambda document: document.update({key: [*names, "colour"]}))
    refused(folder, f"holds the {kind} 'colour', one of 1")
    rewrite(folder, lambda document: document.update({key: names[::-1]}))
    refused(folder, "in another order")


def set_network(document, **values):
    document["ensemble"]["members"][0][0]["network"].update(values)


@pytest.mark.parametrize(
    "target", ["os.system", "builtins.eval", "subprocess.Popen", "torch.load", "pickle.loads"]
)
@pytest.mark.parametrize("where", ["network", "head"])
def test_a_hostile_target_is_refused_unrun(folder, tmp_path, target, where):
    trap = tmp_path / "trap"
    hostile = {"_target_": target, "command": f"touch {trap}", "_args_": [f"touch {trap}"]}

    def change(document):
        if where == "network":
            document["ensemble"]["members"][0][0]["network"] = hostile
        else:
            document["ensemble"]["head"] = hostile

    rewrite(folder, change)
    refused(folder, f"'{target}' is no ")
    assert not trap.exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(classes=[1, 2]),
        lambda d: d["classes"][0].update(label=6),
        lambda d: d["classes"][0].update(label="90"),
        lambda d: d["classes"][0].pop("name"),
        lambda d: d.update(classes=d["classes"][:2]),
        lambda d: d.update(members=["one"]),
        lambda d: d.update(ensemble={}),
        lambda d: d.update(ensemble={"members": [], "head": None}),
        lambda d: d["ensemble"].update(members="abc"),
        lambda d: d["ensemble"]["members"][0][0].pop("network"),
        lambda d: d["ensemble"]["members"][0][0].update(n_classes="three"),
        lambda d: set_network(d, units=[8, 10**9]),
        lambda d: set_network(d, colour="blue"),
        lambda d: d["representation"].pop("settings"),
        lambda d: d["representation"]["settings"].update(colour="blue"),
        lambda d: d["representation"]["settings"].update(night_length="long"),
        lambda d: d["representation"].update(passbands=["g", "r"]),
        lambda d: d["representation"].update(passbands=["g", "g", "r"]),
        lambda d: d["representation"].update(max_length=None),
    ],
)
def test_values_that_cannot_be(folder, change):
    rewrite(folder, change)
    refused(folder, "bundle|taxonomy|members")
