"""Representations: pure functions from light curves to features and sequences."""
