"""What is declared, pinned, shipped and installed."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import polars as pl
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import lcclassify
from lcclassify.verbs import VERBS

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REQUIRED = [Requirement(text) for text in PROJECT["dependencies"]]
EXTRAS = {
    name: [Requirement(text) for text in texts]
    for name, texts in PROJECT["optional-dependencies"].items()
}
DEV = EXTRAS["dev"]
OPTIONAL = [one for name, extra in EXTRAS.items() if name != "dev" for one in extra]
PINS = [
    line
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
]

# Import name of a distribution where it is another; tensorboard is needed by
# torch.utils.tensorboard.
IMPORT_NAMES = {
    "hydra-core": "hydra",
    "scikit-learn": "sklearn",
    "pyyaml": "yaml",
    "cmaes": "",  # by Optuna's CMA-ES
    "nested-pandas": "nested_pandas",
    "light-curve": "light_curve",
    "lsdb": "",  # calls us
    # Build the site.
    "sphinx": "",
    "furo": "",
    "myst-parser": "",
    "sphinx-copybutton": "",
}


def imported(file: Path) -> set[str]:
    """Return the full names of the modules that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def sources() -> list[Path]:
    files = sorted((ROOT / "src").rglob("*.py"))
    assert len(files) > 50
    return files


# --- declared -----------------------------------------------------------------------


def test_dependencies_are_those_imported():
    modules = {name.split(".")[0] for file in sources() for name in imported(file)}
    foreign = modules - set(sys.stdlib_module_names) - {"lcclassify", "hydra_plugins"}
    declared = {canonicalize_name(requirement.name) for requirement in REQUIRED + OPTIONAL}
    assert foreign == {IMPORT_NAMES.get(name, name) for name in declared} - {""}


def test_every_dependency_has_a_lower_bound():
    for requirement in REQUIRED + DEV + OPTIONAL:
        assert any(part.operator == ">=" for part in requirement.specifier), requirement


def test_tests_have_all_that_is_optional():
    assert {str(one) for one in OPTIONAL} <= {str(one) for one in DEV}


def test_only_build_calls_hydras_instantiate():
    callers = [
        file.relative_to(ROOT).as_posix()
        for file in sources()
        if any(name.startswith("hydra.utils") for name in imported(file))
    ]
    assert callers == ["src/lcclassify/build.py"]


def test_one_version_everywhere():
    assert lcclassify.__version__ == PROJECT["version"] == metadata.version("lcclassify")
    assert f"## [{PROJECT['version']}]" in (ROOT / "CHANGELOG.md").read_text()
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == PROJECT["version"]
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


def test_extras_that_messages_and_documents_name_exist():
    places = [*sources(), ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    named = {
        name
        for place in places
        for name in re.findall(r"lcclassify\[(\w+)\]", place.read_text(encoding="utf-8"))
    }
    assert named == set(EXTRAS) - {"dev"}


# --- pinned -------------------------------------------------------------------------


def test_constraints_are_exact_public_versions():
    names = [line.split("==")[0] for line in PINS]
    assert names == sorted(names, key=str.lower)
    assert len({canonicalize_name(name) for name in names}) == len(names)
    for line in PINS:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.]*", line), line
    assert "torch==2.13.0" in PINS


def test_constraints_hold_the_whole_tree_within_the_bounds():
    """Follow every requirement of the project and its extra from package to package."""
    pins = {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in PINS}
    seen: set[str] = set()
    waiting = [*REQUIRED, *DEV]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        assert name in pins, f"{requirement} is not pinned"
        assert requirement.specifier.contains(pins[name]), f"{requirement} but {pins[name]}"
        extras = {"", *requirement.extras}
        if name not in seen or requirement.extras:
            seen.add(name)
            for text in metadata.requires(name) or []:
                further = Requirement(text)
                marker = further.marker
                if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
                    waiting.append(further)
    assert set(pins) == seen, f"pinned and not needed: {sorted(set(pins) - seen)}"


# --- checked ------------------------------------------------------------------------


def first_lines(document: str = "README.md") -> list[str]:
    """Return the lines of a document's first block of commands."""
    return re.search(r"```bash\n(.*?)```", (ROOT / document).read_text(), re.S)[1].splitlines()


def test_ci_does_what_the_readme_says():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    text = script.read_text()
    assert "set -euo pipefail" in text
    subprocess.run(["bash", "-n", str(script)], check=True)
    # Its commands without what becomes of their output and exit code.
    lines = [re.sub(r" (>|\|\||&$).*", "", line) for line in text.splitlines()]
    tests = first_lines()[1]
    places = [lines.index(command) for command in tests.split(" && ")]
    assert places == sorted(places)
    for command in ("ruff check", "ruff format --check", "mypy", "lint-imports"):
        assert f".venv/bin/{command}" in lines
    for document in ("README.md", "CONTRIBUTING.md"):
        assert tests.rpartition("/bin/")[2] in first_lines(document)[-1]


def test_the_first_two_lines_are_complete():
    main_job, tests = (line.split(" && ") for line in first_lines())
    assert main_job[0] == tests[0] == "python3 -m venv --upgrade-deps .venv"
    assert main_job[1] == ".venv/bin/pip install -c constraints.txt -e ."
    assert tests[1] == ".venv/bin/pip install -c constraints.txt -e '.[dev]'"
    assert main_job[2:] == [".venv/bin/python train.py"]
    assert tests[2].startswith(".venv/bin/pytest")


# --- shipped ------------------------------------------------------------------------


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """The wheel, unpacked: what `pip install` would put into site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*build, "--no-index", "--quiet", "--wheel-dir", str(folder), str(ROOT)],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    # With what is compiled already, of the same source: otherwise commands would spend most of
    # their time on compiling it anew.
    for ours in sources():
        theirs = folder / "site" / ours.relative_to(ROOT / "src")
        assert theirs.read_bytes() == ours.read_bytes(), theirs
        shutil.copystat(ours, theirs)
        for code in ours.parent.glob(f"__pycache__/{ours.stem}.*.nb?"):
            (theirs.parent / "__pycache__").mkdir(exist_ok=True)
            shutil.copy2(code, theirs.parent / "__pycache__")
    return folder / "site"


@pytest.mark.slow
def test_wheel_holds_code_configuration_and_type_marker(installed):
    for suffix, inside in (("yaml", "conf"), ("py", "src/lcclassify")):
        kept = {file.relative_to(ROOT / inside) for file in (ROOT / inside).rglob(f"*.{suffix}")}
        there = installed / "lcclassify" / ("conf" if suffix == "yaml" else "")
        assert kept == {file.relative_to(there) for file in there.rglob(f"*.{suffix}")}
    assert (installed / "lcclassify" / "py.typed").is_file()
    (info,) = installed.glob("lcclassify-*.dist-info")
    assert {entry.name for entry in installed.iterdir()} == {
        "lcclassify",
        "hydra_plugins",
        info.name,
    }
    assert (installed / "hydra_plugins" / "lcclassify_search" / "sweeper.py").is_file()
    # A namespace that other distributions' plugins share.
    assert not (installed / "hydra_plugins" / "__init__.py").exists()
    assert list(info.rglob("LICENSE"))
    scripts = (info / "entry_points.txt").read_text()
    assert "lcclassify = lcclassify.verbs:main" in scripts


@pytest.mark.slow
def test_installed_commands_work_from_an_empty_folder(
    installed, tmp_path, survey_folder, dense_words
):
    def run(name, *words):
        done = subprocess.run(
            [sys.executable, "-m", "lcclassify", name, *words],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    for name in VERBS:
        assert "debug: false" in run(name, "--help")
    own = tmp_path / "own" / "survey"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text(f"defaults: [table, _self_]\nroot: {survey_folder}\n")
    words = [word for word in dense_words if not word.startswith(("survey=", "survey.root="))]
    words.append("features=reference")  # the others would be compiled anew, which takes a minute
    folder = ["--config-dir", "own"]
    run("train", *folder, "survey=mine", *words, "paths.output_dir=run")
    survey = [word for word in words if word.startswith("survey.")]
    run("predict", *folder, "survey=mine", *survey, "bundle=run/bundle", "output=out.parquet")
    assert len(pl.read_parquet(tmp_path / "out.parquet")) == 120
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [
        "out.manifest.json",
        "out.metrics.json",
        "out.parquet",
        "out.report",
        "out.report.html",
        "own",
        "run",
    ]


def test_what_is_kept_in_git_is_small_text_and_pictures_of_pages():
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if tracked.returncode:
        pytest.skip("not a checkout")
    for name in tracked.stdout.rstrip("\0").split("\0"):
        path = ROOT / name
        if not path.is_file():  # deleted and not yet committed
            continue
        picture = path.suffix == ".png" and name.startswith("docs/images/")
        assert path.stat().st_size < 150_000, f"{name} is no file for a repository"
        assert picture or b"\0" not in path.read_bytes(), f"{name} is binary"
