"""What is damaged is refused in one sentence, and what is of an earlier version is read."""

import hashlib
from dataclasses import replace

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from lcclassify.errors import BundleError
from lcclassify.inference.bundle import load, save
from lcclassify.inference.predictor import Predictor
from lcclassify.nn.stack import EnsembleClassifier


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


def test_whether_detections_were_stated(bundle, tmp_path):
    for states in (True, False, None):
        folder = save(replace(bundle, detections_stated=states), tmp_path / "bundle")
        assert load(folder).detections_stated is states
        assert ("`detected` is stated" in (folder / "MODEL_CARD.md").read_text()) == bool(states)
    rewrite(folder, lambda document: document.pop("detections_stated"))
    assert load(folder).detections_stated is None  # earlier ones do not say
    rewrite(folder, lambda document: document.update(detections_stated="no"))
    refused(folder, "'detections_stated' is of the wrong type str")


def test_missing_parts(folder, tmp_path):
    refused(tmp_path / "nowhere", "must be the folder of a bundle, but it does not exist")
    refused(folder / "bundle.yaml", "is not a folder")
    refused(folder.parent, f"has no file bundle.yaml: did you mean '{folder}'")
    (folder / "weights.safetensors").unlink()
    refused(folder, "has no file weights.safetensors")
    (folder / "bundle.yaml").unlink()
    refused(folder, "has no file bundle.yaml")


@pytest.mark.parametrize("version", [8, 0, "1", None, True])
def test_another_format_version(folder, version):
    rewrite(folder, lambda document: document.update(format_version=version))
    known = "1, 2, 3, 4, 5, 6, 7"
    refused(folder, f"has the format version {version!r}.* reads format versions {known}")


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


def test_version_6_knew_no_mismatched_redshifts(bundle, tmp_path, light_curves):
    folder = save(bundle, tmp_path / "bundle")

    def age(document):
        document["format_version"] = 6
        del document["ensemble"]["unknown"]["mismatch"]

    rewrite(folder, age)
    found = Predictor(load(folder), accelerator="cpu").predict_light_curves(light_curves)
    expected = Predictor(bundle, accelerator="cpu").predict_light_curves(light_curves)
    assert found.equals(expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["ensemble"]["unknown"].update(fraction=2), "between 0 and 1"),
        (lambda d: d["ensemble"]["unknown"].update(unseen=[7]), "unseen must be numbers"),
        (lambda d: d["ensemble"]["unknown"].update(n_components=3), "weights .unknown"),
        (lambda d: d["ensemble"]["unknown"].update(n_classes=2), "unknown is of 2 classes"),
        (lambda d: d["ensemble"]["unknown"].update(mismatch=3), "mismatch must be the shape"),
        (lambda d: d["ensemble"]["sets"].update(n_objects=-1), "n_objects must be a whole"),
        (lambda d: d["ensemble"]["sets"].update(more=1), "invalid value"),
        (lambda d: d["conditions"]["quantiles"].update(nothing=[0.0] * 41), "damaged"),
        (lambda d: d.update(conditions=3), "damaged"),
    ],
)
def test_damaged_last_steps_are_refused(folder, change, message):
    rewrite(folder, change)
    refused(folder, message)


def test_version_6_computed_features_of_processes_otherwise(folder):
    def age(document):
        document["format_version"] = 6
        document["representation"]["settings"]["features"] = ["reference", "gp"]

    rewrite(folder, age)
    refused(folder, "the set 'gp' were computed otherwise when it was written: train")


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
