"""What an epoch of training costs, beside the plain way, for the default networks.

Prepares objects of a simulated survey, then trains the default dense and recurrent network
on them by Lightning, as `train.py` does: tensors in memory, batches of like length. The plain
way is a loop over a shuffled DataLoader whose batches are padded to the longest object,
with the same network, optimiser and batch size. Random labels do: only time is looked at. The
first epoch of each, in which memory is allocated, does not count.

    python benchmarks/epochs.py
    python benchmarks/epochs.py --objects 4000 --epochs 5 --threads 1
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from lightning.pytorch import Callback, Trainer
from preparing import simulated
from torch import nn
from torch.utils.data import DataLoader

from lcclassify.build import config_dir, instantiate, to_plain
from lcclassify.cli import register_resolvers
from lcclassify.nn.batching import TensorSet
from lcclassify.nn.build import build_loss
from lcclassify.nn.normalisation import FeatureTransform, SequenceTransform
from lcclassify.nn.submodel import Submodel
from lcclassify.representations.prepared import PreparedSet
from lcclassify.surveys.plasticc import PlasticcSurvey
from lcclassify.training.data import LightCurveDataModule
from lcclassify.training.module import ClassifierModule
from lcclassify.training.settings import MemberSettings

N_CLASSES = 15


class EpochTimes(Callback):
    """Seconds of every epoch."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Start the clock."""
        self.begin = perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Stop the clock."""
        self.seconds.append(perf_counter() - self.begin)


def submodel(
    network: dict[str, Any], prepared: PreparedSet, transforms: dict[str, Any]
) -> Submodel:
    """Return an untrained network behind fitted transforms."""
    torch.manual_seed(0)
    return Submodel(
        network,
        features=FeatureTransform.fitted(prepared.features, **transforms["features"]),
        context=FeatureTransform.fitted(prepared.context, **transforms["context"]),
        sequences=SequenceTransform.fitted(prepared.sequences, **transforms["sequences"]),
        n_classes=N_CLASSES,
        max_length=int(prepared.lengths.max()),
    )


def ours(
    member: MemberSettings, network: nn.Module, tensors: TensorSet, epochs: int
) -> list[float]:
    """Return the seconds of each epoch by Lightning."""
    rows = np.arange(len(tensors))
    loss = build_loss(member.loss, N_CLASSES, class_counts=[1] * N_CLASSES)
    module = ClassifierModule(
        network, loss, member.optimizer, member.fit.schedule, N_CLASSES, seed=0
    )
    reads = "sequences" in getattr(network, "reads", ())
    data = LightCurveDataModule(
        tensors, rows, rows[:0], member.fit.batch_size, seed=0, sequences=reads
    )
    times = EpochTimes()
    Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        callbacks=[times],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        gradient_clip_val=member.fit.gradient_clip,
    ).fit(module, data)
    return times.seconds[1:]


def plain(
    member: MemberSettings, network: nn.Module, tensors: TensorSet, epochs: int
) -> list[float]:
    """Return the seconds of each epoch by hand."""
    longest = int(tensors.lengths.max())

    def collate(rows: Sequence[int]) -> Any:
        batch = tensors.batch(np.array(rows))
        missing = longest - batch.sequences.shape[1]
        return batch._replace(sequences=nn.functional.pad(batch.sequences, (0, 0, 0, missing)))

    loader = DataLoader(
        range(len(tensors)),  # type: ignore[arg-type]
        batch_size=member.fit.batch_size,
        shuffle=True,
        collate_fn=collate,
    )
    optimizer = instantiate(member.optimizer, network.parameters())
    loss = build_loss(member.loss, N_CLASSES, class_counts=[1] * N_CLASSES)
    network.train()
    seconds = []
    for _ in range(epochs):
        begin = perf_counter()
        for batch in loader:
            optimizer.zero_grad()
            loss(network(batch), batch.targets).backward()
            optimizer.step()
        seconds.append(perf_counter() - begin)
    return seconds[1:]


def main() -> None:
    """Train each network both ways and print what it took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--objects", type=int, default=2_000)
    parser.add_argument("--epochs", type=int, default=3, help="that count")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--data", type=Path, help="where the simulated surveys are kept")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(options.threads)
    register_resolvers()
    with tempfile.TemporaryDirectory() as temporary:
        survey = simulated(options.data or Path(temporary), options.objects, "parquet")
        curves = PlasticcSurvey(root=survey, part="test").read(labels=False).light_curves
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = to_plain(compose("train", ["survey=plasticc"]))
        configs = {
            name: to_plain(compose("train", [f"model={name}", "survey=plasticc"]).model)
            for name in ("dense", "bigru")
        }
    representation = instantiate(config["representation"])
    prepared = representation.fit(curves, seed=0).prepare(curves)
    targets = np.random.default_rng(0).integers(0, N_CLASSES, len(prepared))
    tensors = TensorSet.from_prepared(prepared, targets)
    for name, model in configs.items():
        member = MemberSettings.from_config(model)
        transforms = representation.transforms
        fast = ours(
            member,
            submodel(dict(member.network), prepared, transforms),
            tensors,
            options.epochs + 1,
        )
        network = dict(member.network)
        if "padding" in network:
            network["padding"] = "reference"
        slow = plain(member, submodel(network, prepared, transforms), tensors, options.epochs + 1)
        print(
            f"{name}: {len(prepared):,} objects of {prepared.lengths.mean():.0f} nights (longest "
            f"{prepared.lengths.max()}), batch {member.fit.batch_size}, {options.threads} threads: "
            f"{min(fast):.2f} s an epoch ({len(prepared) / min(fast):,.0f} objects/s), by hand "
            f"{min(slow):.2f} s, {min(slow) / min(fast):.2f} times as fast (epochs "
            f"{', '.join(f'{value:.2f}' for value in fast)} against "
            f"{', '.join(f'{value:.2f}' for value in slow)})",
            flush=True,
        )


if __name__ == "__main__":
    main()
