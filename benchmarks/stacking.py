r"""How the stacking head does beside its members, on out-of-fold probabilities that runs left.

    python train.py model=stack survey=snphotcc survey.root=DIR evaluation.test=false \
        paths.output_dir=A
    python benchmarks/stacking.py A B C
    python benchmarks/stacking.py A B C --objects 50 200 1000 --repeats 5

Of a whole run every head is fitted five times, without a fifth of the objects, and scored on
them; of `--objects` it is fitted to so many, drawn by chance, and scored on all others. Printed
is by how much the log-loss is higher than that of the member that is best on the scored objects:
the mean over folders and repeats, its standard error and the largest.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from lcclassify.nn.losses import CrossEntropyLoss
from lcclassify.nn.stack import LinearStackingHead
from lcclassify.training.chosen_pool import chosen_pool
from lcclassify.training.head_settings import ShrinkageSettings
from lcclassify.training.observed import Observed
from lcclassify.training.splits import assign_folds

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Those of conf/model/stack.yaml.
SHRINKAGE = ShrinkageSettings((0, 0.15, 0.3, 0.6, 1.5, 3, 6), 5, 0.5)


class HeldOut(NamedTuple):
    """What members say of objects that they did not train on, (n, M, K), and the classes."""

    members: list[str]
    probabilities: FloatArray
    targets: IntArray

    def rows(self, chosen: IntArray) -> HeldOut:
        """Return some of the objects."""
        return HeldOut(self.members, self.probabilities[chosen], self.targets[chosen])


# Takes held-out objects to a function from probabilities (n, M, K) to log-probabilities (n, K).
Head = Callable[[HeldOut], Callable[[FloatArray], FloatArray]]


def read(folder: Path) -> HeldOut:
    """Read what a run left."""
    table = pl.read_parquet(folder / "probabilities.parquet")
    names = [name for name in table["model"].unique(maintain_order=True) if name != "stack"]
    columns = [name for name in table.columns if name.startswith("class_")]
    frames = [table.filter(pl.col("model") == name).sort("object_id") for name in names]
    labels = frames[0]["label"].to_list()
    classes = [name.removeprefix("class_") for name in columns]
    each = [frame.select(columns).to_numpy() for frame in frames]
    return HeldOut(names, np.stack(each, axis=1), np.array([classes.index(x) for x in labels]))


def log_softmax(values: torch.Tensor) -> FloatArray:
    """Return log-probabilities of logits."""
    return np.asarray(torch.log_softmax(values.double(), dim=1).detach().numpy())


def arithmetic(_: HeldOut) -> Callable[[FloatArray], FloatArray]:
    """Average probabilities."""
    return lambda values: np.log(np.maximum(values.mean(axis=1), 1e-9))


def geometric(_: HeldOut) -> Callable[[FloatArray], FloatArray]:
    """Average log-probabilities."""
    return lambda values: log_softmax(torch.as_tensor(np.maximum(values, 1e-9)).log().mean(1))


def selected(known: HeldOut) -> Callable[[FloatArray], FloatArray]:
    """Take the member of the least log-loss."""
    best = int(log_losses(known).mean(axis=0).argmin())
    return lambda values: np.log(np.maximum(values[:, best], 1e-9))


def by_epochs(known: HeldOut) -> Callable[[FloatArray], FloatArray]:
    """50 epochs of AdamW, batches of 256, rate 0.003 along a cosine, weight decay 0.1."""
    torch.manual_seed(0)
    probabilities, targets = map(torch.as_tensor, known[1:])
    n = len(targets)
    head = LinearStackingHead(*probabilities.shape[1:], form="full")
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.003, weight_decay=0.1)
    total = 50 * math.ceil(n / 256)

    def rate(step: int) -> float:
        warm = 0.1 * total
        if step < warm:
            return (step + 1) / (warm + 1)
        return 0.5 * (1 + math.cos(math.pi * min((step - warm) / max(total - warm, 1), 1)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    for _ in range(50):
        for rows in torch.randperm(n).split(256):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(head(probabilities[rows]), targets[rows])
            loss.backward()
            optimizer.step()
            schedule.step()
    return lambda values: log_softmax(head(torch.as_tensor(values)))


def shrunk(*, is_full: bool = True, errors: float = 0.5) -> Head:
    """Return the default head, or one with fewer parameters or another rule."""

    def head(known: HeldOut) -> Callable[[FloatArray], FloatArray]:
        rows = Observed.of(known.probabilities, known.targets, np.arange(len(known.targets)))
        settings = ShrinkageSettings(SHRINKAGE.deviations, SHRINKAGE.folds, errors)
        loss = CrossEntropyLoss(known.probabilities.shape[2])
        pool = chosen_pool(rows, loss, settings, is_full=is_full, seed=0).pool
        return lambda values: log_softmax(
            pool.logits(torch.as_tensor(np.maximum(values, 1e-9)).log())
        )

    return head


HEADS: dict[str, Head] = {
    "the member that looks best": selected,
    "arithmetic mean": arithmetic,
    "geometric mean": geometric,
    "by epochs, fixed weight decay": by_epochs,
    "shrunk, weights and biases only": shrunk(is_full=False),
    "shrunk, the deviation of least loss": shrunk(errors=0.0),
    "shrunk": shrunk(),
}


def log_losses(held_out: HeldOut) -> FloatArray:
    """Return the members' own, (n, M)."""
    rows = np.arange(len(held_out.targets))
    own = held_out.probabilities[rows, :, held_out.targets]
    return np.asarray(-np.log(np.maximum(own, 1e-9)))


def excess(head: Head, known: HeldOut, new: HeldOut) -> float:
    """Return by how much a head's log-loss of new objects is higher than the best member's."""
    logs = head(known)(new.probabilities)
    whole = -logs[np.arange(len(new.targets)), new.targets].mean()
    return float(whole - log_losses(new).mean(axis=0).min())


def of_all(head: Head, held_out: HeldOut) -> float:
    """Return the same of all objects, by heads that did not learn from their fold."""
    folds = assign_folds(held_out.targets, 5, seed=1)
    losses = np.zeros(len(folds))
    for fold in range(5):
        own = np.flatnonzero(folds == fold)
        logs = head(held_out.rows(np.flatnonzero(folds != fold)))(held_out.probabilities[own])
        losses[own] = -logs[np.arange(len(own)), held_out.targets[own]]
    return float(losses.mean() - log_losses(held_out).mean(axis=0).min())


def main() -> None:
    """Print a table for all objects, or for each number of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--objects", nargs="*", type=int, default=[])
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    runs = [read(folder) for folder in arguments.folders]
    for folder, run in zip(arguments.folders, runs, strict=True):
        own = ", ".join(
            f"{name} {loss:.4f}"
            for name, loss in zip(run.members, log_losses(run).mean(axis=0), strict=True)
        )
        print(f"{folder}: {len(run.targets):,} objects, {np.bincount(run.targets)}; {own}")
    for n in arguments.objects or [None]:
        print(f"\n{'all' if n is None else n} objects")
        for name, head in HEADS.items():
            started, values = time.perf_counter(), []
            for run in runs:
                if n is None:
                    values.append(of_all(head, run))
                    continue
                for repeat in range(arguments.repeats):
                    order = np.random.default_rng(repeat).permutation(len(run.targets))
                    values.append(excess(head, run.rows(order[:n]), run.rows(order[n:])))
            error = np.std(values, ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.nan
            seconds = (time.perf_counter() - started) / len(values)
            print(
                f"  {name:36} {np.mean(values):+.4f} ± {error:.4f}, largest {max(values):+.4f}"
                f" ({seconds:.1f} s each)"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
