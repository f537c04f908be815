"""Classifies a survey's objects: ``python predict.py bundle=... survey=... output=...``."""

from lcclassify.cli import predict

if __name__ == "__main__":
    predict()
