"""The command as a process: killed, interrupted, in another folder, in a sweep."""

import random
import signal
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

# Enough epochs that a signal surely comes before the end.
LONG = ("model.fit.epochs=40", "model.fit.patience=null")

SLOW_READER = """
import time
from lcclassify.surveys.table import TableSurvey

def read(self, **kwargs):
    print("reading now", flush=True)
    time.sleep(600)

TableSurvey.read = read

if __name__ == "__main__":
    from lcclassify.cli import train
    train()
"""


@pytest.fixture(scope="module")
def long_words(dense_words):
    return [*dense_words, *LONG]


@pytest.fixture(scope="module")
def long_run(run_train, long_words, tmp_path_factory, outcome):
    folder = tmp_path_factory.mktemp("long") / "run"
    run_train(folder, *long_words)
    return outcome(folder)


def test_killed_at_random_moments(
    tmp_path, command, train_command, wait_for, long_words, long_run, outcome
):
    folder = tmp_path / "run"
    rng = random.Random(4)
    words, kills = [*long_words, f"paths.output_dir={folder}"], 0
    for _ in range(4):
        process = command(*words, folder=tmp_path)
        wait_for(lambda: (folder / "fits").is_dir(), process)
        time.sleep(rng.uniform(0, 1.2))
        process.kill()
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
        words = [f"resume={folder}"]
    assert kills >= 2
    done = train_command(*words, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert outcome(folder) == long_run


def test_ctrl_c_says_how_to_go_on(
    tmp_path, command, train_command, wait_for, long_words, long_run, outcome
):
    folder = tmp_path / "run"
    process = command(*long_words, "paths.output_dir=run", folder=tmp_path)
    wait_for(lambda: list(folder.glob("fits/dense/*/last.ckpt")), process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130
    assert err.startswith("interrupted; resume with: python ")
    assert err.endswith("train.py resume=run\n")
    assert "Traceback" not in out + err
    assert len(err.splitlines()) == 1
    done = train_command(err.split()[-1], folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert outcome(folder) == long_run


def test_ctrl_c_while_reading(tmp_path, command, train_command, wait_for, dense_words):
    script = tmp_path / "slow_reader.py"
    script.write_text(SLOW_READER)
    process = command(*dense_words, "paths.output_dir=run", folder=tmp_path, script=script)
    wait_for(lambda: process.output.read_text() == "reading now\n", process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert err.splitlines() == [f"interrupted; resume with: python {script} resume=run"]
    done = train_command("resume=run", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "run" / "bundle" / "bundle.yaml").is_file()


def test_sigterm_leaves_a_resumable_run(
    tmp_path, command, train_command, wait_for, long_words, long_run, outcome
):
    folder = tmp_path / "run"
    process = command(*long_words, f"paths.output_dir={folder}", folder=tmp_path)
    wait_for(lambda: list(folder.glob("fits/dense/*/last.ckpt")), process)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode != 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert train_command("resume=../run", folder=elsewhere).returncode == 0
    assert outcome(folder) == long_run
    assert list(elsewhere.iterdir()) == []


def test_another_process_gives_the_same(
    tmp_path, run_train, train_command, stack_words, straight, outcome
):
    done = train_command(*stack_words, "paths.output_dir=run", folder=tmp_path, new=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert outcome(tmp_path / "run") == straight[1]
    # Everything lies under the run's folder.
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert f"bundle: {Path('run') / 'bundle'}" in done.stdout
    assert all(line.strip() != "objects/s" for line in done.stdout.splitlines())
