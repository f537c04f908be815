"""How often objects are drawn, and which training sets are taken as they are."""

import io
import re

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from lcclassify.errors import ConfigError
from lcclassify.tasks.augment_settings import AugmentSettings
from lcclassify.tasks.augmenting import best_redshift
from lcclassify.tasks.inputs import read_inputs
from lcclassify.tasks.runs import open_run


@pytest.mark.parametrize(
    ("passes", "n_objects", "expected"),
    [(2, 100, 2), ("auto", 10_000, 1), ("auto", 3_600, 3), ("auto", 100, 10), ("auto", 0, 10)],
)
def test_few_objects_are_drawn_several_times(passes, n_objects, expected):
    settings = AugmentSettings(steps={"x": object()}, passes=passes)
    assert settings.n_passes(n_objects) == expected


def test_few_objects_become_so_many_an_epoch():
    settings = AugmentSettings(steps={"x": object()}, passes="auto", epoch_objects=5_000)
    assert [settings.n_passes(n) for n in (100, 2_100, 3_600, 5_000, 20_000)] == [10, 3, 2, 1, 1]


def test_objects_without_a_spectrum_are_moved_from_their_photometric_redshift():
    objects = pl.DataFrame({"photoz": [0.1, 0.2, None, 0.4], "spec": [0.15, None, None, np.nan]})
    spectroscopic = np.array([0.15, np.nan, np.nan, np.nan])
    best = best_redshift(AugmentSettings(), spectroscopic, objects, "photoz")
    np.testing.assert_array_equal(best, [0.15, 0.2, np.nan, 0.4])
    best = best_redshift(AugmentSettings(redshift="spec"), spectroscopic, objects, "photoz")
    np.testing.assert_array_equal(best, spectroscopic)
    best = best_redshift(AugmentSettings(), spectroscopic, objects, None)
    np.testing.assert_array_equal(best, spectroscopic)


@pytest.mark.parametrize("key", ["repeats", "most_objects", "epoch_objects"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "many", True])
def test_numbers_that_are_none_are_refused(key, value):
    with pytest.raises(ConfigError, match=rf"augment\.{key}"):
        AugmentSettings(**{key: value})


@pytest.mark.parametrize("most", [80, 90])
def test_many_training_objects_are_taken_as_they_are(tmp_path, compose_config, dense_words, most):
    words = [*dense_words, "augment=light", f"augment.most_objects={most}"]
    words = [*words, f"paths.output_dir={tmp_path}/run"]
    console = Console(file=io.StringIO(), width=200)
    inputs, _ = read_inputs(open_run(compose_config(*words), words), console, set())
    n = len(inputs.split.rows("train"))
    said = f"{n} training objects are taken as they are: augment=light is for {most} at most."
    assert n == 90
    assert (inputs.stream is None) is (most < n)
    assert inputs.augment.name == ("none" if most < n else "light")
    assert (said in console.file.getvalue()) is (most < n)


def test_the_default_draws_and_says_so(tmp_path, run_train, stack_words):
    words = [word for word in stack_words if word != "augment=none"]
    result = run_train(tmp_path / "run", *words, "evaluation.report=false")
    text = (result.folder / "report.txt").read_text()
    assert "Training objects were drawn anew for every epoch (augment=light)" in text
    few = run_train(tmp_path / "many", *words, "augment.most_objects=10")
    assert "drawn anew" not in (few.folder / "report.txt").read_text()


def test_what_the_data_decided_is_in_both_reports(tmp_path, run_train, stack_words):
    words = [word for word in stack_words if not word.startswith(("augment", "stacking.mode"))]
    words += ["augment=gp", "augment.target=metadata", "augment.steps.elsewhere.untouched=auto"]
    words += ["stacking.mode=auto", "evaluation.report=true", "model.members.bigru.only_if=[many]"]
    result = run_train(tmp_path / "run", *words)
    text = (result.folder / "report.txt").read_text()
    page = (result.folder / "report.html").read_text()
    for said in ("all draws stay where they are", "Members: dense, because 90 training objects"):
        assert said in text
        assert said in page
    assert list(result.evaluations) == ["dense", "stack"]
    assert sorted(path.name for path in (result.folder / "fits").iterdir()) == ["dense", "head"]
    facts = re.sub("<[^>]*>", " ", page)
    assert re.search(r"stacking:?\s+oof\b", facts)
