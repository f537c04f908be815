"""Writes features and sequences to files: ``python prepare.py survey=... output=...``."""

from lcclassify.cli import prepare

if __name__ == "__main__":
    prepare()
