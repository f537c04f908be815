"""Trials are neither lost nor doubled, whoever dies and however many there are."""

import json
import time
from collections import Counter
from pathlib import Path

import pytest
from optuna.trial import TrialState

from lcclassify.errors import ConfigError
from lcclassify.locking import Lock
from lcclassify.search.job import MOST_ATTEMPTS, run_trial
from lcclassify.search.settings import TrialHandle
from lcclassify.search.storage import open_storage
from lcclassify.search.study import REASON, SearchStudy

FINGERPRINT = {"seed": 0, "model.name": "dense"}


@pytest.fixture
def open_study(tmp_path, settings, space):
    def opened(fingerprint=FINGERPRINT, **changes):
        return SearchStudy(tmp_path, settings(**changes), space, fingerprint)

    return opened


def write_fit(folder, values, name="val/loss"):
    for number, losses in enumerate(values):
        fit = folder / "fits" / "dense" / f"holdout_seed_{number}"
        fit.mkdir(parents=True, exist_ok=True)
        epochs = [{"epoch": e, "seconds": 0.5, name: v} for e, v in enumerate(losses)]
        (fit / "history.json").write_text(json.dumps({"best": 0, "epochs": epochs}))


def job(study, claim, train):
    return run_trial(TrialHandle(study.folder, study.settings, claim.number), train)


def finish(study, claim, values=((0.5,),)):
    folder = study.folder / str(claim.number)
    outcome = job(study, claim, lambda watcher, begun: write_fit(folder, values))
    claim.lock.release()
    return outcome


def test_a_search_has_as_many_trials_as_it_should(open_study):
    study = open_study()
    numbers = []
    while claims := study.ask(4):
        numbers.append([claim.number for claim in claims])
        for claim in claims:
            assert claim.words == study.space.words(claim.params)
            finish(study, claim)
    assert numbers == [[0, 1, 2, 3], [4, 5]]
    assert {trial.state for trial in study.trials()} == {TrialState.COMPLETE}
    assert open_study().ask(1) == []
    assert [c.number for c in open_study(n_trials=8).ask(9)] == [6, 7]


def test_no_more_trials_than_configurations(open_study):
    assert open_study(n_trials=1000).total == open_study().space.cardinality == 84


def test_a_trial_of_a_dead_process_is_taken_up_again(open_study):
    first = open_study()
    claims = first.ask(2)
    assert [c.number for c in open_study().ask(1)] == [2]  # the others are alive
    claims[0].lock.release()  # as the system does when a process is killed
    (again,) = open_study().ask(1)
    assert (again.number, again.params, again.again) == (0, claims[0].params, True)
    finish(first, again)
    assert first.trial(0).state == TrialState.COMPLETE


def test_a_trial_that_died_while_it_got_its_parameters(open_study, space):
    study = open_study()
    trial = study.study.ask()
    trial.suggest_categorical("units.count", [1, 2])
    (claim,) = open_study().ask(1)
    straight = open_study().study.sampler.configuration(0)
    assert (claim.number, claim.params) == (0, straight)


def test_a_job_that_still_runs_keeps_its_trial(open_study):
    study = open_study()
    (claim,) = study.ask(1)
    running = study.locks.job(0)
    assert running.acquire(wait=False)
    claim.lock.release()  # its launcher was killed, it was not
    assert [c.number for c in open_study().ask(1)] == [1]
    with pytest.raises(ConfigError, match=r"trial 0 .* is being trained already"):
        job(study, claim, None)
    running.release()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("no such thing"), "ValueError: no such thing"),
        (ConfigError("fit.batch_size must be more"), "fit.batch_size must be more"),
        (MemoryError(), "out of memory: "),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
            "out of memory: DefaultCPUAllocator: can't allocate memory: you tried",
        ),
    ],
)
def test_failures_are_recorded_with_their_reasons(open_study, error, reason):
    study = open_study()
    (claim,) = study.ask(1)

    def train(watcher, begun):
        raise error

    outcome = job(study, claim, train)
    assert (outcome.state, outcome.values, outcome.reason) == ("fail", (), reason)
    assert study.trial(0).user_attrs[REASON] == reason


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_no_number_is_a_failure(open_study, value):
    study = open_study()
    (claim,) = study.ask(1)
    outcome = finish(study, claim, [[value]])
    assert outcome.state == "fail"
    assert "val/loss is" in outcome.reason


def test_the_mean_over_the_repeats_counts(open_study):
    study = open_study()
    (claim,) = study.ask(1)
    outcome = finish(study, claim, [[0.5, 0.25, 0.75], [0.35]])
    assert outcome.values == (pytest.approx(0.3),)
    assert study.trial(0).user_attrs["spread"] == [pytest.approx(0.05 * 2**0.5)]
    assert study.trial(0).user_attrs["seconds"] == 2.0


def test_a_trial_that_always_kills_its_process_ends_as_failed(open_study):
    study = open_study()

    class Killed(BaseException):
        pass

    def train(watcher, begun):
        raise Killed

    for _ in range(MOST_ATTEMPTS):
        (claim,) = study.ask(1)
        assert claim.number == 0
        with pytest.raises(Killed):
            job(study, claim, train)
        claim.lock.release()
    (claim,) = study.ask(1)
    assert f"its process died {MOST_ATTEMPTS} times" in job(study, claim, train).reason
    assert study.ask(1)[0].number == 1


def test_a_finished_trial_is_not_trained_again(open_study):
    study = open_study()
    (claim,) = study.ask(1)
    finish(study, claim)
    assert job(study, claim, None).state == "complete"
    study.fail(claim, "its job said nothing")
    assert study.trial(0).state == TrialState.COMPLETE


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fingerprint": {"seed": 1, "model.name": "dense"}}, "has seed=0, not seed=1"),
        ({"fingerprint": {"seed": 0}}, "has model.name=dense, not no model.name"),
        ({"storage": "journal"}, "has search.storage=sqlite, not search.storage=journal"),
        ({"name": "other"}, "has search.name=tiny, not search.name=other"),
    ],
)
def test_another_search_in_the_same_folder_is_refused(open_study, changes, words):
    open_study()
    with pytest.raises(ConfigError) as caught:
        open_study(**changes)
    assert words in str(caught.value)
    assert "take another search.name" in str(caught.value)


def test_a_shared_database_does_not_mix_folders(tmp_path, settings, space):
    url = f"sqlite:///{tmp_path}/shared.db"
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    SearchStudy(tmp_path / "a", settings(storage=url), space, FINGERPRINT)
    with pytest.raises(ConfigError, match="another folder"):
        SearchStudy(tmp_path / "b", settings(storage=url), space, FINGERPRINT)
    with pytest.raises(ConfigError, match="cannot be opened"):
        open_storage("nosql://x", tmp_path)


def test_locks(tmp_path):
    one, other = Lock(tmp_path / "a" / "lock"), Lock(tmp_path / "a" / "lock")
    assert one.acquire(wait=False)
    assert not other.acquire(wait=False)
    one.release()
    with other:
        assert not one.acquire(wait=False)
    assert one.acquire(wait=False)


# --- several processes ---------------------------------------------------------------


@pytest.fixture
def start(command, tmp_path):
    def begun(*words):
        script = Path(__file__).with_name("worker.py")
        return command(tmp_path, *words, folder=tmp_path, script=script)

    return begun


@pytest.mark.slow
@pytest.mark.parametrize("storage", ["sqlite", "journal"])
def test_processes_share_a_study(start, tmp_path, settings, space, storage):
    workers = [start(30, storage, 0.01) for _ in range(3)]
    shown = [worker.communicate() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0], shown
    study = SearchStudy(tmp_path, settings(n_trials=30, storage=storage), space, {"seed": 0})
    assert [trial.state for trial in study.trials()] == [TrialState.COMPLETE] * 30
    done = (tmp_path / "done").read_text().split()
    assert Counter(done) == Counter(map(str, range(30)))
    straight = study.study.sampler
    assert [t.params for t in study.trials()] == [straight.configuration(n) for n in range(30)]


@pytest.mark.slow
@pytest.mark.parametrize("storage", ["sqlite", "journal"])
def test_killed_again_and_again(start, wait_for, tmp_path, settings, space, storage):
    def opened():
        return SearchStudy(tmp_path, settings(n_trials=20, storage=storage), space, {"seed": 0})

    def done():
        file = tmp_path / "done"
        return len(file.read_text().split()) if file.exists() else 0

    finished, kills = set(), 0
    for attempt in range(20):
        worker, wanted = start(20, storage, 0.2), done() + 3
        wait_for(lambda wanted=wanted: done() >= wanted, worker)
        if worker.poll() is not None:
            break
        time.sleep(0.05 * attempt)  # training, telling, asking, giving parameters
        worker.kill()
        worker.communicate()
        kills += 1
        now = {t.number for t in opened().trials() if t.state.is_finished()}
        assert finished <= now
        finished = now
    study = opened()
    assert kills > 1
    assert [trial.state for trial in study.trials()] == [TrialState.COMPLETE] * 20
    straight = study.study.sampler
    assert [t.params for t in study.trials()] == [straight.configuration(n) for n in range(20)]
