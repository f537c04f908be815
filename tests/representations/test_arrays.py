"""Arrays in files are those of the safetensors library, and damage is told."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from lcclassify.representations.arrays import map_arrays, write_arrays

ARRAYS = {
    "a": np.arange(12.0).reshape(3, 4),
    "turned": np.arange(12.0).reshape(3, 4).T,
    "b": np.linspace(0, 1, 5, dtype=np.float32),
    "none": np.empty((0, 7), dtype=np.float32),
    "c": np.array([2**60, -1]),
}


def same(found, expected=ARRAYS):
    assert set(found) == set(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_the_library_reads_what_is_written_and_the_reverse(tmp_path):
    write_arrays(tmp_path / "a", [ARRAYS])
    same(load_file(tmp_path / "a"))
    same(map_arrays(tmp_path / "a"))
    save_file({name: np.ascontiguousarray(array) for name, array in ARRAYS.items()}, tmp_path / "b")
    same(map_arrays(tmp_path / "b"))


def test_parts_are_one_after_another(tmp_path):
    parts = [
        {"a": np.arange(6.0).reshape(2, 3), "nothing": np.empty((2, 0)), "n": np.array([1, 2])},
        {"a": np.empty((0, 3)), "nothing": np.empty((0, 0)), "n": np.array([], dtype=np.int64)},
        {"a": np.ones((3, 3)).T, "nothing": np.empty((3, 0)), "n": np.array([3, 4, 5])},
    ]
    write_arrays(tmp_path / "a", iter(parts))
    expected = {name: np.concatenate([part[name] for part in parts[::2]]) for name in parts[0]}
    same(map_arrays(tmp_path / "a"), expected)
    same(load_file(tmp_path / "a"), expected)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_is_changed_in_memory_is_not_written(tmp_path):
    write_arrays(tmp_path / "a", [ARRAYS])
    map_arrays(tmp_path / "a")["a"][:] = -1
    same(map_arrays(tmp_path / "a"))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_file_that_is_cut_short_is_none(tmp_path, share):
    write_arrays(tmp_path / "a", [ARRAYS])
    content = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(content[: int(share * len(content))])
    with pytest.raises((OSError, ValueError)):
        map_arrays(tmp_path / "a")
    (tmp_path / "a").write_bytes(b"\xff" * 50)
    with pytest.raises(ValueError, match="header"):
        map_arrays(tmp_path / "a")


def test_a_header_has_a_mebibyte_at_most(tmp_path):
    """What is longer is no header, but numbers that would be read into memory for one."""
    content = json.dumps({"a": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}}).encode()
    for length in (2**20, 2**20 + 8):
        header = length.to_bytes(8, "little") + content.ljust(length)
        (tmp_path / str(length)).write_bytes(header + np.ones(1).tobytes())
    same(map_arrays(tmp_path / str(2**20)), {"a": np.ones(1)})
    with pytest.raises(ValueError, match="header"):
        map_arrays(tmp_path / str(2**20 + 8))
