import numpy as np
import pytest

from lcclassify.schema import Taxonomy


def synthetic(n_classes, n_objects, *, seed=0, sharpness=2.0, absent=()):
    """Softmax probabilities that lean towards the true class, and the true classes."""
    rng = np.random.default_rng(seed)
    present = [k for k in range(n_classes) if k not in absent]
    targets = rng.choice(present, n_objects)
    logits = rng.normal(size=(n_objects, n_classes))
    logits[np.arange(n_objects), targets] += sharpness
    scaled = np.exp(logits - logits.max(axis=1, keepdims=True))
    return scaled / scaled.sum(axis=1, keepdims=True), targets


@pytest.fixture(scope="session")
def make_synthetic():
    return synthetic


@pytest.fixture(scope="session")
def supernovae():
    return Taxonomy(("Ia", "II", "Ibc"), names={"Ia": "SN Ia", "II": "SN II", "Ibc": "SN Ibc"})


@pytest.fixture(scope="session")
def plasticc():
    labels = ("6", "15", "16", "42", "52", "53", "62", "64")
    labels += ("65", "67", "88", "90", "92", "95", "99")
    return Taxonomy(labels, names={"90": "SN Ia"}, weights={"15": 2.0, "64": 2.0, "99": 2.0})
