"""Writes a bundle's classifier as an ONNX model."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from omegaconf import DictConfig

from lcclassify.errors import ConfigError, OutputError
from lcclassify.files import write_result
from lcclassify.importing import uncollected
from lcclassify.inference.decisions import Decisions
from lcclassify.inference.document import read_document
from lcclassify.inference.expectations import Expectations
from lcclassify.inference.writer import check_writable
from lcclassify.tasks.surveying import check_apart, output_of, require
from lcclassify.terminal import say

SUFFIX: Final = ".onnx"
TOLERANCE: Final = 1e-5  # of probabilities, which networks compute in float32

_MANDATORY: Final = {
    "bundle": "the folder of a trained bundle, such as bundle=outputs/run/bundle",
    "output": "the file to write, such as output=classifier.onnx",
}


@dataclass(frozen=True)
class ExportResult:
    """What an export left behind.

    Attributes:
        output: The file.
        difference: How far the model's probabilities were from the classifier's at most.
    """

    output: Path
    difference: float


def export(cfg: DictConfig) -> ExportResult:
    """Write a bundle's networks, trees, head and calibration as one ONNX model.

    The model takes what `lcclassify prepare` writes. Before it is written, it classifies
    made-up inputs, and must say what the classifier says.

    Args:
        cfg: `conf/export.yaml`, composed.

    Raises:
        ConfigError: A mandatory key is missing or a value invalid, the libraries are not
            installed, or the bundle holds what cannot be exported.
        BundleError: The bundle cannot be used.
        OutputError: The file cannot be written, or would say something else.
    """
    require(cfg, _MANDATORY)
    output, folder = output_of(cfg, SUFFIX), Path(str(cfg.bundle)).expanduser()
    for library in ("onnx", "onnxruntime"):
        if find_spec(library) is None:
            raise ConfigError(
                f"an export needs the library {library}: pip install 'lcclassify[export]'"
            )
    check_writable(output)
    decisions = Decisions.from_config(cfg.sets, cfg.sets_by, None)
    expected = Expectations.from_config(cfg)
    document = read_document(folder)
    expected.check(document)
    decisions.check_document(document)
    check_apart([output], [folder])
    with uncollected():
        from lcclassify.export.graph import OPSET, TREE_DOMAIN, TREE_OPSET
        from lcclassify.export.onnx_model import largest_difference, onnx_model
        from lcclassify.inference.bundle import load

    bundle = load(folder)
    content: bytes = onnx_model(bundle, decisions, expected).SerializeToString()
    difference = largest_difference(content, bundle, decisions, expected)
    if not difference <= TOLERANCE:
        raise OutputError(
            f"the ONNX model's probabilities are up to {difference:.1g} from the classifier's, "
            f"more than {TOLERANCE:.0e}: it is not written"
        )
    write_result(output, content)
    for sentence in expected.sentences(bundle):
        say(sentence)
    say(
        f"ONNX model, opset {OPSET} and {TREE_DOMAIN} {TREE_OPSET}, {len(content) / 1e6:.1f} MB: "
        f"probabilities up to {difference:.1g} from the classifier's on made-up inputs."
    )
    say(f"Model: {output}")
    return ExportResult(output, difference)
