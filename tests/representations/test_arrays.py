"""Arrays in files are those of the safetensors library, and damage is told."""

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
    write_arrays(tmp_path / "a", ARRAYS)
    same(load_file(tmp_path / "a"))
    same(map_arrays(tmp_path / "a"))
    save_file({name: np.ascontiguousarray(array) for name, array in ARRAYS.items()}, tmp_path / "b")
    same(map_arrays(tmp_path / "b"))


def test_what_is_changed_in_memory_is_not_written(tmp_path):
    write_arrays(tmp_path / "a", ARRAYS)
    map_arrays(tmp_path / "a")["a"][:] = -1
    same(map_arrays(tmp_path / "a"))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_file_that_is_cut_short_is_none(tmp_path, share):
    write_arrays(tmp_path / "a", ARRAYS)
    content = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(content[: int(share * len(content))])
    with pytest.raises((OSError, ValueError)):
        map_arrays(tmp_path / "a")
    (tmp_path / "a").write_bytes(b"\xff" * 50)
    with pytest.raises(ValueError, match="header"):
        map_arrays(tmp_path / "a")
