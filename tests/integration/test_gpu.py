"""Runs on a GPU: the same command, and what it leaves serves on a CPU."""

import numpy as np
import polars as pl
import pytest
import torch

from lcclassify.inference.predictor import Predictor

pytestmark = [
    pytest.mark.slow,
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU"),
]

ON_GPU = ("trainer.accelerator=cuda", "tensorboard=true")


def of_run(folder):
    table = pl.read_parquet(folder / "probabilities.parquet")
    return table.select(pl.selectors.float()).to_numpy()


@pytest.fixture(scope="module")
def alone(run_train, stack_words, tmp_path_factory):
    """The folder of a run of one fit after the other."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    run_train(folder, *stack_words, *ON_GPU, "trainer.workers=1")
    return folder


def test_fits_side_by_side_say_the_same(tmp_path, run_train, stack_words, alone):
    run_train(tmp_path / "run", *stack_words, *ON_GPU, "trainer.workers=3")
    np.testing.assert_allclose(of_run(tmp_path / "run"), of_run(alone), rtol=0, atol=1e-4)


def test_a_run_is_near_that_on_a_cpu(tmp_path, run_train, stack_words, alone):
    run_train(tmp_path / "run", *stack_words)
    # Dropout and noise are drawn otherwise on a GPU.
    assert np.abs(of_run(tmp_path / "run") - of_run(alone)).mean() < 0.1


@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed"])
def test_mixed_precision_is_near_as_well(tmp_path, run_train, stack_words, alone, precision):
    run_train(tmp_path / "run", *stack_words, *ON_GPU, f"trainer.precision={precision}")
    assert np.abs(of_run(tmp_path / "run") - of_run(alone)).mean() < 0.1


def test_its_bundle_says_the_same_on_a_cpu(alone, survey_folder):
    observations, objects = (
        pl.read_csv(survey_folder / f"{name}.csv") for name in ("observations", "objects")
    )
    found = [
        Predictor.load(alone / "bundle", accelerator=name).predict_proba(observations, objects)
        for name in ("cpu", "cuda")
    ]
    cpu, gpu = (one.select(pl.selectors.float()).to_numpy() for one in found)
    assert np.isfinite(cpu).all()
    np.testing.assert_allclose(gpu, cpu, rtol=0, atol=1e-6)
