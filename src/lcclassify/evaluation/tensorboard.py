"""Figures and hyperparameters of a run in TensorBoard, in the run's own folder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams as hparams_summaries

from lcclassify.errors import DataError, OutputError


def log_figures(writer: SummaryWriter, figures: Mapping[str, Figure], step: int = 0) -> None:
    """Add each figure as an image under its name.

    `SummaryWriter.add_figure` is not used because it imports pyplot.

    Args:
        writer: Open writer of the run.
        figures: By tag, such as ``confusion_matrix``.
        step: Epoch or step that the images belong to.
    """
    for tag, figure in figures.items():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.asarray(canvas.buffer_rgba())[..., :3]  # type: ignore[no-untyped-call]
        writer.add_image(tag, pixels, step, dataformats="HWC")


def log_hparams(
    writer: SummaryWriter,
    hparams: Mapping[str, Any],
    metrics: Mapping[str, float | None],
    step: int = 0,
) -> None:
    """Record hyperparameters and final metrics for TensorBoard's HPARAMS page.

    `SummaryWriter.add_hparams` opens a run of its own in a subfolder, or a second event
    file in the same one, after which TensorBoard may stop reading the first. The three
    summaries are therefore written through the run's own writer.

    Args:
        writer: Open writer of the run.
        hparams: Configuration, nested mappings allowed; ``{"optimizer": {"lr": 0.1}}``
            becomes ``optimizer/lr``. Lists, None, True and False are recorded as text
            (PyTorch would show True as the number 1).
        metrics: Final values by tag; those that are None are left out. Take tags that no
            curve of the run uses, such as ``final/accuracy``.
        step: Step that the metrics belong to.

    Raises:
        DataError: If a metric is not finite.
        OutputError: If the writer is closed.
    """
    final = {tag: float(value) for tag, value in metrics.items() if value is not None}
    for tag, value in final.items():
        if not math.isfinite(value):
            raise DataError(f"metric '{tag}' must be finite or None, got {value}")
    if writer.file_writer is None:
        raise OutputError("hyperparameters cannot be recorded: the TensorBoard writer is closed")
    for summary in hparams_summaries(_flat(hparams), final):
        writer.file_writer.add_summary(summary, step)
    for tag, value in final.items():
        writer.add_scalar(tag, value, step)
    writer.flush()


def _flat(hparams: Mapping[str, Any], prefix: str = "") -> dict[str, int | float | str]:
    flat: dict[str, int | float | str] = {}
    for key, value in hparams.items():
        name = f"{prefix}{key}"
        plain = value.item() if isinstance(value, np.generic) else value
        if isinstance(plain, Mapping):
            flat.update(_flat(plain, f"{name}/"))
        elif isinstance(plain, int | float | str) and not isinstance(plain, bool):
            flat[name] = plain
        else:
            flat[name] = str(plain)
    return flat
