"""Figures, curves and hyperparameters of a run in TensorBoard, in the run's own folder."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from numpy.typing import ArrayLike
from tensorboard.compat.proto.summary_pb2 import Summary
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams as hparams_summaries

from lcclassify.errors import DataError, OutputError
from lcclassify.evaluation.calibration import top_label_reliability
from lcclassify.evaluation.figures import confusion_figure, reliability_figure
from lcclassify.evaluation.inputs import check_probabilities, check_targets
from lcclassify.evaluation.metrics import confusion_matrix
from lcclassify.schema import Taxonomy

_RGBA = 4  # as TensorBoard counts the colours of an image


def log_figures(writer: SummaryWriter, figures: Mapping[str, Figure], step: int) -> None:
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


def log_images(writer: SummaryWriter, images: Iterable[Path]) -> None:
    """Add PNG files as images under their names, as they are, instead of drawing them again.

    Args:
        writer: Open writer of the run.
        images: Such as ``confusion_matrix.png``.

    Raises:
        OSError: A file cannot be read.
        OutputError: If the writer is closed.
    """
    for path in images:
        png = path.read_bytes()
        width, height = struct.unpack(">II", png[16:24])  # of the first chunk, the header
        image = Summary.Image(
            height=height, width=width, colorspace=_RGBA, encoded_image_string=png
        )
        _add(writer, Summary(value=[Summary.Value(tag=path.stem, image=image)]))


def log_pr_curves(
    writer: SummaryWriter,
    probabilities: ArrayLike,
    targets: ArrayLike,
    taxonomy: Taxonomy,
    step: int = 0,
) -> None:
    """Add precision over recall of each class against the rest, as ``pr/<class>``.

    A class without objects has none.

    Args:
        writer: Open writer of the run or fit.
        probabilities: ``(N, K) float64``, rows sum to 1.
        targets: ``(N,) int64`` in 0..K-1.
        taxonomy: The K classes.
        step: Epoch or step that the curves belong to.

    Raises:
        DataError: If the arrays are unusable.
    """
    values = check_probabilities(probabilities)
    classes = check_targets(targets, *values.shape)
    for k, name in enumerate(taxonomy.display_names()):
        if (classes == k).any():
            writer.add_pr_curve(f"pr/{name}", classes == k, values[:, k], step)


class ValidationLog:
    """Draws what the networks of a run say of their validation objects as they train.

    The layout of a figure takes as long as its drawing and is the same for all epochs
    and fits of a run, so that it is made once.

    Args:
        taxonomy: The K classes.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self._layouts: dict[str, list[Bbox]] = {}

    def __call__(
        self, writer: SummaryWriter, probabilities: ArrayLike, targets: ArrayLike, step: int
    ) -> None:
        """Add the confusion matrix, the reliability and every class's precision and recall.

        Args:
            writer: Open writer of the fit.
            probabilities: ``(N, K) float64``, rows sum to 1.
            targets: ``(N,) int64`` in 0..K-1.
            step: Epoch.

        Raises:
            DataError: If the arrays are unusable.
        """
        title = f"validation objects, epoch {step}"
        figures = {
            "confusion_matrix": confusion_figure(
                confusion_matrix(probabilities, targets), self.taxonomy.display_names(), title
            ),
            "reliability": reliability_figure(top_label_reliability(probabilities, targets), title),
        }
        for tag, figure in figures.items():
            for axes, place in zip(figure.axes, self._layouts.get(tag, []), strict=False):
                figure.set_layout_engine("none")
                axes.set_position(place)
        log_figures(writer, figures, step)
        for tag, figure in figures.items():
            self._layouts[tag] = [axes.get_position() for axes in figure.axes]
        log_pr_curves(writer, probabilities, targets, self.taxonomy, step)


def log_hparams(
    writer: SummaryWriter, hparams: Mapping[str, Any], metrics: Mapping[str, float | None]
) -> None:
    """Record hyperparameters and final metrics for TensorBoard's HPARAMS page.

    `SummaryWriter.add_hparams` opens a run of its own in a subfolder, or a second event
    file in the same one, after which TensorBoard may stop reading the first. The
    summaries are therefore written through the run's own writer. Its list of columns is
    left out: TensorBoard takes that of any one run for all of them, and by itself finds
    every run's hyperparameters and shows those first in which the runs differ.

    Args:
        writer: Open writer of the run.
        hparams: Configuration, nested mappings allowed; ``{"optimizer": {"lr": 0.1}}``
            becomes ``optimizer/lr``. Lists, None, True and False are recorded as text
            (PyTorch would show True as the number 1).
        metrics: Final values by tag; those that are None are left out. Take tags that no
            curve of the run uses, such as ``final/accuracy``.

    Raises:
        DataError: If a metric is not finite.
        OutputError: If the writer is closed.
    """
    final = {tag: float(value) for tag, value in metrics.items() if value is not None}
    for tag, value in final.items():
        if not math.isfinite(value):
            raise DataError(f"metric '{tag}' must be finite or None, got {value}")
    _, start, end = hparams_summaries(_flat(hparams), final)  # type: ignore[no-untyped-call]
    for summary in (start, end):
        _add(writer, summary)
    for tag, value in final.items():
        writer.add_scalar(tag, value, 0)
    writer.flush()


def _add(writer: SummaryWriter, summary: Summary) -> None:
    if writer.file_writer is None:
        raise OutputError("nothing more can be recorded: the TensorBoard writer is closed")
    writer.file_writer.add_summary(summary, 0)


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
