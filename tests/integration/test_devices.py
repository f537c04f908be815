"""Several processes of one run, as several GPUs would have them, on CPUs."""

import json

import pytest

pytestmark = pytest.mark.slow


def test_two_processes_train_one_network(tmp_path, train_command, dense_words, run_train):
    words = [
        *(word for word in dense_words if not word.startswith("stacking")),
        "stacking.mode=holdout",
        "model.fit.epochs=6",
        # Each process draws its own units, and has the statistics of its own half of a batch.
        "model.network.dropout=0.0",
        "model.network.batch_norm=false",
        "trainer.strategy=ddp_spawn",
    ]
    done = train_command(*words, "trainer.devices=2", "paths.output_dir=two", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "  1/1 dense holdout: 6 epochs" in done.stdout
    assert "GLOBAL_RANK" not in done.stdout
    run_train(tmp_path / "one", *words[:-1])
    one, two = (
        json.loads((tmp_path / name / "fits/dense/holdout/history.json").read_text())["epochs"]
        for name in ("one", "two")
    )
    assert [epoch["epoch"] for epoch in two] == [0, 1, 2, 3, 4, 5]
    # The same steps with the same schedule, on the same rows.
    assert [epoch["lr"] for epoch in two] == pytest.approx([epoch["lr"] for epoch in one])
    assert two[-1]["val/loss"] == pytest.approx(one[-1]["val/loss"], rel=0.01)
    assert two[-1]["val/loss"] < two[0]["val/loss"]
