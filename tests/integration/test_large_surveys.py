"""Surveys in chunks, as a user meets them: killed, damaged, on a full disk, on a cluster."""

import json
import random
import re
import signal
import time

import numpy as np
import polars as pl
import pytest

from lcclassify.errors import ConfigError, DataError
from lcclassify.tasks.predict import predict
from lcclassify.tasks.prepare import prepare

pytestmark = pytest.mark.slow

N_OBJECTS = 900
CHUNKS = ("chunk_rows=400", "engine.workers=2")  # some 60 chunks
UNFINISHED = "and the same command resumes"


def observations_of(ids, rng):
    """Return observations of objects, as many as the ids are repeated."""
    n_rows = len(ids)
    return pl.DataFrame(
        {
            "object_id": ids,
            "mjd": np.round(59000 + rng.uniform(0, 200, n_rows), 4),
            "passband": rng.choice(["g", "r"], n_rows).tolist(),
            "flux": np.round(rng.normal(20, 40, n_rows), 3),
            "flux_err": np.round(rng.uniform(1, 4, n_rows), 3),
        }
    ).sort("object_id", "mjd")


def objects_of(ids, rng):
    ids = np.unique(ids)
    return pl.DataFrame({"object_id": ids, "photoz": np.round(rng.uniform(0.1, 1, len(ids)), 3)})


@pytest.fixture
def sky(written):
    rng = np.random.default_rng(5)
    ids = np.repeat(np.arange(N_OBJECTS) + 1000, rng.integers(1, 55, N_OBJECTS))
    return written(observations_of(ids, rng), objects_of(ids, rng))


@pytest.fixture
def classify(straight, compose_config, tmp_path):
    """Classify in this process; returns the result and its table."""

    def run(words, *further, output="here.parquet"):
        given = [f"bundle={straight[0]}/bundle", f"output={tmp_path / output}", "accelerator=cpu"]
        result = predict(compose_config(*words, *given, *CHUNKS, *further, name="predict"))
        return result, pl.read_parquet(result.output)

    return run


@pytest.fixture
def given(straight):
    """Return the words of `predict.py` that are not about the survey."""
    bundle = f"bundle={straight[0]}/bundle"
    return [bundle, "output=out.parquet", "accelerator=cpu", *CHUNKS]


@pytest.fixture
def start(command, given, tmp_path):
    """Start `predict.py`, with files of a limited size if asked to."""

    def begun(words, **options):
        return command(*words, *given, folder=tmp_path, script="predict.py", **options)

    return begun


def finished(tmp_path):
    return len(list((tmp_path / "out.parquet.work" / "shards").glob("[0-9]*.json")))


@pytest.fixture
def wait_for_chunks(wait_for, tmp_path):
    """Wait until so many chunks are finished, or the process is."""

    def wait(process, wanted):
        wait_for(lambda: finished(tmp_path) >= wanted, process)

    return wait


def test_killed_at_ten_random_moments(sky, classify, start, wait_for_chunks, tmp_path):
    expected = classify(sky)[0].output.read_bytes()
    rng = random.Random(8)
    kept = []
    for _ in range(10):
        process = start(sky)
        wait_for_chunks(process, (kept[-1] if kept else 0) + rng.randint(0, 6))
        time.sleep(rng.uniform(0, 0.02))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        kept.append(finished(tmp_path))
        assert not (tmp_path / "out.parquet").exists()
    assert kept == sorted(kept)
    assert kept[-1] > 5
    process = start(sky)
    said, error = process.communicate()
    assert (process.returncode, error) == (0, "")
    assert f"{kept[-1]} of " in said
    assert (tmp_path / "out.parquet").read_bytes() == expected
    assert not (tmp_path / "out.parquet.work").exists()
    assert not list(tmp_path.glob(".*"))


def test_ctrl_c_and_changed_inputs(sky, classify, start, wait_for_chunks, tmp_path):
    expected = classify(sky)[1]
    process = start(sky)
    wait_for_chunks(process, 5)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()
    assert process.returncode == 130
    assert re.match(rf"interrupted; \d+ of \d+ chunks are finished, {UNFINISHED}", error)
    assert len(error.splitlines()) == 1
    with pytest.raises(ConfigError, match=r"another chunk_rows: .* restart=true"):
        classify(sky, "chunk_rows=500", output="out.parquet")
    observations = tmp_path / "observations.csv"
    held = observations.read_text()
    observations.write_text(held.replace("59", "58", 1))
    with pytest.raises(ConfigError, match=r"another survey\.observations"):
        classify(sky, output="out.parquet")
    assert not classify(sky, "restart=true", output="out.parquet")[1].equals(expected)
    observations.write_text(held)
    assert classify(sky, output="out.parquet")[1].equals(expected)


def test_a_damaged_shard_is_made_again(sky, classify, start, wait_for_chunks, tmp_path):
    expected = classify(sky)[1]
    process = start(sky)
    wait_for_chunks(process, 5)
    process.kill()
    process.communicate()
    shards = tmp_path / "out.parquet.work" / "shards"
    whole = sorted(path.name[:6] for path in shards.glob("[0-9]*.json"))
    flipped, cut = (shards / f"{number}.predictions.parquet" for number in whole[:2])
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 1
    flipped.write_bytes(content)
    cut.write_bytes(cut.read_bytes()[:50])
    result, table = classify(sky, output="out.parquet")
    assert "2 damaged shards were made again." in result.sentences
    assert table.equals(expected)


def test_a_full_disk_ends_in_one_sentence_and_can_be_gone_on_with(sky, classify, start, tmp_path):
    sky = [*sky, "report=false"]  # whose light curves are in the shards
    expected = classify(sky)[0].output.read_bytes()
    process = start(sky, largest_file=12_000)  # a shard is smaller, the table is not
    _, error = process.communicate()
    assert process.returncode == 1
    assert len(error.splitlines()) == 1
    assert re.search(r"out\.parquet' cannot be written: .*File too large; what is", error)
    assert UNFINISHED in error
    n_finished = finished(tmp_path)
    assert n_finished > 10
    process = start(sky)
    said, error = process.communicate()
    assert (process.returncode, error) == (0, "")
    assert f"{n_finished} of {n_finished} chunks were there already." in said
    assert (tmp_path / "out.parquet").read_bytes() == expected


def test_dask_gives_the_same_table_and_keeps_its_logs_to_itself(
    sky, classify, given, train_command, tmp_path
):
    expected = classify(sky)[0].output.read_bytes()
    done = train_command(
        *sky, *given, "engine=dask", folder=tmp_path, script="predict.py", new=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout
    last = [line.split(":")[0] for line in said.splitlines()[-3:]]
    assert last == ["Time", "Predictions", "Report"]
    assert "Scheduler" not in said
    assert (tmp_path / "out.parquet").read_bytes() == expected


@pytest.mark.compiles
def test_objects_of_all_sizes_in_any_order(written, classify, compose_config, tmp_path):
    rng = np.random.default_rng(6)
    ids = np.concatenate(
        [np.full(100_000, 7), np.arange(1000) + 10, np.repeat(np.arange(30) + 2000, 40)]
    )
    observations, objects = observations_of(ids, rng), objects_of(ids, rng)
    result, table = classify(written(observations, objects), "chunk_rows=5000")
    assert (result.n_objects, result.n_scored) == (1031, 1031)
    shuffled = written(observations.sample(fraction=1, shuffle=True, seed=1), objects)
    other, mixed = classify(shuffled, "chunk_rows=5000", output="mixed.parquet")
    assert any("lie apart in the files" in sentence for sentence in other.sentences)
    assert mixed["object_id"].equals(table["object_id"])
    left, right = (frame.select("^class_.*$").to_numpy() for frame in (table, mixed))
    np.testing.assert_allclose(left, right, atol=1e-6)
    words = [*shuffled, "representation.sequences.redshift=photoz", *CHUNKS, "chunk_rows=5000"]
    prepared = prepare(compose_config(*words, f"output={tmp_path / 'prepared'}", name="prepare"))
    assert prepared.n_objects == 1031
    features = pl.read_parquet(tmp_path / "prepared" / "features.parquet")
    assert features.filter(pl.col("object_id") == 7)["mjd_size"].item() == 100_000


def test_corrupt_lines_stop_or_are_listed_and_counted(sky, classify, tmp_path):
    expected = classify(sky)[1]
    path = tmp_path / "observations.csv"
    header, *lines = path.read_text().splitlines()
    rng = random.Random(2)
    bad = sorted(rng.sample(range(len(lines)), len(lines) // 100))
    kinds = ("{},59000,g,12", "{},59000,g,1#2,3,", "{},59000,q,1,1", "{},1,g,1,1,1,1", "\0")
    for number, line in enumerate(bad):  # further lines, so that the good ones stay
        own = lines[line].partition(",")[0]
        lines[line] += "\n" + kinds[number % len(kinds)].format(own)
    path.write_text("\n".join([header, *lines]) + "\n")
    with pytest.raises(DataError, match=r"observations\.csv, line \d+"):
        classify(sky, output="stopped.parquet")
    result, table = classify(sky, "on_error=quarantine", output="listed.parquet")
    left, right = (frame.select("^class_.*$").to_numpy() for frame in (table, expected))
    np.testing.assert_allclose(left, right, atol=1e-6)
    rejects = pl.read_csv(result.rejects)
    positions = [line + 3 + number for number, line in enumerate(bad)]  # header, from 1, behind
    assert rejects["line"].to_list() == positions
    assert rejects["reason"].null_count() == 0
    manifest = json.loads((tmp_path / "listed.manifest.json").read_text())
    assert manifest["rows_rejected"] == len(bad)
    assert manifest["rows_read"] == len(lines)
    assert f"{len(bad):,} rows of the files could not be read" in " ".join(result.sentences)
