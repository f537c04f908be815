"""The recipes of CONTRIBUTING.md, followed to the letter in a copy of the repository.

The first line of a recipe's code tells where it goes: ``# PATH``, a new file; ``# PATH, at the
end``; ``# PATH, among the imports``; ``# PATH, in NAME``, a last entry of that table.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import textwrap
from pathlib import Path

import polars as pl
import pytest
import yaml

ROOT = Path(__file__).parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
QUICK = ["features=reference", "split.folds=2", "split.test_fraction=0.25", "trainer.workers=1"]
RECIPES = ("A survey without Python", "A feature", "A network", "A loss", "A figure")
QUIET = ["evaluation.figures=false", "evaluation.report=false", "tensorboard=false"]


def recipe(title: str) -> list[tuple[str, str, str]]:
    """Return (path, place, code) of every block of a section that tells where it goes."""
    section = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", CONTRIBUTING, re.M | re.S)
    assert section, f"CONTRIBUTING.md has no section '{title}'"
    found = []
    for block in re.findall(r"^ *```\w+\n.*?^ *```$", section[1], re.M | re.S):
        code = "\n".join(textwrap.dedent(block).splitlines()[1:-1]) + "\n"
        first, _, rest = code.partition("\n")
        told = re.fullmatch(r"# (\S+?\.\w+)(?:, (.+))?", first)
        if told:
            found.append((told[1], told[2] or "", rest))
    assert found, f"'{title}' has no code with a place"
    return found


def entered(source: str, name: str, entry: str) -> str:
    """Return a module's text with a last entry in the table that is assigned to a name."""
    (table,) = (
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and isinstance(node.value, ast.Dict | ast.List | ast.Set | ast.Tuple)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and target.id == name
    )
    lines = source.splitlines(keepends=True)
    line = lines[table.end_lineno - 1].encode()
    before, bracket = line[: table.end_col_offset - 1].decode(), line[table.end_col_offset - 1 :]
    comma = "" if "".join([*lines[: table.end_lineno - 1], before]).rstrip().endswith(",") else ", "
    lines[table.end_lineno - 1] = f"{before}{comma}{entry.strip()}{bracket.decode()}"
    return "".join(lines)


def imported(source: str, line: str) -> str:
    """Return a module's text with an import after its last one."""
    last = [
        node.end_lineno
        for node in ast.parse(source).body
        if isinstance(node, ast.Import | ast.ImportFrom)
    ][-1]
    lines = source.splitlines(keepends=True)
    return "".join([*lines[:last], line, *lines[last:]])


def follow(title: str, checkout: Path) -> None:
    """Do what a recipe tells in a copy of the repository."""
    for path, place, code in recipe(title):
        file = checkout / path
        if not place:
            assert not file.exists(), f"{path} is there already"
            file.write_text(code, encoding="utf-8")
            continue
        source = file.read_text(encoding="utf-8")
        if place == "at the end":
            source = f"{source}\n\n{code}"
        elif place == "among the imports":
            source = imported(source, code)
        else:
            source = entered(source, place.removeprefix("in "), code)
        file.write_text(source, encoding="utf-8")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what recipes change, compiled code with it, in which all were followed."""
    checkout = tmp_path_factory.mktemp("recipes") / "checkout"
    for name in ("src", "conf", "tests"):
        shutil.copytree(ROOT / name, checkout / name)
    for name in ("train.py", "predict.py", "pyproject.toml"):
        shutil.copy2(ROOT / name, checkout / name)
    for title in RECIPES:
        follow(title, checkout)
    return checkout


@pytest.fixture(scope="module")
def command(checkout, interpreter):
    """Run a script of the copy, or one that imports the copy's package."""
    environment = os.environ | {"PYTHONPATH": str(checkout / "src"), "OMP_NUM_THREADS": "1"}
    with interpreter(environment, checkout) as start:

        def run(script, *words):
            done = start(checkout / script, *words)
            assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
            return done.stdout

        yield run


@pytest.mark.slow
def test_what_recipes_add_is_tested(command, tmp_path):
    """Tests of the copy all pass, and those that a recipe names are among them."""
    wanted = {
        "representations/features/test_shape.py": ("brightest", 10),
        "nn/test_networks.py": ("nightly", 10),
        "nn/test_losses.py": ("brier or conf_has", 6),
        "evaluation/test_figures.py": ("saved_files or one_class_only", 4),
        "test_conf.py": ("model/nightly or loss/brier", 2),  # alone, which the stack below is not
    }
    names = [f"tests/{name}" for name in wanted]
    chosen = " or ".join(words for words, _ in wanted.values())
    tests = tmp_path / "tests.py"
    tests.write_text("import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))")
    shown = command(tests, "-v", "-p", "no:cacheprovider", *names, "-k", chosen)
    assert not re.search(r"FAILED|ERROR|SKIPPED", shown), shown
    for name, (_, least) in wanted.items():
        assert len(re.findall(rf"^tests/{name}::.* PASSED", shown, re.M)) >= least, shown


@pytest.mark.slow
def test_a_survey_without_python(checkout, command, survey_folder, tmp_path):
    (path,) = (path for path, _, _ in recipe("A survey without Python"))
    described = yaml.safe_load((checkout / path).read_text())
    assert described["defaults"][0] == "table"
    # Tables with the names that the description has.
    columns = described["columns"]
    observations = pl.read_csv(survey_folder / "observations.csv")
    objects = pl.read_csv(survey_folder / "objects.csv")
    (redshift,) = described["metadata"].values()
    theirs = {ours: columns.get(ours, ours) for ours in observations.columns}
    data = tmp_path / "data"
    data.mkdir()
    observations.rename(theirs).write_csv(data / described["observations"])
    renamed = {"object_id": theirs["object_id"], "type": columns["label"], "photoz": redshift}
    objects.rename(renamed).write_csv(data / described["objects"])

    name = Path(path).stem
    survey = [f"survey={name}", f"survey.root={data}", f"paths.cache_dir={tmp_path / 'cache'}"]
    small = [*QUICK, *QUIET, "trainer.accelerator=cpu", "model=dense", "model.fit.epochs=2"]
    command("train.py", *survey, *small, f"paths.output_dir={tmp_path / 'run'}")
    output = tmp_path / "out.csv"
    command("predict.py", survey[0], survey[1], f"bundle={tmp_path / 'run' / 'bundle'}",
        f"output={output}", "report=false")  # fmt: skip
    assert len(pl.read_csv(output)) == len(objects)


@pytest.mark.slow
def test_a_stack_of_what_recipes_add(command, survey_words, survey_folder, tmp_path):
    """The feature, the network and the loss are chosen by their names, and kept in a bundle."""
    words = [word for word in QUICK if not word.startswith("features=")]
    words += [*survey_words(survey_folder), *QUIET, "trainer.accelerator=cpu"]
    words += ["representation.features=[reference,brightest]", "stacking.refit=0"]
    words += ["+model@model.members.nightly=nightly", "loss@model.members.dense.loss=brier"]
    words += ["~model.members.bigru", "~model.members.trees", "model.head.shrinkage.folds=2"]
    words += [f"model.members.{name}.fit.epochs=2" for name in ("nightly", "dense")]
    out = tmp_path / "run"
    command("train.py", *words, f"paths.output_dir={out}")
    bundle = yaml.safe_load((out / "bundle" / "bundle.yaml").read_text())
    assert {"brightest_g", "brightest_r"} <= set(bundle["feature_names"])
    config = yaml.safe_load((out / "config.yaml").read_text())["model"]["members"]
    assert config["dense"]["loss"]["_target_"] == "lcclassify.nn.losses.BrierLoss"
    assert "2 members (dense, nightly)" in (out / "bundle" / "MODEL_CARD.md").read_text()
    load = tmp_path / "load.py"
    load.write_text("import lcclassify, sys; print(lcclassify.load(sys.argv[1]).classes)")
    assert "flat" in command(load, out / "bundle")


def test_entries_go_before_the_closing_bracket():
    assert entered('A: Final = (B, "c")\n', "A", '"d",\n') == 'A: Final = (B, "c", "d",)\n'
    assert entered("A = {\n    1: 2,\n}\n", "A", "3: 4,") == "A = {\n    1: 2,\n3: 4,}\n"
