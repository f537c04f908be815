"""Every chunk is worked on once, whoever works and whenever it is stopped."""

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import cloudpickle
import polars as pl
import pytest

from lcclassify.errors import ConfigError, DataError
from lcclassify.jobs import engines
from lcclassify.jobs.account import ORPHANS, REJECTS
from lcclassify.jobs.chunked import _Ledger, remove_work, run_chunks, working_folder
from lcclassify.jobs.engines import DaskEngine, LocalEngine
from lcclassify.jobs.result import stage_shares
from lcclassify.jobs.shards import ShardStore
from lcclassify.locking import Lock
from lcclassify.surveys.chunks import REJECT_SCHEMA, SurveyChunks
from lcclassify.tasks.prepare_job import FEATURES

N_CHUNKS = 6

# Workers of a cluster cannot import tests.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


class Numbers(SurveyChunks):
    """Chunks of three objects each, or of one object that is in all of them."""

    objects = None
    taxonomy = None
    zeropoint = None

    def __init__(self, together=True, rows=None):
        self.together = together
        self.rows = rows

    def __len__(self):
        return N_CHUNKS

    def read(self, index):
        first = 3 * index if self.together else 0
        return [first, 100 + index, 200 - index]

    def regrouped(self, folder):
        folder.mkdir(exist_ok=True, parents=True)
        return Numbers()

    def count_rows(self):
        return self.rows


@dataclass
class CountingJob:
    """Leaves a line in a file for each chunk it works on."""

    chunks: SurveyChunks
    store: ShardStore
    log: Path
    fails_at: int | None = None
    kills_worker_at: int | None = None

    def process(self, index):
        with self.log.open("a") as lines:
            lines.write(f"{index}\n")
        if index == self.fails_at:
            raise DataError(f"chunk {index} is bad")
        if index == self.kills_worker_at and self.log.read_text().split().count(str(index)) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        ids = pl.DataFrame({"object_id": self.chunks.read(index)})
        tables = {FEATURES: ids}
        if index == 2:
            tables[ORPHANS] = pl.DataFrame({"object_id": [998, 997]})
            tables[REJECTS] = pl.DataFrame(
                {"file": "a", "line": 3, "row": None, "rows": 4, "object_id": None, "reason": "x"},
                schema=REJECT_SCHEMA,
            )
        report = {"rows_read": 10, "nan_flux": index, "messages": ["said by all"]}
        return self.store.write(index, tables, {"report": report}, {"read": 1.0, "infer": 3.0})


@pytest.fixture
def run(tmp_path):
    log = tmp_path / "log"
    log.touch()

    def call(engine=None, chunks=None, restart=False, description=None, **job):
        chunks = chunks or Numbers()
        result = run_chunks(
            chunks,
            lambda chunks, store: CountingJob(chunks, store, log, **job),
            engine=engine or LocalEngine(2),
            work=tmp_path / "work",
            description=description or {"a": 1},
            table=FEATURES,
            title="counting",
            restart=restart,
        )
        worked = sorted(int(line) for line in log.read_text().split())
        log.write_text("")
        return result, worked

    return call


@pytest.mark.parametrize("workers", [1, 2, 9])
def test_all_chunks_once_and_in_order(run, workers):
    result, worked = run(LocalEngine(workers))
    assert worked == list(range(N_CHUNKS))
    assert [record.index for record in result.records] == worked
    assert result.ids(FEATURES)[:4].to_list() == [0, 100, 200, 3]
    assert result.sentences == []
    assert result.n_made == N_CHUNKS
    assert stage_shares(result.seconds).startswith("read 25%, infer 75%, write 0%")


def test_an_account_ends_a_job(run, tmp_path):
    result, _ = run(chunks=Numbers(rows=64))
    account = result.account(FEATURES, ["Told before."])
    assert account.unobserved.to_list() == []
    assert "Told before." in account.sentences
    rejects = account.write_rejects(tmp_path / "rejects.csv")
    assert pl.read_csv(rejects)["rows"].to_list() == [4]
    assert account.sentences[-1] == "4 rows of the files could not be read: see rejects.csv."
    counts = account.counts()
    assert (counts["rows_read"], counts["rows_rejected"], counts["chunks"]) == (60, 4, N_CHUNKS)
    manifest = account.manifest(rejects, 1.23456)
    assert list(manifest) == ["rejects", "elapsed_seconds", "stage_seconds", "sentences"]
    assert (manifest["rejects"], manifest["elapsed_seconds"]) == ("rejects.csv", 1.235)
    assert manifest["sentences"] == account.sentences


def test_the_account_is_that_of_the_whole(run):
    result, _ = run(chunks=Numbers(rows=64))
    report = result.report(5)
    assert (report.rows_read, report.nan_flux, report.objects_without_observations) == (60, 15, 5)
    assert report.orphan_ids.to_list() == [997, 998]
    assert report.messages == ("said by all",)
    assert result.n_rejects == 4
    result.check()  # 60 rows read and 4 rejected
    lost, _ = run(chunks=Numbers(rows=65))
    with pytest.raises(DataError, match="hold 65 rows, but 60 were read and 4 rejected"):
        lost.check()


def test_a_second_call_does_what_is_missing(run, tmp_path):
    with pytest.raises(DataError, match="chunk 3 is bad"):
        run(LocalEngine(1), fails_at=3)
    (tmp_path / "log").write_text("")
    result, worked = run()
    assert worked == [3, 4, 5]
    assert "3 of 6 chunks were there already." in result.sentences
    store = result.store
    store.path(1, FEATURES).write_bytes(b"damaged")
    result, worked = run()
    assert worked == [1]
    assert "1 damaged shard was made again." in result.sentences
    with pytest.raises(ConfigError, match="another a"):
        run(description={"a": 2})
    assert run(description={"a": 2}, restart=True)[1] == list(range(N_CHUNKS))


def test_rows_that_lie_apart_are_regrouped(run):
    result, _ = run(chunks=Numbers(together=False))
    assert "The rows of object 0 lie apart in the files" in result.sentences[-1]
    assert result.ids(FEATURES).n_unique() == 3 * N_CHUNKS
    again, worked = run(chunks=Numbers(together=False))
    assert worked == []
    assert again.chunks.together
    # What was regrouped for a job serves no other one.
    other, worked = run(chunks=Numbers(together=False), description={"a": 2}, restart=True)
    assert "lie apart in the files" in other.sentences[-1]
    assert worked.count(0) == 2


def test_ledger_finds_an_id_in_two_chunks():
    ledger = _Ledger()
    assert ledger.add(pl.Series([1, 5, 9])) is None
    assert ledger.add(pl.Series([2, 6])) is None
    assert ledger.add(pl.Series([], dtype=pl.Int64)) is None
    assert ledger.add(pl.Series([10, 11])) is None
    assert ledger.add(pl.Series([7, 6])) == 6
    words = _Ledger()
    assert words.add(pl.Series(["a", "c"])) is None
    assert words.add(pl.Series(["b", "c"])) == "c"


def test_a_folder_is_removed_by_whom_it_belongs_to(tmp_path):
    """Another process may have it as soon as it is removed, and has no record yet."""
    work = tmp_path / "work"
    with working_folder(work):
        remove_work(work)
        with working_folder(work):
            (work / "theirs").touch()
            outer = work / "lock"
            inode = outer.stat().st_ino
            with pytest.raises(ConfigError, match="another process"), working_folder(work):
                pass
            assert outer.stat().st_ino == inode
        work.mkdir()
        (work / "theirs").touch()
    assert (work / "theirs").exists()


def test_a_lock_on_a_file_that_is_gone_is_none(tmp_path):
    first, second = (Lock(tmp_path / "folder" / "lock") for _ in range(2))
    assert first.acquire(wait=False)
    (tmp_path / "folder").rename(tmp_path / "old")
    assert not first.holds()
    assert second.acquire(wait=False)
    assert second.holds()
    assert (tmp_path / "folder" / "lock").exists()
    second.release()
    first.release()


def test_one_process_at_a_time(tmp_path):
    work = tmp_path / "work"
    with (
        working_folder(work),
        pytest.raises(ConfigError, match="another process"),
        working_folder(work),
    ):
        pass
    assert not work.exists()


def test_dask_gives_the_same_and_outlives_its_workers(run):
    result, worked = run(DaskEngine(workers=2), kills_worker_at=4)
    assert sorted(set(worked)) == list(range(N_CHUNKS))
    assert worked.count(4) == 2
    assert result.ids(FEATURES).to_list() == [
        value for index in range(N_CHUNKS) for value in Numbers().read(index)
    ]


def test_dask_hands_errors_on(run):
    with pytest.raises(DataError, match="chunk 3 is bad"):
        run(DaskEngine(workers=1), fails_at=3)


def test_dask_worker_without_this_version(run, monkeypatch):
    monkeypatch.setattr(engines, "__version__", "0.0.0")
    with pytest.raises(ConfigError, match=r"has lcclassify .*, this process 0\.0\.0"):
        run(DaskEngine(workers=1))


def test_arguments_that_cannot_be(monkeypatch):
    monkeypatch.setattr(engines, "_PATIENCE", "1s")
    with pytest.raises(ConfigError, match=r"engine\.workers"):
        LocalEngine(0)
    with pytest.raises(ConfigError, match="one of the two"):
        DaskEngine(address="tcp://127.0.0.1:1", workers=2)
    engine = DaskEngine(address="tcp://127.0.0.1:1")
    with pytest.raises(ConfigError, match="no Dask scheduler that answers"):
        list(engine.run(None, [0]))
