"""A small prepared set of three classes, made of numbers alone."""

import numpy as np
import polars as pl
import pytest
import torch

from lcclassify.augment.conditions import Conditions
from lcclassify.augment.observing import Cadences, Detections, FluxErrors
from lcclassify.augment.steps import Sample
from lcclassify.nn.batching import TensorSet
from lcclassify.schema import Taxonomy
from lcclassify.training.context import TrainingContext
from lcclassify.training.head_settings import HeadSettings
from lcclassify.training.settings import MemberSettings
from lcclassify.training.splits import SplitSettings, split_objects

TAXONOMY = Taxonomy(("A", "B", "C"))
TRAINER = {"accelerator": "cpu", "devices": 1}


class Silent:
    """A reporter that keeps what it is told."""

    def __init__(self):
        self.lines = []

    def planned(self, costs):
        self.lines.append(("planned", *costs))

    def started(self, fit, total, done):
        self.lines.append(("started", fit, total, done))

    def advanced(self, fit, objects, note):
        pass

    def stopped(self, fit):
        pass

    def finished(self, fit, note):
        self.lines.append(("finished", fit))

    def kept(self, fit):
        self.lines.append(("kept", fit))


def make_objects(counts, n_unlabelled=0, seed=0):
    labels = [label for label, count in counts.items() for _ in range(count)]
    labels += [None] * n_unlabelled
    order = np.random.default_rng(seed).permutation(len(labels))
    return pl.DataFrame(
        {
            "object_id": np.arange(len(labels)),
            "label": pl.Series([labels[i] for i in order], dtype=pl.String),
            "subset": pl.Series([None] * len(labels), dtype=pl.String),
        }
    )


def make_tensors(targets, seed=0, separation=3.0):
    """Features and sequences whose mean tells the class."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 9, len(targets))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    mean = separation * np.eye(3)[targets]
    features = mean + rng.normal(size=(len(targets), 3))
    sequences = np.repeat(mean, lengths, axis=0) + rng.normal(size=(offsets[-1], 3))
    return TensorSet(
        features=torch.as_tensor(features),
        context=torch.as_tensor(rng.normal(size=(len(targets), 1))),
        sequences=torch.as_tensor(sequences, dtype=torch.float32),
        offsets=torch.as_tensor(offsets),
        targets=torch.as_tensor(targets),
    )


def make_context(folder, *, counts=None, seed=0, trainer=None, **settings):
    objects = make_objects(counts or {"A": 30, "B": 20, "C": 10})
    chosen = {"test_fraction": 0.2, "folds": 2, "validation_fraction": 0.2} | settings
    split = split_objects(objects, TAXONOMY, SplitSettings(**chosen), seed)
    targets = np.array([TAXONOMY.classes.index(label) for label in objects["label"]])
    return TrainingContext(
        tensors=make_tensors(targets),
        split=split,
        taxonomy=TAXONOMY,
        max_length=8,
        transform_settings={
            "features": {"kind": "standard"},
            "context": {"kind": "standard"},
            "sequences": {"kind": "standard"},
        },
        validation_fraction=chosen["validation_fraction"],
        n_folds=chosen["folds"],
        folder=folder,
        tensorboard=None,
        trainer=TRAINER | (trainer or {}),
        reporter=Silent(),
        seed=seed,
    )


def make_member(name="dense", network=None, **fit):
    return MemberSettings.from_config(
        {
            "name": name,
            "network": network
            or {"_target_": "lcclassify.nn.dense.DenseNet", "units": [6], "dropout": 0.1},
            "loss": {"_target_": "lcclassify.nn.losses.CrossEntropyLoss"},
            "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.02},
            "fit": {"epochs": 3, "batch_size": 8} | fit,
        }
    )


LINEAR = {"_target_": "lcclassify.nn.stack.LinearStackingHead", "form": "full"}
DENSE = {"_target_": "lcclassify.nn.stack.StackingHead", "units": [10], "activation": "relu"}
SHRINKAGE = {"deviations": [0, 0.15, 0.6, 3], "folds": 3, "standard_errors": 0.5}


def make_head(network="linear", epochs=None, lr=0.01, loss="CrossEntropyLoss", **shrinkage):
    """Settings of a head: of a linear one shrinkage, unless it is to be trained by epochs."""
    config = {
        "name": "head",
        "network": {"linear": LINEAR, "dense": DENSE}[network],
        "loss": {"_target_": f"lcclassify.nn.losses.{loss}"},
    }
    if network == "linear" and epochs is None:
        return HeadSettings.from_config(config | {"shrinkage": SHRINKAGE | shrinkage})
    trained = {
        "optimizer": {"_target_": "torch.optim.Adam", "lr": lr},
        "fit": {"epochs": epochs or 5, "batch_size": 16, "checkpoint": "last"},
    }
    return HeadSettings.from_config(config | trained)


@pytest.fixture
def context(tmp_path):
    return make_context(tmp_path / "fits")


@pytest.fixture
def new_context():
    return make_context


@pytest.fixture
def member():
    return make_member()


@pytest.fixture
def new_member():
    return make_member


@pytest.fixture
def new_head():
    return make_head


@pytest.fixture
def new_objects():
    return make_objects


@pytest.fixture
def new_tensors():
    return make_tensors


@pytest.fixture
def taxonomy():
    return TAXONOMY


@pytest.fixture(scope="session")
def sample_of():
    """Return a function that makes what steps are fitted on of objects without redshifts."""

    def sample(drawn, targets, n_bands=2):
        errors = FluxErrors.fitted(drawn.curves, n_bands)
        return Sample(
            drawn=drawn,
            wavelengths=np.zeros(0),
            targets=targets,
            n_classes=int(targets.max()) + 1,
            redshift=np.full(len(drawn), np.nan),
            photometric=(None, None, None),
            target=None,
            survey=Conditions(
                errors=errors,
                detections=Detections.fitted(drawn.curves),
                cadences=Cadences.of(drawn.curves, errors),
                least_detections=0,
                n_bands=n_bands,
            ),
        )

    return sample
