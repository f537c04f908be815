"""Readers of surveys: raw files in, canonical light curves and a report out."""
