"""What the compiled recurrence saves of training and of classifying, on one core.

Simulates objects of the default survey, prepares them, and trains the default recurrent network
on them with PyTorch's own layers and with the compiled loops, an epoch of the one and an epoch
of the other in turn: batches, loss, clipping and optimiser as in `train.py`, without Lightning.
Then the network classifies them, one object and a batch at a time. Seconds are those of the
processor (a neighbour on the machine takes none of them, but slows them down); ratios are of
neighbours in time. Labels are random: only time is looked at.

    python benchmarks/recurrent.py
    python benchmarks/recurrent.py --objects 2000 --epochs 7
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from torch import nn

from lcclassify.build import config_dir, instantiate, to_plain
from lcclassify.cli import register_resolvers
from lcclassify.nn.batching import TensorSet, length_sorted_batches
from lcclassify.nn.build import build_loss
from lcclassify.nn.gru import use_torch_layers
from lcclassify.nn.normalisation import FeatureTransform, SequenceTransform
from lcclassify.nn.submodel import Submodel
from lcclassify.training.data import BucketSampler

N_CLASSES = 15
WAYS = {
    "torch": "PyTorch's own layers",
    "compiled": "compiled loops",
}


class Training:
    """A network and all that an epoch of it needs."""

    def __init__(self, tensors: TensorSet, network: Submodel, model: dict[str, Any]) -> None:
        self.tensors, self.network = tensors, network
        self.optimizer = instantiate(model["optimizer"], network.parameters())
        self.loss = build_loss(model["loss"], N_CLASSES, class_counts=[1] * N_CLASSES)
        self.clip = model["fit"]["gradient_clip"]
        rows = np.arange(len(tensors))
        self.batches = BucketSampler(rows, tensors.lengths.numpy(), model["fit"]["batch_size"], 0)

    def epoch(self, way: str) -> None:
        """Train an epoch."""
        use_torch_layers(self.network, torch_layers=way == "torch")
        self.network.train()
        for rows in self.batches:
            batch = self.tensors.batch(rows)
            self.optimizer.zero_grad()
            self.loss(self.network(batch), batch.targets).backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), self.clip)
            self.optimizer.step()

    @torch.inference_mode()
    def classify(self, way: str, batches: list[Any]) -> None:
        """Classify some batches."""
        use_torch_layers(self.network, torch_layers=way == "torch")
        self.network.eval()
        for rows in batches:
            self.network.predict_proba(self.tensors.batch(rows))


def alternately(runs: int, run: Callable[[str], None]) -> dict[str, list[float]]:
    """Return the processor's seconds of each run of each way; a first, warming, does not count."""
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(runs + 1):
        for way in WAYS:
            begin = process_time()
            run(way)
            seconds[way].append(process_time() - begin)
    return {way: times[1:] for way, times in seconds.items()}


def table(title: str, seconds: dict[str, list[float]], unit: str, scale: float) -> None:
    """Print medians, and ratios to PyTorch's layers with their range."""
    print(title)
    for way, times in seconds.items():
        ratios = [a / b for a, b in zip(seconds["torch"], times, strict=True)]
        print(
            f"  {WAYS[way]:<20} {np.median(times) * scale:8.2f} {unit}, "
            f"{np.median(ratios):.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f})",
            flush=True,
        )


def processor() -> str:
    """Return the processor's name."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def main() -> None:
    """Train and classify in all ways and print what it took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--objects", type=int, default=1_000)
    parser.add_argument("--epochs", type=int, default=5, help="of each way that count")
    options = parser.parse_args()
    torch.set_num_threads(1)
    register_resolvers()
    words = ["model=bigru", "survey=simulated", "survey.part=test", "survey.cache_dir=null"]
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = to_plain(compose("train", [*words, f"survey.test={options.objects}"]))
    survey = instantiate(config["survey"])
    curves = survey.read().light_curves
    representation = instantiate(config["representation"]).of_survey(
        survey.redshift, survey.metadata
    )
    prepared = representation.fit(curves, seed=0).prepare(curves)
    transforms = representation.transforms
    torch.manual_seed(0)
    network = Submodel(
        config["model"]["network"],
        features=FeatureTransform.fitted(prepared.features, **transforms["features"]),
        context=FeatureTransform.fitted(prepared.context, **transforms["context"]),
        sequences=SequenceTransform.fitted(prepared.sequences, **transforms["sequences"]),
        n_classes=N_CLASSES,
        max_length=int(prepared.lengths.max()),
    )
    targets = np.random.default_rng(0).integers(0, N_CLASSES, len(prepared))
    training = Training(TensorSet.from_prepared(prepared, targets), network, config["model"])
    print(
        f"{len(prepared):,} objects of {prepared.lengths.min()} to {prepared.lengths.max()} nights "
        f"({prepared.lengths.mean():.0f} on average), {prepared.sequences.shape[1]} channels; "
        f"torch {torch.__version__}, one thread, {processor()}"
    )
    seconds = alternately(options.epochs, training.epoch)
    table("training", seconds, "s an epoch", 1.0)
    alone = [np.array([row]) for row in range(min(200, len(prepared)))]
    seconds = alternately(options.epochs, lambda way: training.classify(way, alone))
    table("classifying one object at a time", seconds, "ms an object", 1e3 / len(alone))
    batches = length_sorted_batches(prepared.lengths, 128)
    seconds = alternately(options.epochs, lambda way: training.classify(way, batches))
    table("classifying batches of 128", seconds, "ms an object", 1e3 / len(prepared))


if __name__ == "__main__":
    main()
