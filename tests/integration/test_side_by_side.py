"""Fits in several processes, as a command: the same bits, and nothing is lost by any kill."""

import os
import random
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from lcclassify.search.study import ATTEMPTS

pytestmark = pytest.mark.slow

# So many epochs that a kill comes in the middle of a fit.
LONG = ("model.members.dense.fit.epochs=60", "model.members.bigru.fit.epochs=30")
# One of each kind; as many more as are asked for.
KILLS = int(os.environ.get("LCCLASSIFY_TEST_KILLS", "3"))


@pytest.fixture(scope="module")
def words(stack_words):
    """A stack whose fits run two at a time, refits among them."""
    mine = ("trainer.workers", "stacking.refit", "model.members.dense.fit.epochs")
    kept = [word for word in stack_words if not word.startswith((*mine, "model.members.bigru.fit"))]
    return [*kept, *LONG, "stacking.refit=1", "model.members.bigru.fit.batch_size=32"]


@pytest.fixture(scope="module")
def alone(run_train, words, tmp_path_factory, outcome):
    """The outcome of one fit after the other in this process."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    run_train(folder, *words, "trainer.workers=1")
    return outcome(folder)


def descendants(process):
    try:
        return psutil.Process(process._process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def workers_of(process):
    """Return the numbers of the processes that fit: the children of the fork server."""
    children = children_of(process._process.pid)
    return [worker for child in children for worker in children_of(child)]


def children_of(number):
    """Return the numbers of a process's children; none where it has ended.

    psutil looks at all processes for that: whoever waited so would keep a processor busy.
    """
    try:
        if sys.platform != "linux":
            return [child.pid for child in psutil.Process(number).children()]
        lists = [path.read_text() for path in Path(f"/proc/{number}/task").glob("*/children")]
    except (OSError, psutil.NoSuchProcess):
        return []
    return [int(child) for line in lists for child in line.split()]


def test_the_same_bits(tmp_path, train_command, words, alone, outcome):
    done = train_command(
        *words, "trainer.workers=2", f"paths.output_dir={tmp_path / 'run'}", folder=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert outcome(tmp_path / "run") == alone
    assert not (tmp_path / "run" / ".tensors.pt").exists()
    fits = [line for line in done.stdout.splitlines() if "/12 " in line]
    # 2 members with 2 folds and a refit each, and the head, which is fitted over 5 folds as well
    assert len(fits) == 12
    assert all(word in done.stdout for word in ("dense all 0", "bigru fold 1", "head all"))


def test_killed_at_random_moments(
    tmp_path, command, train_command, wait_for, words, alone, outcome
):
    folder = tmp_path / "run"
    rng = random.Random(7)
    todo, ended = [*words, "trainer.workers=2", f"paths.output_dir={folder}"], []
    for number in range(KILLS):
        process = command(*todo, folder=tmp_path, inherits_server=True)
        wait_for(lambda process=process: len(workers_of(process)) == 2, process)
        time.sleep(rng.uniform(0, 0.8))
        family = descendants(process)
        kind = ("parent", "worker", "ctrl-c")[number % 3]
        if kind == "parent":
            process.kill()
        elif kind == "ctrl-c":
            process.send_signal(signal.SIGINT)
        else:
            for worker in workers_of(process)[:1]:
                os.kill(worker, signal.SIGKILL)
        _, err = process.communicate()
        _gone, left = psutil.wait_procs(family, timeout=60)
        assert not left
        ended.append((kind, process.returncode, err))
        if (folder / "fits").exists():
            todo = [f"resume={folder}"]
    for kind, code, err in ended:
        # One may have come after the last fit.
        assert (kind, code) in {
            ("parent", -signal.SIGKILL), ("worker", 1), ("ctrl-c", 130),
            ("worker", 0), ("ctrl-c", 0),
        }, err  # fmt: skip
        assert "Traceback" not in err
        assert len(err.splitlines()) == (code > 0)
        if (kind, code) == ("worker", 1):
            assert "was ended by SIGKILL" in err
            assert "resume the run" in err
    assert sum(code != 0 for _, code, _ in ended) >= KILLS / 2
    done = train_command(*todo, folder=tmp_path, inherits_server=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert outcome(folder) == alone
    assert not list(folder.rglob(".*.part*"))
    assert not list(folder.rglob(".lock"))
    assert not (folder / ".tensors.pt").exists()


def test_memory_that_does_not_suffice(tmp_path, train_command, words):
    done = train_command(
        *words,
        f"paths.output_dir={tmp_path / 'run'}",
        "model.members.dense.network.units=[2000000,2000000]",
        folder=tmp_path,
        inherits_server=True,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: out of memory: ")


def test_a_search_takes_up_trials_whose_process_was_killed(
    tmp_path, command, wait_for, survey_words, survey_folder
):
    import optuna

    words = [
        *survey_words(survey_folder), "search=dense_quick", "search.n_trials=4",
        "search.n_jobs=2", "search.include_default=false", "model.fit.epochs=60",
        "search.layers.model.network.units.choices=[4,8]", "tensorboard=false",
        "trainer.accelerator=cpu", f"paths.output_dir={tmp_path / 'search'}",
    ]  # fmt: skip
    process = command(*words, folder=tmp_path, inherits_server=True)
    folder = tmp_path / "search"
    wait_for(lambda: list(folder.glob("[0-3]/fits/*/*/last.ckpt")), process)
    for worker in workers_of(process)[:1]:
        os.kill(worker, signal.SIGKILL)
    out, err = process.communicate()
    assert (process.returncode, err) == (0, ""), out
    assert "was ended by SIGKILL, perhaps for want of memory: it is begun again" in out
    study = optuna.load_study(study_name="dense_quick", storage=f"sqlite:///{folder / 'study.db'}")
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 4
    assert sorted(trial.user_attrs[ATTEMPTS] for trial in study.trials) == [1, 1, 1, 2]
    for number in range(4):
        assert f"trial {number}: val/loss" in out
        assert (folder / str(number) / ".hydra" / "hydra.yaml").is_file()
