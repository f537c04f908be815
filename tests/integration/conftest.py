"""What integration tests hold of a run against that of another."""

import json

import pytest
from safetensors.numpy import load_file


@pytest.fixture(scope="session")
def outcome():
    """Return a run's metrics and the weights of its bundle, for equality."""

    def read(folder):
        weights = load_file(folder / "bundle" / "weights.safetensors")
        return (
            json.loads((folder / "metrics.json").read_text()),
            {
                name: (value.dtype.str, value.shape, value.tobytes())
                for name, value in weights.items()
            },
        )

    return read


@pytest.fixture(scope="session")
def straight(run_train, stack_words, tmp_path_factory, outcome):
    """The outcome of a stack trained without interruption, and its folder; read only."""
    folder = tmp_path_factory.mktemp("straight") / "run"
    run_train(folder, *stack_words)
    return folder, outcome(folder)
