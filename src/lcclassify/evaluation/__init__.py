"""Metrics, calibration, figures and report, from stored probabilities and labels only."""
