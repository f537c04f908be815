import hashlib
import json
import multiprocessing

import polars as pl
import pytest

from lcclassify import files
from lcclassify.errors import OutputError


class StoppedError(Exception):
    pass


def half_written(path):
    with files.replaced_file(path) as partial:
        partial.write_text("half")
        raise StoppedError


def written_too_late(folder):
    with files.new_folder(folder) as partial:
        (partial / "new.txt").touch()
        (folder / "of_somebody_else.txt").touch()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_takes_its_place_at_the_end(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("earlier")
    with files.replaced_file(path) as partial:
        partial.write_text("later")
        assert path.read_text() == "earlier"
    assert path.read_text() == "later"
    assert names(tmp_path) == ["a.txt"]


def test_a_file_that_fails_leaves_the_earlier_one(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("earlier")
    with pytest.raises(StoppedError):
        half_written(path)
    assert path.read_text() == "earlier"
    assert names(tmp_path) == ["a.txt"]


def write_often(path, text):
    for _ in range(300):
        files.write_text(path, text)


def test_processes_that_write_one_file_do_not_mix(tmp_path):
    path = tmp_path / "a.txt"
    texts = ["a" * 10_000, "b" * 10_000]
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=write_often, args=(path, text)) for text in texts]
    for process in processes:
        process.start()
    while any(process.is_alive() for process in processes):
        assert not path.exists() or path.read_text() in texts
    assert [process.exitcode for process in processes] == [0, 0]
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("earlier", [None, [], ["old.txt"]])
def test_a_folder_takes_the_place_of_an_earlier_one(tmp_path, earlier):
    folder = tmp_path / "in" / "folder"
    if earlier is not None:
        folder.mkdir(parents=True)
        for name in earlier:
            (folder / name).touch()
    with files.replaced_folder(folder) as partial:
        (partial / "new.txt").touch()
        assert not folder.exists() or names(folder) == earlier
    assert names(folder) == ["new.txt"]
    assert names(tmp_path / "in") == ["folder"]


def test_a_folder_that_fails_leaves_the_earlier_one(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "old.txt").touch()
    with pytest.raises(StoppedError), files.replaced_folder(folder):
        raise StoppedError
    assert names(folder) == ["old.txt"]
    with pytest.raises(OSError, match="No such file"), files.replaced_folder(folder) as partial:
        partial.rmdir()  # so that nothing can take the place of the earlier one
    assert names(folder) == ["old.txt"]
    assert names(tmp_path) == ["folder"]


def test_a_new_folder_takes_the_place_of_no_files(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(OSError, match="not empty"):
        written_too_late(folder)
    assert names(folder) == ["of_somebody_else.txt"]
    assert names(tmp_path) == ["folder"]


def test_what_killed_processes_left_is_removed(tmp_path):
    files.unfinished(tmp_path / "a.txt").touch()
    files.unfinished(tmp_path / "b").mkdir()
    (tmp_path / "c.txt").touch()
    files.remove_unfinished(tmp_path)
    assert names(tmp_path) == ["c.txt"]


def test_text_and_json_are_utf8(tmp_path):
    files.write_text(tmp_path / "a.txt", "10 µJy")
    assert (tmp_path / "a.txt").read_bytes() == "10 µJy".encode()
    files.write_json(tmp_path / "a.json", {"b": [1, None], "a": "µ"})
    assert json.loads((tmp_path / "a.json").read_bytes()) == {"b": [1, None], "a": "µ"}


def test_a_result_says_why_it_cannot_be_written(tmp_path):
    assert files.write_result(tmp_path / "in" / "a.txt", b"1").read_bytes() == b"1"
    with pytest.raises(OutputError, match=r"^'.*a.txt/b.txt' cannot be written: (Not|File)"):
        files.write_result(tmp_path / "in" / "a.txt" / "b.txt", b"1")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (pl.exceptions.ComputeError("IO error:  disk\nquota"), "disk quota"),
        (pl.exceptions.ComputeError("parquet: transport error"), "the disk is full or cannot"),
    ],
)
def test_reasons(tmp_path, error, reason):
    said = str(files.unwritable(tmp_path, error))
    assert said.startswith(f"'{tmp_path}' cannot be written: {reason}")


def test_the_checksum_of_a_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert files.sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.csv.gz"])
def test_a_table_grows(tmp_path, name):
    with files.GrowingTable(tmp_path / name) as table:
        for part in ({"a": [1, 2]}, {"a": []}, {"a": [3]}):
            table.write(pl.DataFrame(part, {"a": pl.Int64}))
    read = pl.read_parquet if name.endswith("parquet") else pl.read_csv
    assert read(tmp_path / name)["a"].to_list() == [1, 2, 3]
