"""A run that was interrupted, in whatever way, ends as if it had not been."""

import json
import re
import shutil
from collections import Counter

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lcclassify.errors import ConfigError, LcclassifyError
from lcclassify.training.callbacks import ProgressCallback
from lcclassify.training.checkpoints import EpochCheckpoint
from lcclassify.training.fit import fit_network
from lcclassify.training.head_fit import HeadFit


class InterruptionError(Exception):
    pass


def interrupt_at(monkeypatch, owner, method, count, error, after=True):
    """Make the count-th call of a method raise, before or after it did its work."""
    original = getattr(owner, method)
    calls = Counter()

    def spy(*args, **kwargs):
        calls[method] += 1
        if calls[method] == count and not after:
            raise error
        result = original(*args, **kwargs)
        if calls[method] == count:
            raise error
        return result

    monkeypatch.setattr(owner, method, spy)


CTRL_C = KeyboardInterrupt()
STOP = InterruptionError("stop")


# A fold has 38 training rows in 2 batches an epoch; dense has 3 epochs, bigru 2, the
# head 3 of one batch: 6 + 6 + 4 + 4 + 3 steps.
@pytest.mark.parametrize(
    ("owner", "method", "count", "after", "error"),
    [
        (ProgressCallback, "on_train_batch_end", 1, True, STOP),  # before anything was kept
        (ProgressCallback, "on_train_batch_end", 3, True, STOP),  # in the middle of an epoch
        (ProgressCallback, "on_train_batch_end", 3, True, CTRL_C),
        (ProgressCallback, "on_train_batch_end", 6, True, STOP),  # the last epoch is not yet kept
        (ProgressCallback, "on_train_batch_end", 15, True, CTRL_C),  # in the recurrent network
        (HeadFit, "run", 1, True, STOP),  # after the head
        (EpochCheckpoint, "on_train_epoch_end", 3, True, STOP),  # the last epoch is kept
        (EpochCheckpoint, "on_train_epoch_end", 4, True, CTRL_C),
        (EpochCheckpoint, "_write", 1, True, STOP),  # the best epoch is kept, the last not yet
        (EpochCheckpoint, "_write", 4, False, STOP),
        (ProgressCallback, "on_fit_end", 2, False, STOP),
    ],
)
def test_goes_on_as_straight_through(
    monkeypatch,
    tmp_path,
    run_train,
    stack_words,
    straight,
    outcome,
    owner,
    method,
    count,
    after,
    error,
):
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        interrupt_at(patch, owner, method, count, error, after)
        with pytest.raises(type(error)):
            run_train(folder, *stack_words)
    assert not (folder / "metrics.json").exists()
    result = run_train(None, f"resume={folder}")
    assert result.folder == folder
    assert outcome(folder) == straight[1]


@pytest.mark.slow
def test_interrupted_again_and_again(
    monkeypatch, tmp_path, run_train, stack_words, straight, outcome
):
    folder = tmp_path / "run"
    words, attempts = [*stack_words, f"paths.output_dir={folder}"], 0
    while not (folder / "metrics.json").exists():
        attempts += 1
        with monkeypatch.context() as patch:
            interrupt_at(patch, ProgressCallback, "on_train_batch_end", 3, STOP)
            try:
                run_train(None, *words)
            except InterruptionError:
                words = [f"resume={folder}"]
        assert attempts < 20
    assert attempts > 5
    assert outcome(folder) == straight[1]


def test_finished_fits_are_not_redone(
    monkeypatch, tmp_path, run_train, stack_words, straight, outcome
):
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        interrupt_at(patch, ProgressCallback, "on_train_batch_end", 14, InterruptionError("stop"))
        with pytest.raises(InterruptionError):
            run_train(folder, *stack_words)
    before = {
        path.relative_to(folder): path.stat().st_mtime_ns for path in folder.rglob("submodel.*")
    }
    assert {path.parts[1:3] for path in before} == {("dense", "fold_0"), ("dense", "fold_1")}
    fitted = []
    monkeypatch.setattr(
        "lcclassify.training.network_fit.fit_network",
        lambda *args, name, **kw: (fitted.append(name), fit_network(*args, name=name, **kw))[1],
    )
    run_train(None, f"resume={folder}")
    assert fitted == ["bigru fold 0", "bigru fold 1"]
    for path, changed in before.items():
        assert (folder / path).stat().st_mtime_ns == changed


def test_a_finished_run_stays_as_it_is(monkeypatch, tmp_path, run_train, straight, outcome):
    folder = tmp_path / "copy"
    shutil.copytree(straight[0], folder)
    monkeypatch.setattr("lcclassify.training.network_fit.fit_network", None)
    monkeypatch.setattr("lcclassify.training.head_fit.chosen_pool", None)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    result = run_train(None, f"resume={folder}")
    assert result.folder == folder  # moved since, and yet itself
    assert outcome(folder) == straight[1]
    assert sorted(path.relative_to(folder) for path in folder.rglob("*")) == files
    assert (folder / "config.yaml").read_text() == (straight[0] / "config.yaml").read_text()


def test_a_run_that_was_moved_goes_on(
    monkeypatch, tmp_path, run_train, stack_words, straight, outcome
):
    folder, moved = tmp_path / "run", tmp_path / "moved"
    with monkeypatch.context() as patch:
        interrupt_at(patch, ProgressCallback, "on_train_batch_end", 5, InterruptionError("stop"))
        with pytest.raises(InterruptionError):
            run_train(folder, *stack_words)
    folder.rename(moved)
    run_train(None, f"resume={moved}")
    assert outcome(moved) == straight[1]
    assert not folder.exists()


@pytest.mark.parametrize("kill", ["on_fit_end", "on_train_epoch_end"])
def test_a_fit_stopped_early_trains_no_further_epoch(
    monkeypatch, tmp_path, run_train, dense_words, outcome, kill
):
    # A rate so high that the loss soon rises.
    words = [*dense_words, "model.fit.epochs=40", "model.fit.patience=1", "model.optimizer.lr=0.5"]
    run_train(tmp_path / "straight", *words)
    history = json.loads((tmp_path / "straight/fits/dense/fold_0/history.json").read_text())
    n_epochs = len(history["epochs"])
    assert 2 <= n_epochs < 40
    with monkeypatch.context() as patch:
        if kill == "on_fit_end":
            interrupt_at(patch, ProgressCallback, kill, 1, InterruptionError("stop"), after=False)
        else:
            interrupt_at(patch, EpochCheckpoint, kill, n_epochs, InterruptionError("stop"))
        with pytest.raises(InterruptionError):
            run_train(tmp_path / "run", *words)
    run_train(None, f"resume={tmp_path / 'run'}")
    resumed = json.loads((tmp_path / "run/fits/dense/fold_0/history.json").read_text())
    assert len(resumed["epochs"]) == n_epochs
    assert resumed["best"] == history["best"]
    assert outcome(tmp_path / "run") == outcome(tmp_path / "straight")


@pytest.mark.parametrize(
    "damage",
    [
        "last.ckpt",
        "best.ckpt",
        "submodel.safetensors",
        "submodel.json",
        "history.json",
    ],
)
@pytest.mark.parametrize("how", ["truncated", "deleted"])
def test_a_damaged_fit_counts_as_unfinished(tmp_path, run_train, straight, outcome, damage, how):
    folder = tmp_path / "run"
    shutil.copytree(straight[0], folder)
    fit = folder / "fits" / "bigru" / "fold_1"
    if damage.endswith(".ckpt"):
        (fit / "submodel.json").unlink()
    path = fit / damage
    content = path.read_bytes()
    if how == "deleted":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] if how == "truncated" else b"")
    shutil.rmtree(folder / "bundle")
    (folder / "metrics.json").unlink()
    run_train(None, f"resume={folder}")
    assert outcome(folder) == straight[1]


@pytest.mark.parametrize("how", ["truncated", "emptied", "deleted"])
def test_a_damaged_head_is_fitted_again(tmp_path, run_train, straight, outcome, how):
    folder = tmp_path / "run"
    shutil.copytree(straight[0], folder)
    path = folder / "fits" / "head" / "all" / "head.safetensors"
    content = path.read_bytes()
    path.unlink()
    if how != "deleted":
        path.write_bytes(content[: len(content) // 2] if how == "truncated" else b"")
    run_train(None, f"resume={folder}")
    assert outcome(folder) == straight[1]


@pytest.mark.parametrize(
    "word",
    [
        "seed=1",
        "split.folds=3",
        "model=dense",
        "model.members.dense.fit.epochs=4",
        "model.head.shrinkage.folds=4",
        "loss@model.members.dense.loss=focal",
        "trainer.precision=bf16-mixed",
        "trainer.devices=2",
        "survey.seed=3",
        "stacking.mode=holdout",
        "paths.output_dir=/tmp/elsewhere",
        "~model.members.dense",
    ],
)
def test_what_would_make_it_another_run_is_refused(compose_config, straight, word):
    from lcclassify.tasks.runs import open_run

    before = (straight[0] / "config.yaml").read_text()
    words = [f"resume={straight[0]}", word]
    # Composed only as far as the default configuration knows the key.
    cfg = compose_config(*words)
    with pytest.raises(ConfigError, match=re.escape(f"'{word}' would make the run")):
        open_run(cfg, words)
    assert (straight[0] / "config.yaml").read_text() == before


def test_harmless_settings_may_change(compose_config, straight):
    from lcclassify.tasks.runs import open_run

    words = [
        f"resume={straight[0]}",
        "evaluation.figures=true",
        "trainer.accelerator=cpu",
        "debug=true",
    ]
    run = open_run(compose_config(*words), words)
    assert run.config["evaluation"]["figures"] is True
    assert (
        run.config["model"]["members"]["dense"]["fit"]["epochs"] == 3
    )  # the run's own, not the default


@pytest.mark.parametrize("change", ["content", "file"])
def test_changed_input_is_refused(
    tmp_path, run_train, survey_words, dense_words, survey_folder, change
):
    data = tmp_path / "data"
    shutil.copytree(survey_folder, data, ignore=shutil.ignore_patterns("cache"))
    words = [word.replace(str(survey_folder), str(data)) for word in dense_words]
    run_train(tmp_path / "run", *words)
    before = (tmp_path / "run/metrics.json").read_text()
    if change == "content":
        text = (data / "observations.csv").read_text().splitlines()
        (data / "observations.csv").write_text("\n".join(text[:-1]) + "\n")
    else:
        (data / "objects.csv").unlink()
    with pytest.raises(LcclassifyError, match=r"have changed|objects\.csv"):
        run_train(None, f"resume={tmp_path / 'run'}")
    assert (tmp_path / "run/metrics.json").read_text() == before


def test_a_missing_run_is_refused(tmp_path, run_train):
    with pytest.raises(ConfigError, match="holds no run"):
        run_train(None, f"resume={tmp_path}")


def test_a_second_run_over_the_first_is_refused(run_train, stack_words, straight, outcome):
    with pytest.raises(LcclassifyError, match="already holds a run: resume it by resume="):
        run_train(straight[0], *stack_words)
    assert outcome(straight[0]) == straight[1]


def test_a_folder_of_something_else_is_refused(tmp_path, run_train, dense_words):
    (tmp_path / "config.yaml").write_text("title: mine\n")
    with pytest.raises(LcclassifyError, match="not of a training run"):
        run_train(tmp_path, *dense_words)
    assert (tmp_path / "config.yaml").read_text() == "title: mine\n"


def test_a_resumed_run_has_its_curves_once(monkeypatch, tmp_path, run_train, dense_words):
    folder = tmp_path / "run"
    words = [word for word in dense_words if word != "tensorboard=false"]
    for count in (1, 5):  # before anything was kept, then in the second fit
        with monkeypatch.context() as patch:
            interrupt_at(patch, ProgressCallback, "on_train_batch_end", count, STOP)
            with pytest.raises(InterruptionError):
                run_train(folder if count == 1 else None, *words)
        words = [f"resume={folder}"]
    for _ in range(2):
        run_train(None, f"resume={folder}")
    whole = EventAccumulator(str(folder / "tensorboard")).Reload()
    assert len(whole.Scalars("final/accuracy")) == 1
    assert len(list((folder / "tensorboard").glob("events*"))) == 1
    for fold in (0, 1):
        run = EventAccumulator(str(folder / f"tensorboard/dense/fold_{fold}")).Reload()
        history = json.loads((folder / f"fits/dense/fold_{fold}/history.json").read_text())
        assert [event.value for event in run.Scalars("val/loss")] == pytest.approx(
            [epoch["val/loss"] for epoch in history["epochs"]], rel=1e-5
        )


def test_a_run_that_failed_before_its_fits_is_begun_again(
    tmp_path, run_train, dense_words, survey_folder
):
    wrong = [word.replace("objects.csv", "misspelt.csv") for word in dense_words]
    with pytest.raises(LcclassifyError, match="misspelt"):
        run_train(tmp_path / "run", *wrong)
    with pytest.raises(LcclassifyError, match="fewer than the 60 folds"):
        run_train(tmp_path / "run", *dense_words, "split.folds=60")
    run_train(tmp_path / "run", *dense_words)
    assert (tmp_path / "run/metrics.json").is_file()


class TestRetrainingTheHead:
    def test_only_the_head_changes(self, tmp_path, run_train, straight, outcome):
        folder = tmp_path / "run"
        shutil.copytree(straight[0], folder)
        run_train(
            None, f"resume={folder}", "retrain=head", "model.head.shrinkage.folds=3",
            "model.head.network.form=shared",
        )  # fmt: skip
        metrics, weights = outcome(folder)
        of_members = {k: v for k, v in straight[1][1].items() if "member" in k}
        assert of_members
        assert {k: v for k, v in weights.items() if "member" in k} == of_members
        assert {k for k in weights if k.startswith("head")} != set()
        assert {k: v for k, v in weights.items() if k.startswith("head")} != {
            k: v for k, v in straight[1][1].items() if k.startswith("head")
        }
        assert metrics["models"]["dense"] == straight[1][0]["models"]["dense"]
        # What was set is the run's own from now on.
        run_train(None, f"resume={folder}")
        assert outcome(folder) == (metrics, weights)

    def test_with_the_same_settings_it_is_the_same(self, tmp_path, run_train, straight, outcome):
        folder = tmp_path / "run"
        shutil.copytree(straight[0], folder)
        run_train(None, f"resume={folder}", "retrain=head")
        assert outcome(folder) == straight[1]

    def test_another_loss(self, tmp_path, run_train, straight, outcome):
        folder = tmp_path / "run"
        shutil.copytree(straight[0], folder)
        run_train(None, f"resume={folder}", "retrain=head", "loss@model.head.loss=focal")
        assert "FocalLoss" in (folder / "config.yaml").read_text()
        assert outcome(folder)[1] != straight[1][1]

    @pytest.mark.parametrize(
        "word", ["model.head.network.form=none", "model.head.shrinkage.folds=1"]
    )
    def test_an_invalid_head_leaves_the_run_alone(
        self, tmp_path, run_train, straight, outcome, word
    ):
        folder = tmp_path / "run"
        shutil.copytree(straight[0], folder)
        with pytest.raises(ConfigError, match=r"model\.head"):
            run_train(None, f"resume={folder}", "retrain=head", word)
        assert (folder / "fits/head/all/head.safetensors").is_file()
        assert (folder / "config.yaml").read_text() == (straight[0] / "config.yaml").read_text()
        assert outcome(folder) == straight[1]

    def test_members_may_not_change(self, compose_config, straight, run_train):
        with pytest.raises(ConfigError, match="another one"):
            run_train(
                None, f"resume={straight[0]}", "retrain=head", "model.members.dense.fit.epochs=9"
            )

    def test_needs_a_run_and_a_head(self, tmp_path, run_train, dense_words):
        with pytest.raises(ConfigError, match="resume=FOLDER"):
            run_train(tmp_path / "new", *dense_words, "retrain=head")
        run_train(tmp_path / "single", *dense_words)
        with pytest.raises(ConfigError, match="no head"):
            run_train(None, f"resume={tmp_path / 'single'}", "retrain=head")
