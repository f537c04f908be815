"""What classifying costs: a survey end to end, and the paper's networks beside the plain way.

End to end it lets `predict.py` classify a simulated survey with a bundle, and prints objects a
second, the share of each stage and the peak of resident memory. Then it runs networks of
the paper's sizes, untrained, as this package runs them (objects of like length together,
one chunk a core) and as one would by hand: batches of 128 in the order of the survey, padded
to its longest object, PyTorch's own recurrent layers and threads. ``packed`` networks do not
read padding; ``reference`` ones do, as the paper's own.

    python benchmarks/predicting.py --bundle outputs/run/bundle
    python benchmarks/predicting.py --bundle outputs/run/bundle --objects 16000 160000
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from preparing import run, simulated
from torch import Tensor, nn

from lcclassify.build import config_dir, to_plain
from lcclassify.cli import register_resolvers
from lcclassify.inference.bundle import Bundle, load
from lcclassify.inference.predictor import PRECISIONS, Predictor
from lcclassify.nn.batching import TensorSet
from lcclassify.nn.bigru import BiGRUNet
from lcclassify.nn.build import build_head
from lcclassify.nn.gru import GRULayer, use_torch_layers
from lcclassify.nn.normalisation import FeatureTransform, SequenceTransform
from lcclassify.nn.stack import EnsembleClassifier
from lcclassify.nn.submodel import Submodel
from lcclassify.representations.prepared import PreparedSet
from lcclassify.surveys.plasticc import PlasticcSurvey

PLAIN_BATCH = 128


def end_to_end(
    survey: Path, bundle: Path, workers: int, precision: str, batch_size: int | None, output: Path
) -> None:
    """Classify a survey by the command and print what it took."""
    words = ["survey=plasticc", "survey.part=test", f"survey.root={survey}", "evaluate=false"]
    words += [f"bundle={bundle}", f"output={output}", f"engine.workers={workers}"]
    words += [f"precision={precision}", f"batch_size={batch_size or 'null'}"]
    cost = run(["predict.py", *words])
    manifest = json.loads(output.with_name(f"{output.stem}.manifest.json").read_text())
    objects, seconds = manifest["objects"], manifest["elapsed_seconds"]
    total = sum(manifest["stage_seconds"].values())
    shares = ", ".join(f"{k} {v / total:.0%}" for k, v in manifest["stage_seconds"].items())
    print(
        f"{objects:9,d} objects, {manifest['rows_read']:12,d} observations, {workers} workers, "
        f"precision {precision}, batches of {batch_size or 'the usual size'}: "
        f"{seconds:7.1f} s, {objects / seconds:8,.0f} objects/s ({shares}), peak "
        f"{cost.peak_mb:,.0f} MB",
        flush=True,
    )


def paper_sized(bundle: Bundle, prepared: PreparedSet, padding: str) -> EnsembleClassifier:
    """Return an untrained ensemble of the paper's four networks.

    Args:
        bundle: Whose representation the objects were prepared with.
        prepared: The objects.
        padding: ``packed``, or ``reference``, which reads the padding.
    """
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        model = to_plain(compose("train", ["model=paper_stack", "survey=plasticc"]).model)
    transforms = bundle.representation.settings.transforms
    torch.manual_seed(0)
    members = []
    for one in model["members"].values():
        network = dict(one["network"])
        if "padding" in network:
            network["padding"] = padding
        members.append(
            Submodel(
                network,
                features=FeatureTransform.fitted(prepared.features, **transforms["features"]),
                context=FeatureTransform.fitted(prepared.context, **transforms["context"]),
                sequences=SequenceTransform.fitted(prepared.sequences, **transforms["sequences"]),
                n_classes=len(bundle.taxonomy),
                max_length=int(prepared.lengths.max()),
            )
        )
    head = build_head(model["head"]["network"], len(members), len(bundle.taxonomy))
    return EnsembleClassifier([[member] for member in members], head)


class PlainGRU(nn.Module):
    """PyTorch's own layer, called as one would."""

    def __init__(self, layer: GRULayer) -> None:
        super().__init__()
        self.gru = layer.gru

    def forward(self, sequences: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the state at every night, padding or not."""
        states: Tensor = self.gru(sequences)[0]
        return states


def ours(predictor: Predictor, parts: list[PreparedSet]) -> float:
    """Return the seconds of scoring, one part a worker."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    begin = perf_counter()
    with ThreadPoolExecutor(len(parts)) as pool:
        list(pool.map(lambda part: predictor.score(part, part.object_ids), parts))
    seconds = perf_counter() - begin
    torch.set_num_threads(threads)
    return seconds


@torch.inference_mode()
def plain(classifier: EnsembleClassifier, prepared: PreparedSet, longest: int) -> float:
    """Return the seconds of scoring as one would by hand, padded to the longest."""
    tensors = TensorSet.from_prepared(prepared)
    begin = perf_counter()
    for start in range(0, len(prepared), PLAIN_BATCH):
        batch = tensors.batch(np.arange(start, min(start + PLAIN_BATCH, len(prepared))))
        missing = longest - batch.sequences.shape[1]
        padded = torch.nn.functional.pad(batch.sequences, (0, 0, 0, missing))
        classifier.combine(classifier.round_probabilities(batch._replace(sequences=padded)))
    return perf_counter() - begin


def paper_sized_comparison(
    survey: Path, bundle: Bundle, objects: int, workers: int, runs: int
) -> None:
    """Print what the paper's networks take, as here and by hand, for some objects."""
    chunks = PlasticcSurvey(root=survey, part="test").chunks(labels=False)
    curves = [chunks.read(index).light_curves for index in range(len(chunks))]
    prepared = [bundle.representation.prepare(one) for one in curves]
    several = [take(one, objects // workers) for one in prepared[:workers]]
    by_hand = paper_sized(bundle, prepared[0], "reference")
    for network in by_hand.modules():
        if isinstance(network, BiGRUNet):
            network.recurrent = nn.ModuleList(PlainGRU(layer) for layer in network.recurrent)
    use_torch_layers(by_hand)
    longest = max(int(one.lengths.max()) for one in prepared)
    n_objects = sum(map(len, several))
    print(
        f"the paper's networks, networks alone, {n_objects:,} objects of "
        f"{np.concatenate([one.lengths for one in several]).mean():.0f} nights (longest of the "
        f"survey {longest}):"
    )
    cases = {
        (padding, precision): Predictor(
            replace(
                bundle,
                classifier=paper_sized(bundle, prepared[0], padding),
                member_names=tuple("abcd"),
                training_objects=None,
            ),
            precision=precision,
        )
        for padding in ("packed", "reference")
        for precision in PRECISIONS
    }
    seconds: dict[str, list[float]] = {"by hand": []}
    for _ in range(runs):
        seconds["by hand"].append(sum(plain(by_hand, one, longest) for one in several))
        for case, predictor in cases.items():
            seconds.setdefault(", ".join(case), []).append(ours(predictor, several))
    flop = 2e-9 * sum(
        parameter.numel() for name, parameter in by_hand.named_parameters() if ".gru.weight" in name
    )
    print(
        f"recurrent products of {flop:.4f} GFLOP a night; large float32 ones run at "
        f"{large_products():.0f} GFLOP/s on all cores"
    )
    for name, times in seconds.items():
        padded = "packed" not in name
        n_nights = n_objects * longest if padded else sum(int(one.lengths.sum()) for one in several)
        ratios = [b / a for a, b in zip(times, seconds["by hand"], strict=True)]
        print(
            f"{name:>15}: {n_objects / min(times):6,.0f} objects/s, "
            f"{min(seconds['by hand']) / min(times):.2f} times as fast as by hand (runs: "
            f"{', '.join(f'{ratio:.2f}' for ratio in ratios)}), "
            f"{flop * n_nights / min(times):.0f} GFLOP/s"
        )


def large_products(size: int = 2048, runs: int = 5) -> float:
    """Return the speed of a product of large float32 matrices in GFLOP/s."""
    one = torch.rand(size, size)
    seconds = []
    for _ in range(runs):
        begin = perf_counter()
        torch.mm(one, one)
        seconds.append(perf_counter() - begin)
    return 2e-9 * size**3 / min(seconds)


def take(prepared: PreparedSet, count: int) -> PreparedSet:
    """Return the first objects of a prepared set."""
    rows = int(prepared.offsets[min(count, len(prepared))])
    return replace(
        prepared,
        object_ids=prepared.object_ids[:count],
        features=prepared.features[:count],
        context=prepared.context[:count],
        sequences=prepared.sequences[:rows],
        offsets=prepared.offsets[: count + 1],
    )


def main() -> None:
    """Run every case and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--objects", type=int, nargs="+", default=[16_000])
    parser.add_argument("--workers", type=int, nargs="+", default=[os.cpu_count() or 1])
    parser.add_argument("--precision", nargs="+", default=["32"], choices=PRECISIONS)
    parser.add_argument("--batch-size", type=int, nargs="+", default=[None])
    parser.add_argument("--form", default="parquet", choices=["parquet", "csv"])
    parser.add_argument("--paper", type=int, default=1_024, help="objects of the comparison")
    parser.add_argument("--runs", type=int, default=3, help="runs of the comparison")
    parser.add_argument("--data", type=Path, help="where the simulated surveys are kept")
    options = parser.parse_args()
    register_resolvers()
    bundle = options.bundle.absolute()
    with tempfile.TemporaryDirectory() as temporary:
        data = options.data or Path(temporary)
        for objects in options.objects:
            survey = simulated(data, objects, options.form)
            for workers in options.workers:
                for precision, size in product(options.precision, options.batch_size):
                    output = Path(temporary) / "predictions.parquet"
                    end_to_end(survey, bundle, workers, precision, size, output)
        if options.paper:
            survey = simulated(data, options.objects[0], options.form)
            paper_sized_comparison(
                survey, load(bundle), options.paper, max(options.workers), options.runs
            )


if __name__ == "__main__":
    main()
