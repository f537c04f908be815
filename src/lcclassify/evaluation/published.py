"""Published figures that a run on PLAsTiCC is set beside.

Source: S. Chaini & S. S. Kumar 2020, "Astronomical Classification of Light Curves with
an Ensemble of Gated Recurrent Units", arXiv:2006.12333: Table 3 (cross-validation and
test set) and Fig. 5 (diagonal of the confusion matrix, to two decimals).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

SOURCE: Final = "Chaini & Kumar 2020, arXiv:2006.12333"

PLASTICC_CLASSES: Final = (
    *("6", "15", "16", "42", "52", "53", "62", "64"),
    *("65", "67", "88", "90", "92", "95", "99"),
)

# Table 3: five-fold cross-validation accuracy on the 7,848 training objects.
CV_ACCURACY: Final[Mapping[str, float]] = MappingProxyType({"2DSubM": 0.773066, "3DSubM": 0.764018})

# The full test set; precision and recall are means over all 15 classes.
TEST_OBJECTS: Final = 3_492_888
TEST_SCALARS: Final[Mapping[str, float]] = MappingProxyType(
    {"accuracy": 0.76243, "macro_precision": 0.62266, "macro_recall": 0.50290}
)

# Fig. 5, diagonal; there is no figure here for the classes 52, 62, 64 and 67.
TEST_RECALL: Final[Mapping[str, float]] = MappingProxyType(
    {
        "6": 0.37,
        "15": 0.22,
        "16": 0.97,
        "42": 0.58,
        "53": 0.87,
        "65": 0.99,
        "88": 0.90,
        "90": 0.94,
        "92": 0.98,
        "95": 0.46,
        "99": 0.02,
    }
)


class Beside(NamedTuple):
    """A published figure and a run's own.

    Attributes:
        what: The figure, in words.
        published: Its published value, or None.
        own: The run's, or None.
        digits: That are worth showing.
    """

    what: str
    published: float | None
    own: float | None
    digits: int


def beside_published(
    scalars: Mapping[str, float | None],
    names: Mapping[str, str],
    cv_accuracy: Mapping[str, float] | None = None,
) -> list[list[Beside]]:
    """Return published figures beside those of a run, in three groups.

    Args:
        scalars: Metrics of a model of PLAsTiCC's 15 classes, as in `Evaluation`.
        names: What its classes are called, by label.
        cv_accuracy: Cross-validation accuracies, see `report.paper_comparison`.
    """
    own = dict(cv_accuracy or {})
    return [
        [
            Beside(
                f"{'Table 3, ' if name in CV_ACCURACY else ''}CV accuracy, {name}",
                CV_ACCURACY.get(name),
                own.get(name),
                5,
            )
            for name in dict.fromkeys((*CV_ACCURACY, *own))
        ],
        [
            Beside(f"test set, {metric.replace('_', ' ')}", value, scalars.get(metric), 5)
            for metric, value in TEST_SCALARS.items()
        ],
        [
            Beside(
                f"Fig. 5, recall of {name}",
                TEST_RECALL.get(label),
                scalars.get(f"recall/{label}"),
                2,
            )
            for label, name in names.items()
        ],
    ]
