"""A prepared set on disk is whole and unchanged, or it is not there."""

import itertools
import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from lcclassify.representations import prepared as module
from lcclassify.representations.prepared import ARRAYS, NAMES, OBJECTS, PreparedSet, cache_key

FILES = (ARRAYS, OBJECTS, NAMES)


def make_set(n_objects=4, ids=None, n_context=2):
    rng = np.random.default_rng(n_objects)
    lengths = rng.integers(1, 6, n_objects)
    features = rng.normal(size=(n_objects, 3))
    features[:1, 1] = np.nan
    return PreparedSet(
        object_ids=pl.Series(
            "object_id", range(n_objects) if ids is None else ids, pl.String if ids else pl.Int64
        ),
        features=features,
        feature_names=("a", "b", "c"),
        context=rng.normal(size=(n_objects, n_context)),
        context_names=tuple("xyz"[:n_context]),
        sequences=rng.normal(size=(lengths.sum(), 5)).astype(np.float32),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        channel_names=tuple("defgh"),
    )


def assert_equal_sets(one, other):
    assert one.object_ids.equals(other.object_ids)
    assert one.object_ids.dtype == other.object_ids.dtype
    for name in ("features", "context", "sequences", "offsets"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
        assert getattr(one, name).dtype == getattr(other, name).dtype
    for name in ("feature_names", "context_names", "channel_names"):
        assert getattr(one, name) == getattr(other, name)


@pytest.mark.parametrize(
    "original",
    [make_set(), make_set(ids=["a", "ü", "SN 7", "z"]), make_set(n_context=0), make_set(0)],
    ids=["integers", "strings", "no context", "no objects"],
)
def test_save_and_load(tmp_path, original):
    original.save(tmp_path / "cache" / "key")
    loaded = PreparedSet.load(tmp_path / "cache" / "key")
    assert_equal_sets(loaded, original)
    assert len(loaded) == len(original.object_ids)
    assert loaded.lengths.tolist() == np.diff(original.offsets).tolist()
    assert sorted(path.name for path in (tmp_path / "cache").rglob("*")) == sorted(["key", *FILES])


def test_arrays_of_any_memory_layout_are_saved_as_they_read(tmp_path):
    original = make_set()
    columns_first = replace(
        original,
        features=np.asfortranarray(original.features),
        sequences=np.asfortranarray(original.sequences),
        context=original.context.repeat(2, axis=1)[:, ::2],
    )
    columns_first.save(tmp_path / "set")
    assert_equal_sets(PreparedSet.load(tmp_path / "set"), original)


@pytest.mark.parametrize("more", [0, 3])
def test_sets_together_are_their_rows_one_after_the_other(more):
    """In arrays that are large enough."""
    parts = [make_set(4), make_set(1), make_set(0), make_set(6)]
    nights = sum(len(part.sequences) for part in parts)
    whole = PreparedSet.together(iter(parts), 11 + more, nights + more)
    assert len(whole) == 11
    assert whole.offsets.tolist() == [0, *np.cumsum([n for part in parts for n in part.lengths])]
    assert whole.object_ids.to_list() == [i for part in parts for i in part.object_ids]
    for name in ("features", "context", "sequences"):
        expected = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(getattr(whole, name), expected)
        assert getattr(whole, name).dtype == expected.dtype
    assert_equal_sets(PreparedSet.together(parts[:1], 4, nights), parts[0])
    with pytest.raises(ValueError, match="no set"):
        PreparedSet.together([], 1, 1)


def test_there_is_none(tmp_path):
    assert PreparedSet.load(tmp_path / "nothing") is None
    (tmp_path / "empty").mkdir()
    assert PreparedSet.load(tmp_path / "empty") is None
    (tmp_path / "file").write_text("no folder")
    assert PreparedSet.load(tmp_path / "file") is None


@pytest.mark.parametrize("name", FILES)
def test_a_missing_or_truncated_file_is_no_set(tmp_path, name):
    make_set().save(tmp_path / "set")
    file = tmp_path / "set" / name
    content = file.read_bytes()
    for length in sorted({0, 1, 7, 8, len(content) // 2, len(content) - 1}):
        file.write_bytes(content[:length])
        assert PreparedSet.load(tmp_path / "set") is None, length
    file.unlink()
    assert PreparedSet.load(tmp_path / "set") is None
    file.write_bytes(content)
    assert PreparedSet.load(tmp_path / "set") is not None


@pytest.mark.parametrize("name", [ARRAYS, OBJECTS])
def test_a_single_changed_byte_is_no_set(tmp_path, name):
    make_set().save(tmp_path / "set")
    file = tmp_path / "set" / name
    content = file.read_bytes()
    for position in (0, len(content) // 2, len(content) - 1):
        changed = bytearray(content)
        changed[position] ^= 1
        file.write_bytes(changed)
        assert PreparedSet.load(tmp_path / "set") is None


@pytest.mark.parametrize(
    "change",
    [
        lambda names: names | {"format_version": names["format_version"] + 1},
        lambda names: names | {"format_version": 1},
        lambda names: {key: names[key] for key in names if key != "format_version"},
        lambda names: {key: names[key] for key in names if key != "features"},
        lambda names: {key: names[key] for key in names if key != "sha256"},
        lambda names: names | {"features": ["a", "b"]},
        lambda names: names | {"channels": []},
        lambda names: names | {"context": None},
        lambda names: [],
        lambda names: None,
        lambda names: "names",
    ],
)
def test_another_version_or_other_names_are_no_set(tmp_path, change):
    make_set().save(tmp_path / "set")
    file = tmp_path / "set" / NAMES
    file.write_text(json.dumps(change(json.loads(file.read_text()))))
    assert PreparedSet.load(tmp_path / "set") is None


def test_saving_replaces(tmp_path):
    make_set(4).save(tmp_path / "set")
    make_set(9).save(tmp_path / "set")
    assert_equal_sets(PreparedSet.load(tmp_path / "set"), make_set(9))
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError("no space left on device")])
@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("place", ["arrays", "objects", "names", "rename"])
def test_a_failure_leaves_no_half_folder(tmp_path, monkeypatch, error, existing, place):
    if existing:
        make_set(4).save(tmp_path / "set")

    def fail(*args, **kwargs):
        raise error

    with monkeypatch.context() as patch:
        if place == "arrays":
            patch.setattr(module, "write_arrays", fail)
        elif place == "objects":
            patch.setattr(pl.DataFrame, "write_parquet", fail)
        elif place == "names":
            patch.setattr(module.Path, "write_text", fail)
        else:
            patch.setattr(module.Path, "rename", fail)
        with pytest.raises(type(error) if isinstance(error, OSError) else error):
            make_set(9).save(tmp_path / "set")
    assert [path.name for path in tmp_path.iterdir()] == (["set"] if existing else [])
    if existing:
        assert_equal_sets(PreparedSet.load(tmp_path / "set"), make_set(4))


def test_a_failure_between_the_two_renames_brings_the_old_set_back(tmp_path, monkeypatch):
    make_set(4).save(tmp_path / "set")
    rename = module.Path.rename
    calls = itertools.count()

    def fail_second(self, target):
        if next(calls) == 1:
            raise OSError("the disk is gone")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(module.Path, "rename", fail_second)
        with pytest.raises(OSError, match="the disk is gone"):
            make_set(9).save(tmp_path / "set")
    assert_equal_sets(PreparedSet.load(tmp_path / "set"), make_set(4))
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_place_that_cannot_be_written_is_an_os_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        make_set().save(tmp_path / "file" / "set")

    def full_disk(*args):
        raise OSError("no space left")

    monkeypatch.setattr(module, "write_arrays", full_disk)
    with pytest.raises(OSError, match="no space left"):
        make_set().save(tmp_path / "set")


def test_parts_are_saved_as_one_set(tmp_path):
    whole = make_set(9)
    parts = []
    for first, last in ((0, 4), (4, 5), (5, 9)):
        begin, end = whole.offsets[first], whole.offsets[last]
        part = replace(
            whole,
            object_ids=whole.object_ids[first:last],
            features=whole.features[first:last],
            context=whole.context[first:last],
            sequences=whole.sequences[begin:end],
            offsets=whole.offsets[first : last + 1] - begin,
        )
        parts.append(part)
    PreparedSet.save_parts(iter(parts), tmp_path / "set")
    assert_equal_sets(PreparedSet.load(tmp_path / "set"), whole)


PARTS = {
    "survey": {"files": [["a.csv", 10, 17]], "metadata": ["z"]},
    "representation": {"noise": 0.5, "passbands": ["g", "r"]},
    "objects": [1, 2, 3],
    "version": "0.1",
}


def test_the_key_changes_with_every_part():
    variants = [
        PARTS,
        PARTS | {"survey": {"files": [["a.csv", 10, 18]], "metadata": ["z"]}},
        PARTS | {"survey": {"files": [["a.csv", 10, 17]], "metadata": []}},
        PARTS | {"representation": {"noise": 0.5000001, "passbands": ["g", "r"]}},
        PARTS | {"representation": {"noise": 0.5, "passbands": ["r", "g"]}},
        PARTS | {"representation": {"noise": None, "passbands": ["g", "r"]}},
        PARTS | {"objects": [1, 2]},
        PARTS | {"objects": ["1", "2", "3"]},
        PARTS | {"version": "0.2"},
        PARTS | {"more": None},
        PARTS | {"more": float("nan")},  # such as the number that stands for no redshift
        PARTS | {"more": float("inf")},
        PARTS | {"more": -float("inf")},
        {key: PARTS[key] for key in ("survey", "representation", "objects")},
    ]
    keys = [cache_key(parts) for parts in variants]
    assert len(set(keys)) == len(keys)
    assert all(key.isalnum() for key in keys)
    assert cache_key(dict(reversed(PARTS.items()))) == keys[0]


def test_a_part_that_is_no_plain_value_is_refused():
    with pytest.raises(TypeError, match="not JSON serializable"):
        cache_key(PARTS | {"objects": np.arange(3)})
