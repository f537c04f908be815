"""The report as one HTML file: tables, charts and light curves that need no network.

From stored probabilities, labels and plain values alone. Every text that comes from data or
configuration is text: nothing in it becomes markup.
"""

from lcclassify.evaluation.html.light_curves import LightCurve
from lcclassify.evaluation.html.objects import ReportObjects
from lcclassify.evaluation.html.prediction import PredictionAccount, prediction_html
from lcclassify.evaluation.html.training import RunAccount, training_html

__all__ = [
    "LightCurve",
    "PredictionAccount",
    "ReportObjects",
    "RunAccount",
    "prediction_html",
    "training_html",
]
