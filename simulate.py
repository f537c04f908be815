"""Writes a simulated survey as files: ``python simulate.py output=...``."""

from lcclassify.cli import simulate

if __name__ == "__main__":
    simulate()
