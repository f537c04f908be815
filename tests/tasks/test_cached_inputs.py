"""Prepared objects are kept in the cache where it can be written, and are the same without it."""

import io

import pytest
from rich.console import Console

from lcclassify.representations import prepared
from lcclassify.tasks import inputs
from lcclassify.tasks.train import train


@pytest.fixture
def trained(compose_config, dense_words):
    def run(folder, cache):
        words = [*dense_words, f"paths.cache_dir={cache}", f"paths.output_dir={folder}"]
        shown = io.StringIO()
        train(compose_config(*words), words, Console(file=shown, width=200))
        return (folder / "bundle/weights.safetensors").read_bytes(), shown.getvalue()

    return run


@pytest.mark.parametrize("fault", ["no folder", "full after a part"])
def test_the_same_where_the_cache_cannot_be_written(tmp_path, monkeypatch, trained, fault):
    monkeypatch.setattr(inputs, "_PART", 25)  # objects: several parts
    weights, shown = trained(tmp_path / "run", tmp_path / "cache")
    assert "not cached" not in shown
    assert list((tmp_path / "cache" / "prepared").iterdir())

    cache = tmp_path / "other"
    if fault == "no folder":
        cache.write_text("")
    else:
        original = prepared.write_arrays

        def full(path, parts):
            next(parts)
            original(path, [])
            raise OSError("no space left on device")

        monkeypatch.setattr(prepared, "write_arrays", full)
    again, shown = trained(tmp_path / "again", cache)
    assert "the prepared set is not cached" in shown
    assert again == weights
    assert fault == "no folder" or not list((cache / "prepared").iterdir())


def test_what_other_code_prepared_is_not_used(tmp_path, trained, other_code):
    trained(tmp_path / "run", tmp_path / "cache")
    trained(tmp_path / "second", tmp_path / "cache")
    assert len(list((tmp_path / "cache" / "prepared").iterdir())) == 1
    other_code()
    trained(tmp_path / "third", tmp_path / "cache")
    assert len(list((tmp_path / "cache" / "prepared").iterdir())) == 2
