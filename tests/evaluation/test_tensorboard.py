import numpy as np
import pytest
from matplotlib.image import imread
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.util.tensor_util import make_ndarray
from torch.utils.tensorboard import SummaryWriter

from lcclassify.errors import DataError, OutputError
from lcclassify.evaluation.figures import make_figures, write_figures
from lcclassify.evaluation.tensorboard import (
    ValidationLog,
    log_figures,
    log_hparams,
    log_images,
    log_pr_curves,
)


def read(folder):
    accumulator = EventAccumulator(str(folder), size_guidance={"images": 0, "scalars": 0})
    accumulator.Reload()
    return accumulator


def test_hparams_and_scalars_share_the_run_folder(tmp_path):
    writer = SummaryWriter(str(tmp_path))
    writer.add_scalar("val/loss", 1.0, 0)
    log_hparams(
        writer,
        {"seed": np.int64(3), "model": {"layers": [512, 128], "bidirectional": True, "x": None}},
        {"final/accuracy": 0.75, "final/roc_auc": None},
    )
    writer.add_scalar("val/loss", 0.5, 1)  # the run may go on afterwards
    writer.close()

    assert len(list(tmp_path.rglob("*"))) == 1  # one event file, no run of its own
    events = read(tmp_path)
    assert [(e.step, e.value) for e in events.Scalars("val/loss")] == [(0, 1.0), (1, 0.5)]
    assert [(e.step, e.value) for e in events.Scalars("final/accuracy")] == [(0, 0.75)]
    assert "final/roc_auc" not in events.Tags()["scalars"]

    content = events.PluginTagToContent("hparams")
    start = HParamsPluginData.FromString(content["_hparams_/session_start_info"])
    hparams = start.session_start_info.hparams
    assert hparams["seed"].number_value == 3
    assert hparams["model/layers"].string_value == "[512, 128]"
    assert hparams["model/bidirectional"].string_value == "True"
    assert hparams["model/x"].string_value == "None"
    assert "_hparams_/experiment" not in content  # of one run, it would hide the others' columns
    assert "_hparams_/session_end_info" in content


def test_figures_are_read_back_as_images(tmp_path, make_synthetic, supernovae):
    p, y = make_synthetic(3, 60)
    drawn = make_figures(p, y, supernovae)
    with SummaryWriter(str(tmp_path)) as writer:
        log_figures(writer, drawn, step=7)
    events = read(tmp_path)
    assert set(events.Tags()["images"]) == set(drawn)
    image = events.Images("roc")[0]
    width, height = drawn["roc"].get_size_inches() * drawn["roc"].dpi
    assert (image.step, image.height) == (7, int(height))
    assert abs(image.width - width) <= 1
    assert image.encoded_image_string.startswith(b"\x89PNG")


def test_files_are_images_as_they_are(tmp_path, make_synthetic, supernovae):
    p, y = make_synthetic(3, 60)
    files = write_figures(make_figures(p, y, supernovae), tmp_path / "figures")
    with SummaryWriter(str(tmp_path / "run")) as writer:
        log_images(writer, files)
    events = read(tmp_path / "run")
    assert events.Tags()["images"] == [path.stem for path in files]
    image = events.Images("roc")[0]
    assert image.encoded_image_string == (tmp_path / "figures" / "roc.png").read_bytes()
    shown = imread(tmp_path / "figures" / "roc.png")
    assert (image.step, image.height, image.width) == (0, *shown.shape[:2])
    (written,) = (tmp_path / "run").iterdir()
    values = [
        value for e in LegacyEventFileLoader(str(written)).Load() for value in e.summary.value
    ]
    assert {value.image.colorspace for value in values} == {shown.shape[2]}
    with pytest.raises(OutputError, match="closed"):
        log_images(writer, files)


def test_unusable_metrics_and_closed_writer_are_refused(tmp_path):
    writer = SummaryWriter(str(tmp_path))
    with pytest.raises(DataError, match="final/a"):
        log_hparams(writer, {}, {"final/a": float("nan")})
    writer.close()
    with pytest.raises(OutputError, match="closed"):
        log_hparams(writer, {}, {})


def test_a_class_without_objects_has_no_curve(tmp_path, make_synthetic, supernovae):
    p, y = make_synthetic(3, 60)
    kept = y != 1
    with SummaryWriter(str(tmp_path)) as writer:
        for step in (2, 5):
            log_pr_curves(writer, p[kept], y[kept], supernovae, step)
        with pytest.raises(DataError):
            log_pr_curves(writer, p[kept], y, supernovae)
    names = supernovae.display_names()
    run = read(tmp_path)
    assert run.Tags()["tensors"] == [f"pr/{names[0]}", f"pr/{names[2]}"]
    assert [event.step for event in run.Tensors(f"pr/{names[0]}")] == [2, 5]
    # True and false positives where all are taken for the class.
    first = make_ndarray(run.Tensors(f"pr/{names[0]}")[0].tensor_proto)[:2, 0]
    assert first.tolist() == [(y == 0).sum(), (y == 2).sum()]


def test_the_second_drawing_keeps_the_layout_of_the_first(tmp_path, make_synthetic, supernovae):
    log = ValidationLog(supernovae)
    with SummaryWriter(str(tmp_path)) as writer:
        for step in (1, 1, 2):  # the same picture, laid out anew and from memory
            log(writer, *make_synthetic(3, 60), step)
    for tag in ("confusion_matrix", "reliability"):
        first, again, other = read(tmp_path).Images(tag)
        assert first.encoded_image_string == again.encoded_image_string
        assert (first.width, first.height) == (other.width, other.height)
