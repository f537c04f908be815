"""Searches from the command line: whole, killed, shared, pruned, failing, and stacked."""

import csv
import json
import random
import re
import signal
import subprocess
import sys
import time

import optuna
import pytest

from lcclassify.search.settings import SearchSettings
from lcclassify.search.study import load_study

pytestmark = pytest.mark.slow

SPACE = (
    "search=dense_quick",
    "search.layers.model.network.units.choices=[4,8]",
    "model.fit.epochs=2",
    "model.fit.batch_size=32",
    "search.n_jobs=1",
)


@pytest.fixture(scope="module")
def search_words(base_words):
    mine = ("model=", "split.validation", "split.folds", "stacking.")
    return [*(word for word in base_words if not word.startswith(mine)), *SPACE]


def trials_of(folder, storage="sqlite"):
    """Return (number, state, params) of all trials, as the storage has them."""
    stored = json.loads((folder / "search.json").read_text())
    config = {
        "name": stored["name"], "n_trials": 1, "n_jobs": 1, "repeats": 1, "objective": "val/loss",
        "include_default": False, "sampler": {"name": "random", "seed": 0},
        "pruner": {"name": "none"}, "storage": storage, "space": {}, "layers": {},
    }  # fmt: skip
    study = load_study(SearchSettings.from_config(config), folder)
    return [(t.number, t.state.name, t.params) for t in study.get_trials(deepcopy=False)]


def rows(folder):
    with open(folder / "trials.csv") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def searched(tmp_path_factory, train_command, search_words):
    folder = tmp_path_factory.mktemp("search")
    # Two at a time; the others below go one by one, and find the same.
    words = [*(word for word in search_words if "n_jobs" not in word), "search.n_jobs=2"]
    done = train_command(*words, "search.n_trials=10", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return folder, done.stdout


def test_a_whole_search(searched):
    folder, shown = searched
    search = folder / "searches" / "dense_quick"
    table = rows(search)
    assert [row["state"] for row in table] == ["complete"] * 10
    losses = [float(row["val/loss"]) for row in table]
    assert losses == sorted(losses)
    assert {int(row["trial"]) for row in table} == set(range(10))
    history = search / table[0]["trial"] / "fits" / "dense" / "holdout" / "history.json"
    epochs = json.loads(history.read_text())["epochs"]
    assert losses[0] == pytest.approx(min(epoch["val/loss"] for epoch in epochs))
    for name in ("history", "importances", "slices", "parallel_coordinates"):
        assert (search / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert "search dense_quick: 10 complete" in shown
    assert shown.count("Inputs of table: redshift photoz; metadata photoz;") == 1
    assert "Traceback" not in shown


def test_the_best_trial_is_an_experiment(searched, train_command):
    folder, _ = searched
    search = folder / "searches" / "dense_quick"
    best = rows(search)[0]
    done = train_command(
        "--config-dir", search, "experiment=dense_quick_best", "paths.output_dir=best",
        "stacking.refit=0", "evaluation.figures=false", "tensorboard=false",
        "split.folds=2", f"paths.cache_dir={folder}/cache", folder=folder,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    config = (folder / "best" / "config.yaml").read_text()
    assert f"lr: {best['model.optimizer.lr']}\n" in config
    assert "mode: oof" in config


def test_the_best_trials_make_a_stack(searched, train_command, base_words):
    folder, _ = searched
    words = [word for word in base_words if not word.startswith("model")]
    words += ["model=best", "model.searches=[searches/dense_quick]"]
    done = train_command(
        *words, "model.top=2", "+model.fit.epochs=1", "paths.output_dir=stack", folder=folder
    )
    assert (done.returncode, done.stderr) == (0, "")
    members = {path.name for path in (folder / "stack" / "fits").iterdir()}
    assert members == {"dense_quick_best_1", "dense_quick_best_2", "head"}
    # Written out, so that the stack does not depend on the search any more.
    assert "searches" not in (folder / "stack" / "config.yaml").read_text().replace("searches/", "")
    done = train_command(*words, "model.top=11", "paths.output_dir=no", folder=folder)
    assert done.stderr.startswith("error: model.top is 11, but the search in ")


def test_killed_at_any_moment(tmp_path, searched, command, wait_for, search_words):
    search = tmp_path / "searches" / "dense_quick"
    finished = {}
    rng = random.Random(6)
    for begun in (0, 2, 3, 5, None):
        process = command(*search_words, "search.n_trials=8", folder=tmp_path)
        if begun is not None:
            wait_for((search / str(begun)).is_dir, process)
            time.sleep(rng.uniform(0, 0.5))
            process.kill()
        process.communicate()
        if (search / "study.db").is_file() and (search / "search.json").is_file():
            now = {n: params for n, state, params in trials_of(search) if state == "COMPLETE"}
            assert finished.items() <= now.items()
            finished = now
    straight = trials_of(searched[0] / "searches" / "dense_quick")[:8]
    assert trials_of(search) == straight
    whole = {row["trial"]: row for row in rows(searched[0] / "searches" / "dense_quick")}
    for row in rows(search):  # the same training as if it had not been killed
        assert row["val/loss"] == whole[row["trial"]]["val/loss"]


def test_two_processes(tmp_path, searched, command, search_words):
    both = [command(*search_words, "search.n_trials=8", folder=tmp_path) for _ in range(2)]
    shown = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], shown
    announced = sorted(
        line.split()[1] for out, _ in shown for line in out.splitlines() if line.startswith("trial")
        and line.split()[1].isdigit()
    )  # fmt: skip
    assert announced == sorted(map(str, range(8)))
    assert (
        trials_of(tmp_path / "searches" / "dense_quick")
        == trials_of(searched[0] / "searches" / "dense_quick")[:8]
    )


def test_a_launcher_with_processes_and_several_objectives(tmp_path, train_command, search_words):
    words = [*search_words, "search.n_trials=4", "search.n_jobs=2", "search.storage=journal"]
    words += ["hydra/launcher=joblib", "search.objective=[val/loss,parameters]"]
    done = train_command(*words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    search = tmp_path / "searches" / "dense_quick"
    table = rows(search)
    assert [row["state"] for row in table] == ["complete"] * 4
    assert all(float(row["parameters"]) > 10 for row in table)
    assert len({str(params) for _, _, params in trials_of(search, "journal")}) == 4


def test_ctrl_c(tmp_path, command, wait_for, search_words):
    process = command(*search_words, "search.n_trials=50", folder=tmp_path)
    table = tmp_path / "searches" / "dense_quick"
    wait_for((table / "1" / "config.yaml").is_file, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert "trials; the same command resumes" in err
    assert "Traceback" not in err
    # What was stopped is no failure: it is resumed.
    assert {row["state"] for row in rows(table)} - {"running"} == {"complete"}


def test_failures_do_not_end_a_search(tmp_path, train_command, search_words):
    words = [word for word in search_words if "batch_size" not in word]
    done = train_command(
        *words, "search.n_trials=8", "search.sampler.name=grid", "search.include_default=false",
        "model.network.units=choice([4],[2000000,2000000])", "model.optimizer.lr=choice(0.01,1e30)",
        "model.fit.batch_size=choice(32,0)", "model.network.dropout=0.1",
        "model.network.activation=relu", "model.network.batch_norm=false",
        "model.network.gaussian_noise=0.0", "model.optimizer.weight_decay=0.01", folder=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    table = rows(tmp_path / "searches" / "dense_quick")
    assert [row["state"] for row in table] == ["complete"] + ["fail"] * 7
    reasons = [row["reason"] for row in table]
    assert sum("out of memory" in reason for reason in reasons) == 2
    assert sum("diverged" in reason for reason in reasons) == 1
    assert sum("batch_size must be" in reason for reason in reasons) == 4
    assert all(reason in done.stdout for reason in reasons)


def test_a_search_without_a_single_success_is_an_error(tmp_path, train_command, search_words):
    done = train_command(
        *search_words, "search.n_trials=2", "model.optimizer.lr=choice(1e30,2e30)",
        "search.include_default=false", folder=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1
    assert (
        "no trial of the search dense_quick was completed; the first one: training" in done.stderr
    )


def test_pruned_trials_train_fewer_epochs(tmp_path, train_command, search_words):
    words = [word for word in search_words if "epochs" not in word]
    epochs, best = {}, {}
    for name in ("none", "median"):
        done = train_command(
            *words, "search.n_trials=6", f"search.name={name}", f"search.pruner.name={name}",
            "++search.pruner.n_startup_trials=2", "model.fit.epochs=12",
            "model.optimizer.lr=choice(0.03,0.00001)", folder=tmp_path,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        table = rows(tmp_path / "searches" / name)
        best[name] = table[0]["val/loss"]
        stopped = [re.search(r"stopped after epoch (\d+)", row["reason"]) for row in table]
        epochs[name] = sum(int(match[1]) if match else 12 for match in stopped)
        states = {row["state"] for row in table}
        assert states == {"complete"} | ({"pruned"} if name == "median" else set())
    assert best["median"] == best["none"]
    assert epochs["median"] < epochs["none"] == 6 * 12


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["search=dens"], "error: search has no choice 'dens': did you mean 'dense'?"),
        (
            ["search.n_trals=1"],
            "error: 'search.n_trals' cannot be set: search has no key 'n_trals'",
        ),
        (["search.sampler.name=tpee"], "error: search.sampler.name is 'tpee': did you mean 'tpe'?"),
        (["model.network.dropot=choice(1,2)"], "'model.network.dropot', but the configuration"),
        (["loss@model.los=choice(focal)"], "the group 'loss@model.los', which the configuration"),
        (["model.network.dropout=interval(1,0)"], "the space of 'model.network.dropout' is empty"),
        (["search.n_trials=1,2"], "what is searched cannot itself have several values"),
        (["search.objective=val/acuracy"], "did you mean 'val/accuracy'?"),
        (["search.objective=cv/accuracy"], "which needs cross-validation: set stacking.mode=oof"),
        (["survey.root=nowhere"], "error: survey.root names 'nowhere', which does not exist"),
        (["model.network.dropout=choice(2,3)"], "dropout"),
        (["hydra.mode=RUN"], "is many trainings, not one"),
    ],
)
def test_what_cannot_be_searched_is_said_at_once(
    tmp_path, train_command, search_words, words, sentence
):
    done = train_command(*search_words, *words, folder=tmp_path)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.rglob("study.db"))


def test_starting_any_command_imports_no_optuna():
    text = "import hydra_plugins.lcclassify_search.sweeper, sys; print('optuna' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert optuna.__version__
