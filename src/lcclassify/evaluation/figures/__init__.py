"""Figures a paper could print; none of them touches pyplot's global state."""

from lcclassify.evaluation.figures.augmentation import (
    AugmentationExample,
    ComparedQuantity,
    augmentation_examples_figure,
    augmentation_samples_figure,
)
from lcclassify.evaluation.figures.confusion import confusion_figure
from lcclassify.evaluation.figures.curves import precision_recall_figure, roc_figure
from lcclassify.evaluation.figures.explanation import ExplainedObject, explanation_figure
from lcclassify.evaluation.figures.importances import importances_figure
from lcclassify.evaluation.figures.learning import LearningCurve, learning_figure
from lcclassify.evaluation.figures.light_curves import LightCurvePanel, light_curve_figure
from lcclassify.evaluation.figures.reliability import (
    class_reliability_figure,
    reliability_figure,
)
from lcclassify.evaluation.figures.risk_coverage import risk_coverage_figure
from lcclassify.evaluation.figures.saving import make_figures, save_figures, write_figures

__all__ = [
    "AugmentationExample",
    "ComparedQuantity",
    "ExplainedObject",
    "LearningCurve",
    "LightCurvePanel",
    "augmentation_examples_figure",
    "augmentation_samples_figure",
    "class_reliability_figure",
    "confusion_figure",
    "explanation_figure",
    "importances_figure",
    "learning_figure",
    "light_curve_figure",
    "make_figures",
    "precision_recall_figure",
    "reliability_figure",
    "risk_coverage_figure",
    "roc_figure",
    "save_figures",
    "write_figures",
]
