"""The documents are right: commands compose, keys are all there, links lead somewhere."""

from __future__ import annotations

import ast
import re
import shlex
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from lcclassify.build import config_dir, instantiate
from lcclassify.cli import register_resolvers, with_experiment
from lcclassify.errors import ConfigError
from lcclassify.tasks.plan import make_plan
from lcclassify.verbs import VERBS

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
# Benchmarks and examples have options of their own and no configuration to compose.
PROGRAM = re.compile(
    r"^(?:python (?!benchmarks/|docs/examples/)(?:\S*/)?(\w+)\.py|lcclassify (\w+))\s"
)


@dataclass(frozen=True)
class Block:
    """A fenced code block of a document."""

    document: Path
    language: str
    text: str


def blocks() -> list[Block]:
    found = []
    fence = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.M | re.S)
    for document in DOCUMENTS:
        for indent, language, text in fence.findall(document.read_text()):
            lines = [line.removeprefix(indent) for line in text.splitlines()]
            found.append(Block(document, language, "\n".join(lines) + "\n"))
    return found


def commands() -> list[tuple[str, list[str]]]:
    """Return (configuration, words) of every command, in code blocks and inline code."""
    texts = [block.text.replace("\\\n", " ") for block in blocks()]
    for document in DOCUMENTS:
        prose = re.sub(r"```.*?```", "", document.read_text(), flags=re.S)
        texts += [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose)]
    found = []
    for text in texts:
        for line in text.splitlines():
            match = PROGRAM.match(line)
            if match:
                found.append((match[1] or match[2], shlex.split(line[match.end() :])))
    return found


def composed(name: str, words: list[str], folder: Path):
    """Compose a command's configuration; of a sweep, that of its first job."""
    words = with_experiment(words) if name == "train" else list(words)
    if "--config-dir" in words:
        position = words.index("--config-dir")
        words[position : position + 2] = [f"hydra.searchpath=[file://{folder}]"]
    sweep = "-m" in words
    # The launcher for SLURM is not installed here.
    left_out = ("-m", "--help", "--hydra-help", "--cfg", "job", "hydra/launcher=submitit_slurm")
    words = [word for word in words if word not in left_out]
    if sweep:
        overrides = OverridesParser.create().parse_overrides(words)
        words = [
            f"{override.get_key_element()}={next(iter(override.sweep_string_iterator()))}"
            if override.is_sweep_override()
            else override.input_line
            for override in overrides
        ]
    register_resolvers()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose(name, overrides=words)


@pytest.fixture
def own_surveys(tmp_path):
    """A folder with the YAML files that documents show, for --config-dir."""
    for block in blocks():
        path = re.match(r"# my_conf/(\S+\.yaml)\n", block.text)
        if block.language == "yaml" and path:
            (tmp_path / path[1]).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path[1]).write_text(block.text)
    return tmp_path


# --- commands -----------------------------------------------------------------------


def test_there_are_commands_of_every_kind():
    names = [name for name, _ in commands()]
    assert set(VERBS) == set(names)
    assert len(names) >= 20


@pytest.mark.parametrize(
    ("name", "words"), commands(), ids=[" ".join((n, *w))[:70] for n, w in commands()]
)
def test_commands_compose_and_their_values_are_accepted(name, words, own_surveys):
    if any("..." in word or "THIS" in word for word in words):
        pytest.skip("a pattern, not a command")
    config = composed(name, words, own_surveys)
    if config.get("survey") and not config.get("resume"):
        OmegaConf.update(config, "paths.cache_dir", str(own_surveys))
        if "survey.root" not in " ".join(words) and "root" in config.survey:
            config.survey.root = config.survey.root or "somewhere"
        instantiate(config.survey)
    if config.get("representation"):
        instantiate(config.representation)
    if name == "train":
        # What `model=best` is made of are the folders of finished searches.
        best = "model=best" in words
        expected = pytest.raises(ConfigError, match="holds no search") if best else nullcontext()
        with expected:
            make_plan(OmegaConf.to_container(config, resolve=True))


def test_a_wrong_key_would_be_noticed(own_surveys):
    with pytest.raises(Exception, match="no_such_key"):
        composed("train", ["survey.no_such_key=1"], own_surveys)


# --- configuration ------------------------------------------------------------------

GROUPS = {
    "conf/train.yaml": ["train.yaml"],
    "conf/predict.yaml": ["predict.yaml"],
    "conf/prepare.yaml": ["prepare.yaml"],
    "conf/report.yaml": ["report.yaml"],
    "conf/export.yaml": ["export.yaml"],
    "conf/explain.yaml": ["explain.yaml"],
    "conf/paths": ["paths/*.yaml"],
    "conf/trainer": ["trainer/*.yaml"],
    "conf/augment": ["augment/*.yaml"],
    "conf/model": ["model/*.yaml", "head/*.yaml"],
    "conf/loss": ["loss/*.yaml"],
    "conf/optimizer": ["optimizer/*.yaml"],
    "conf/representation": ["representation/*.yaml"],
    "conf/search": ["search/**/*.yaml"],
    "conf/survey: snphotcc": ["survey/snphotcc.yaml"],
    "conf/survey: snana": ["survey/snana.yaml", "survey/des.yaml", "survey/sdss.yaml"],
    "conf/survey: plasticc": ["survey/plasticc.yaml"],
    "conf/survey: table": ["survey/table.yaml"],
    "conf/survey: simulated": ["survey/simulated.yaml"],
    "conf/simulate.yaml": ["simulate.yaml"],
    "conf/population": ["population/*.yaml"],
    "conf/cadence": ["cadence/*.yaml"],
    "conf/hosts": ["hosts/*.yaml"],
    "conf/engine": ["engine/*.yaml"],
}


def keys_of(patterns: list[str]) -> set[str]:
    """Return the dotted keys of YAML files, groups that the defaults lists place included."""

    def leaves(value, prefix):
        if isinstance(value, dict) and value:
            for key, inner in value.items():
                yield from leaves(inner, f"{prefix}.{key}" if prefix else str(key))
        else:
            yield prefix

    found = set()
    for pattern in patterns:
        for file in CONF.glob(pattern):
            config = yaml.safe_load(file.read_text())
            defaults = config.pop("defaults", [])
            placed = [next(iter(item)) if isinstance(item, dict) else item for item in defaults]
            # These stand in a place of their own name, where their keys are documented.
            prefix = file.parent.name if file.parent.name in ("engine", "head") else ""
            if prefix == "engine":
                del config["_target_"]
            places = {key.partition("@")[2] for key in placed if "@" in key} - {"head"}
            found |= {f"{prefix}.{place}" if prefix else place for place in places}
            found |= {key for key in leaves(config, prefix) if not key.startswith("hydra")}
    return found


def documented(section: str) -> set[str]:
    text = (ROOT / "docs" / "reference" / "configuration.md").read_text()
    match = re.search(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert match, f"docs/reference/configuration.md has no section '{section}'"
    return set(re.findall(r"^\| `([^`]+)` \|", match[1], re.M))


@pytest.mark.parametrize("section", GROUPS)
def test_every_key_is_documented_and_no_other(section):
    written, said = keys_of(GROUPS[section]), documented(section)

    def covered(key, others):
        return any(key == other or key.startswith(f"{other}.") for other in others)

    missing = {key for key in written if not covered(key, said)}
    unknown = {key for key in said if not any(covered(k, {key}) for k in written)}
    assert not missing, f"not in docs/reference/configuration.md: {sorted(missing)}"
    assert not unknown, f"in no YAML file of {section}: {sorted(unknown)}"


def test_every_survey_experiment_and_model_is_named():
    text = (ROOT / "docs" / "reference" / "configuration.md").read_text()
    for group in ("survey", "experiment", "model", "loss", "search"):
        for file in (CONF / group).glob("*.yaml"):
            assert re.search(rf"[`\s]{file.stem}[`\s]", text), f"{group}/{file.stem}"


# --- text ---------------------------------------------------------------------------


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.S)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.M)
    }


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(document):
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), f"{document.name} links to {target}"
        assert not anchor or anchor in anchors(file), f"{document.name} links to {target}"


@pytest.mark.parametrize(
    "block",
    [block for block in blocks() if block.language == "python" and "..." not in block.text],
    ids=lambda block: str(block.document.relative_to(ROOT)),
)
def test_python_examples_are_python(block):
    first, _, rest = block.text.strip().partition("\n")
    # Of a recipe: an entry of a table.
    ast.parse(f"{{{rest}}}" if re.match(r"# \S+, in \w+$", first) else block.text)


def test_no_file_of_the_package_is_long():
    for file in (ROOT / "src").rglob("*.py"):
        assert len(file.read_text().splitlines()) <= 350, file


@pytest.mark.parametrize("folder", ["benchmarks", "docs/examples"])
def test_scripts_that_documents_name_exist(folder):
    named = {
        name
        for document in DOCUMENTS
        for name in re.findall(rf"{folder}/\w+\.py", " ".join(document.read_text().split()))
    }
    assert named == {f"{folder}/{path.name}" for path in (ROOT / folder).glob("*.py")}


def test_images_are_shown_and_small():
    shown = {
        (document.parent / name).resolve()
        for document in DOCUMENTS
        for name in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", document.read_text())
    }
    images = set((ROOT / "docs" / "images").iterdir())
    assert shown == images
    assert all(image.stat().st_size < 150_000 for image in images)


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150
