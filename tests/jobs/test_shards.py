"""Shards are there whole or not at all, and belong to one job."""

import json
import resource

import polars as pl
import pytest

from lcclassify.errors import ConfigError, OutputError
from lcclassify.jobs.shards import ShardStore

JOB = {"survey": {"name": "a", "options": {"part": "test"}}, "bundle": "b"}


@pytest.fixture
def store(tmp_path):
    store = ShardStore(tmp_path / "work" / "shards")
    store.begin(JOB)
    return store


def write(store, index, rows=3):
    table = pl.DataFrame({"object_id": range(rows), "x": [0.5 + index] * rows})
    return store.write(index, {"features": table, "none": table[:0]}, {"n": rows}, {"read": 1.0})


def test_what_was_written_is_found(store):
    records = [write(store, 0), write(store, 7)]
    whole, damaged = ShardStore(store.folder).finished()
    assert list(whole.values()) == records
    assert not damaged
    assert whole[7].rows == {"features": 3}
    assert whole[7].account == {"n": 3}
    assert whole[7].seconds["read"] == 1.0
    assert whole[7].seconds["write"] > 0
    paths = store.paths(whole.values(), "features")
    assert pl.read_parquet(paths[1])["x"].to_list() == [7.5] * 3
    assert store.paths(whole.values(), "none") == []
    assert not list(store.folder.glob(".*"))


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda store: flip(store.path(1, "features")),
        lambda store: store.path(1, "features").unlink(),
        lambda store: store.path(1, "features").write_bytes(b""),
        lambda store: (store.folder / "000001.json").write_text("{"),
        lambda store: (store.folder / "000001.json").write_text("[]"),
        lambda store: (store.folder / "000000.json").rename(store.folder / "000001.json"),
    ],
)
def test_damage_is_noticed_once(store, damage):
    write(store, 0)
    write(store, 1)
    damage(store)
    whole, damaged = store.finished()
    assert 1 not in whole
    assert damaged == [1]
    assert store.finished()[1] == []
    record = write(store, 1)
    assert store.finished()[0][1] == record


def test_the_same_job_goes_on_and_another_one_is_refused(store):
    write(store, 0)
    (store.folder / ".000001.json.1234.partial").touch()  # of a killed process
    ShardStore(store.folder).begin(json.loads(json.dumps(JOB)))
    assert list(store.finished()[0]) == [0]
    assert not list(store.folder.glob(".*"))
    other = {"survey": {"name": "a", "options": {"part": "train"}}, "bundle": "c"}
    with pytest.raises(ConfigError, match=r"another bundle, survey.options.part: .*restart=true"):
        store.begin(other)
    assert list(store.finished()[0]) == [0]
    store.begin(other, restart=True)
    assert store.finished() == ({}, [])


def test_a_job_without_a_shard_binds_nobody(store):
    store.begin({"bundle": "other"})
    write(store, 0)
    with pytest.raises(ConfigError):
        store.begin(JOB)


def test_a_full_disk_leaves_what_is_finished(store):
    write(store, 0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, hard))
    try:
        with pytest.raises(OutputError, match=r"shards' cannot be written: .*File too large"):
            store.write(
                1, {"features": pl.DataFrame({"x": range(100_000)})}, account={}, seconds={}
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(store.finished()[0]) == [0]
    assert not list(store.folder.glob(".*"))


def test_a_place_that_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        ShardStore(tmp_path / "file" / "shards").begin(JOB)
