"""Train an ensemble: ``python train.py --help`` shows what can be set."""

from lcclassify.cli import train

if __name__ == "__main__":
    train()
