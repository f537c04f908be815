"""Fits side by side leave what they leave one after the other, whatever ends them."""

import importlib
import multiprocessing
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hydra_plugins.lcclassify_search.sweeper import IMPORTED
from lcclassify.errors import PrunedError, TrainingError
from lcclassify.search.launching import LATE
from lcclassify.training.mapped import MappedTensorSet, mapped
from lcclassify.training.members import collected, fit_member, held_out_fits, refits, refitted
from lcclassify.training.processes import ENDED, PRELOADED, Processes, one_thread
from lcclassify.training.stacking import fit_head
from lcclassify.training.workers import run_fits

# Before any other server is started: later tests start commands from it.
pytestmark = pytest.mark.usefixtures("fork_server")

GRU = {"_target_": "lcclassify.nn.bigru.BiGRUNet", "gru_units": [4], "dense_units": []}


@pytest.fixture
def side_by_side(tmp_path, new_context):
    """Return contexts whose fits run in several processes."""

    def made(workers, name=None):
        context = new_context(tmp_path / (name or f"workers_{workers}") / "fits")
        return replace(context, workers=workers)

    return made


@pytest.fixture
def standins(monkeypatch):
    """The stand-ins, from where processes find them, too."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    return importlib.import_module("standins")


def weights(fitted):
    return [
        {key: value.numpy().tobytes() for key, value in submodel.state_dict().items()}
        for submodel in fitted.submodels
    ]


def left_processes():
    """Return what is left of processes that were started, which may take a moment to go."""
    end = time.monotonic() + 60
    while multiprocessing.active_children() and time.monotonic() < end:
        time.sleep(0.01)
    return multiprocessing.active_children()


def test_what_killed_fits_left_unfinished_is_removed(context, new_member):
    fits = held_out_fits(context, new_member("dense"), "oof")
    for fit in fits:
        fit.folder.mkdir(parents=True)
        (fit.folder / ".history.json.0123abcd.partial").touch()
    run_fits(fits, 1, context.reporter)
    assert all(fit.result() is not None for fit in fits)
    assert not list(context.folder.rglob(".*"))


@pytest.mark.parametrize("name", [*PRELOADED, *LATE, *IMPORTED])
def test_what_processes_inherit_can_be_imported(name):
    """The server that they are forked from would say nothing of a name that is wrong."""
    importlib.import_module(name)


@pytest.mark.parametrize("workers", [2, 4])
def test_the_number_of_workers_changes_no_bit(side_by_side, new_member, new_head, workers):
    members = [replace(new_member("dense"), replicas=2), new_member("bigru", network=GRU)]
    found = []
    for number in (1, workers):
        context = side_by_side(number)
        with mapped(context.tensors, context.folder.parent) as tensors:
            shared = replace(context, tensors=tensors if number > 1 else context.tensors)
            fits = [held_out_fits(shared, member, "oof") for member in members]
            anew = [refits(shared, member, 2) for member in members]
            run_fits([fit for part in (*fits, *anew) for fit in part], number, context.reporter)
            fitted = [collected(m, part) for m, part in zip(members, fits, strict=True)]
            head = fit_head(
                shared,
                new_head(),
                np.stack([member.held_out for member in fitted], axis=1),
                fitted[0].rows,
                cross_fit=True,
            )
            again = [refitted(m, part) for m, part in zip(fitted, anew, strict=True)]
        found.append((fitted, head, again))
    (fitted, head, again), (others, other_head, others_again) = found
    for mine, theirs in zip((*fitted, *again), (*others, *others_again), strict=True):
        assert weights(mine) == weights(theirs)
        assert np.array_equal(mine.held_out, theirs.held_out)
        assert list(mine.fits) == list(theirs.fits)
    assert np.array_equal(head.cross_fitted, other_head.cross_fitted)
    assert not left_processes()


def test_costly_fits_come_first_and_all_are_told_of(side_by_side, new_member):
    context = side_by_side(2)
    fits = [
        *held_out_fits(context, new_member("dense"), "oof"),
        *held_out_fits(context, new_member("bigru", network=GRU, epochs=30), "oof"),
    ]
    assert fits[2].cost() > fits[0].cost()
    run_fits(fits, 2, context.reporter)
    lines = context.reporter.lines
    started = [line[1] for line in lines if line[0] == "started"]
    assert {name.split()[0] for name in started[:2]} == {"bigru"}
    assert sorted(started) == sorted(fit.name for fit in fits)
    assert {line[1] for line in lines if line[0] == "finished"} == set(started)
    run_fits(fits, 2, context.reporter)
    assert lines[-4:] == [("kept", fit.name) for fit in fits]


def test_processes_and_this_one_compute_with_one_thread_and_the_same_products(
    tmp_path, context, standins
):
    torch.set_num_threads(2)
    torch.set_float32_matmul_precision("high")
    try:
        fits = [standins.StandIn(tmp_path, "nothing", name) for name in ("first", "second")]
        run_fits(fits, 2, context.reporter)
        run_fits([standins.StandIn(tmp_path, "nothing", "here")], 2, context.reporter)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
        torch.set_float32_matmul_precision("highest")
    told = {name: (tmp_path / name).read_text().split() for name in ("first", "second", "here")}
    assert {tuple(settings) for _, *settings in told.values()} == {("1", "high")}
    assert told["here"][0] == str(os.getpid())
    assert len({process for process, *_ in told.values()}) == 3


def test_the_number_of_threads_is_put_back_after_an_error():
    before = torch.get_num_threads()
    with pytest.raises(KeyError), one_thread():
        raise KeyError
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("does", "kind", "words"),
    [
        ("dies", TrainingError, "stand-in was ended by SIGKILL, perhaps for want of memory"),
        ("exits", TrainingError, "stand-in was ended by 3"),
        ("memory", TrainingError, "training of stand-in ran out of memory .*trainer.workers=1"),
        ("diverges", TrainingError, "its loss is nan"),
        ("bug", RuntimeError, "KeyError: 'a bug'"),
    ],
)
def test_what_ends_one_ends_all_with_one_sentence(tmp_path, context, standins, does, kind, words):
    fits = [standins.StandIn(tmp_path, does), standins.StandIn(tmp_path, "waits", "other")]
    with pytest.raises(kind, match=words) as caught:
        run_fits(fits, 2, context.reporter)
    assert "\n" not in str(caught.value)
    if does == "bug":
        assert "in run" in "".join(caught.value.__notes__)  # where it is
    assert not left_processes()


def test_ctrl_c_ends_all(standins):
    def interrupted():
        with Processes() as processes:
            for name in ("first", "second"):
                processes.start(standins.Waits(name))
            assert processes.listen()[0][1] == "up"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not left_processes()


def test_a_process_ignores_ctrl_c_and_ends_with_its_words_told(standins):
    with Processes() as processes:
        processes.start(standins.Interrupted("one"))
        events = []
        while not events or events[-1][1] != ENDED:
            events += processes.listen()
    assert [(kind, words) for _, kind, words in events] == [("alive", ()), (ENDED, (0,))]


def test_a_process_collects_garbage_but_not_what_it_inherited(standins):
    with Processes() as processes:
        processes.start(standins.Collects("one"))
        ((_, kind, (enabled, frozen)),) = processes.listen()
    assert (kind, enabled) == ("collects", True)
    assert frozen > 100_000


def test_a_watcher_ends_fits_in_other_processes(side_by_side, new_member):
    told = []

    class Watcher:
        def epoch_ended(self, fit, epoch, metrics):
            told.append((fit, epoch, set(metrics)))
            if epoch == 2:
                raise PrunedError("enough")

    context = replace(side_by_side(2), watcher=Watcher())
    with pytest.raises(PrunedError, match="enough"):
        fit_member(context, new_member(epochs=2000), "oof")
    assert {"train/loss", "val/loss"} <= told[0][2]
    assert max(epoch for _, epoch, _ in told) == 2
    assert not left_processes()


class TestMappedTensors:
    def test_they_are_the_same_and_no_copies(self, context, tmp_path):
        import pickle

        with mapped(context.tensors, tmp_path) as tensors:
            assert isinstance(tensors, MappedTensorSet)
            text = pickle.dumps(tensors)
            assert len(text) < 1000
            for name in ("features", "context", "sequences", "offsets", "targets"):
                assert torch.equal(
                    getattr(pickle.loads(text), name), getattr(context.tensors, name)
                )
            rows = np.arange(5)
            mine, theirs = tensors.batch(rows), context.tensors.batch(rows)
            assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))
            assert len(list(tmp_path.iterdir())) == 1
        assert list(tmp_path.iterdir()) == []

    def test_what_a_killed_run_left_is_replaced(self, context, tmp_path):
        (tmp_path / ".tensors.pt").write_bytes(b"half")
        (tmp_path / ".tensors.pt.partial").write_bytes(b"half")
        with mapped(context.tensors, tmp_path) as tensors:
            assert torch.equal(tensors.features, context.tensors.features)
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_cannot_be_written(self, context, tmp_path):
        from lcclassify.errors import OutputError

        (tmp_path / "file").write_text("")
        with (
            pytest.raises(OutputError, match="cannot be written"),
            mapped(context.tensors, tmp_path / "file"),
        ):
            pass
