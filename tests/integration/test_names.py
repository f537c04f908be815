"""Names of classes, passbands, files and folders are names, whatever the locale."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lcclassify.errors import LcclassifyError

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CLASSES = ("B[e]", "[WC]", "SN [/II]", "$A^$", "_b^c é☉")
PASSBANDS = ("g[1]", "r_{x}", "$i$")
FOLDER = "q?1 [x] #%20 k=v"
N = 60
SURVEY = (
    "survey=table",
    "survey.observations='obs [1]*?.csv'",
    "survey.objects='objects #%20=.csv'",
    f"survey.passbands=[{','.join(repr(name) for name in PASSBANDS)}]",
    "survey.columns.label=class",
)
QUIET = ("evaluation.figures=false", "evaluation.report=false", "tensorboard=false")


def write_survey(folder):
    rng = np.random.default_rng(0)
    parts = []
    for number in range(N):
        kind, n = number % len(CLASSES), int(rng.integers(12, 20))
        mjd = np.sort(59000 + rng.uniform(0, 100, n))
        light = 100 * (kind + 1) * np.exp(-0.5 * ((mjd - 59050) / (5 + 4 * kind)) ** 2)
        parts.append(
            pl.DataFrame(
                {
                    "object_id": [number] * n,
                    "mjd": mjd,
                    "passband": rng.choice(PASSBANDS, n),
                    "flux": light + rng.normal(0, 5, n),
                    "flux_err": [5.0] * n,
                }
            )
        )
    pl.concat(parts).write_csv(folder / "obs [1]*?.csv")
    labels = [CLASSES[number % len(CLASSES)] for number in range(N)]
    objects = pl.DataFrame({"object_id": range(N), "class": labels})
    objects.write_csv(folder / "objects #%20=.csv")


@pytest.fixture
def in_ascii(interpreter, tmp_path):
    """Run a script in a locale that knows ASCII only, by an interpreter that was started in it."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG"))}
    environment |= {
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "OMP_NUM_THREADS": "1",
    }
    with interpreter(environment, tmp_path) as run:
        told = tmp_path / "encoding.py"
        told.write_text("import locale; print(locale.getpreferredencoding(False))")
        assert run(told).stdout == "ANSI_X3.4-1968\n"
        yield run


@pytest.fixture(params=["C", "the tests' own"])
def run(request, train_command, tmp_path):
    """Run a script in a locale that knows ASCII only, or in that of the tests."""

    def in_ascii(script, words):
        done = request.getfixturevalue("in_ascii")(ROOT / script, *words)
        return done.returncode, done.stdout, done.stderr

    def in_the_tests_own(script, words):
        done = train_command(*words, folder=tmp_path, script=script)
        return done.returncode, done.stdout, done.stderr

    def begun(script, folder, *words):
        quoted = [f"{key}='{v}'" if isinstance(v, Path) else f"{key}={v}" for key, v in words]
        start = in_ascii if request.param == "C" else in_the_tests_own
        code, shown, error = start(script, [*SURVEY, f"survey.root='{folder}'", *quoted])
        assert (code, error) == (0, "")
        return shown

    return begun


def test_a_run_with_names_that_look_like_something_else(run, tmp_path):
    folder = tmp_path / FOLDER
    folder.mkdir()
    write_survey(folder)
    out, cache = folder / "out [r] 100%", folder / "cache *"
    words = [
        ("model", "dense"), ("model.fit.epochs", 1), ("stacking.mode", "holdout"),
        ("split.validation_fraction", 0.2), ("trainer.workers", 1),
        ("paths.output_dir", out), ("paths.cache_dir", cache),
    ]  # fmt: skip
    for _ in range(2):  # the second time from the cache, with the split of the first
        shown = run("train.py", folder, *words)
        for name in CLASSES[:4]:
            assert name in shown
        report = (out / "report.txt").read_text(encoding="utf-8")
        for name in CLASSES:
            assert name in report
        split = out / "splits.parquet"
        words[-2:] = [
            ("paths.output_dir", folder / "again"), ("paths.cache_dir", cache),
            ("split.file", split), *(tuple(word.split("=")) for word in QUIET),
        ]  # fmt: skip
        previous, out = out, folder / "again"
    assert len(list((folder / "out [r] 100%" / "figures").glob("*.png"))) >= 5
    output = folder / "pred [1]?.parquet"
    run("predict.py", folder, ("bundle", previous / "bundle"), ("output", output))
    table = pl.read_parquet(output.read_bytes())
    assert table.columns[1:6] == [f"class_{name}" for name in sorted(CLASSES)]
    assert len(table) == N
    scores = json.loads((folder / "pred [1]?.metrics.json").read_text(encoding="utf-8"))
    assert "recall/_b^c é☉" in json.dumps(scores, ensure_ascii=False)


def test_folders_that_a_pattern_would_mix_up(tmp_path, run_train):
    """A split in ``run[1]`` is not that in ``run1``."""
    write_survey(tmp_path)
    common = [
        *SURVEY, f"survey.root='{tmp_path}'", "model=dense", "model.fit.epochs=1",
        "stacking.mode=holdout", "split.validation_fraction=0.2", "features=reference",
        "trainer.workers=1", *QUIET, f"paths.cache_dir='{tmp_path}/cache'",
    ]  # fmt: skip

    def trained(name, *words):
        run_train(None, *common, f"paths.output_dir='{tmp_path / name}'", *words)
        return pl.read_parquet((tmp_path / name / "splits.parquet").read_bytes())["role"]

    one, other = trained("run1", "seed=1"), trained("run[1]", "seed=2")
    third = trained("third", "seed=1", f"split.file='{tmp_path}/run[1]/splits.parquet'")
    assert third.equals(other)
    assert not third.equals(one)
    # The message that names a folder names it in words that can be typed.
    with pytest.raises(LcclassifyError) as told:
        trained("run[1]")
    assert f"'resume='\"'\"'{tmp_path}/run[1]'\"'\"''" in str(told.value)


def test_a_training_goes_on_when_nobody_reads_on(tmp_path):
    write_survey(tmp_path)
    out = tmp_path / "run"
    words = [
        *SURVEY, f"survey.root={tmp_path}", "model=dense", "model.fit.epochs=1",
        "stacking.mode=holdout", "split.validation_fraction=0.2", "features=reference",
        "trainer.workers=1", "evaluation.figures=false", f"paths.output_dir={out}",
        f"paths.cache_dir={tmp_path / 'c'}",
    ]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline().startswith(b"table: 60 objects")
    process.stdout.close()
    error = process.stderr.read()
    assert (process.wait(), error) == (0, b"")
    assert (out / "bundle").is_dir()
    assert (out / "report.txt").is_file()
