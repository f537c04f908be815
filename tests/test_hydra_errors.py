"""Each sentence about a wrong command line, from the very errors that Hydra raises."""

import sys

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException

from lcclassify.build import config_dir
from lcclassify.cli import register_resolvers
from lcclassify.errors import ConfigError
from lcclassify.hydra_errors import is_null_choice, sentence


@pytest.fixture
def error(monkeypatch):
    """Return what Hydra raises over the words of a command."""

    def raised(command, words):
        monkeypatch.setattr(sys, "argv", [command, *words])
        register_resolvers()
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(config_dir()), version_base="1.3"):
            try:
                compose(command, [word for word in words if word != "-m"])
            except (HydraException, ValueError) as fault:
                return fault
        pytest.fail(f"Hydra takes {words}")

    return raised


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["model=dens"], "model has no choice 'dens': did you mean 'dense'? known: best, bigru, "),
        (["loss@model.head.loss=focl"], "loss has no choice 'focl': did you mean 'focal'? known: "),
        (["seed"], "'seed' cannot be read: a setting is KEY=VALUE"),
        (
            ['survey.class_map={"a":b}'],
            "'survey.class_map={\"a\":b}' cannot be read as a list or mapping: keys stand without ",
        ),
        (
            ["survey.seed=x'=y"],
            "'survey.seed=x'=y' cannot be read: a value with blanks, brackets, '=' or the like "
            "stands in quotes within quotes for the shell: \"survey.seed='x\\'=y'\"",
        ),
        (
            ["survey=table", "survey.observations={object_id}.csv"],
            "'survey.observations={object_id}.csv' cannot be read: a value with blanks, brackets",
        ),
        (["sed=3"], "'sed' cannot be set: the configuration has no key 'sed': did you mean 'seed'"),
        (["split.fold=3"], "'split.fold' cannot be set: split has no key 'fold': did you mean "),
        (["seed.x=3"], "'seed.x' cannot be set: seed has no keys of its own"),
        (
            ["-m", "model=dense", "model.fit.epoch=3"],
            "'model.fit.epoch' cannot be set: model.fit has no key 'epoch': did you mean 'epochs'?",
        ),
        (
            ["resume=x", "model.fit.epochs=5"],
            "'model.fit.epochs' cannot be set: model has no key 'fit': known: members, head, ",
        ),
        (["search.name=a"], "'search.name' needs a search: choose one, such as search=dense"),
        (
            ["search.nam=a"],
            "'search.nam' cannot be set: search has no key 'nam': did you mean 'name'?",
        ),
        (
            ["search=dense", "search.sampler={nme: tpe}"],
            "'search.sampler' cannot be replaced as a whole: set its keys one by one, and add ",
        ),
        (["~model.members.none"], "Could not delete from config. 'model.members.none' does not"),
        (
            ["survey=table", "survey.class_map={null: Ia}"],
            "null is no key of survey.class_map: a name that is called so stands in quotes",
        ),
        (["survey=null"], "a choice cannot be null: name one, such as survey=plasticc"),
    ],
)
def test_sentences_of_training(error, words, said):
    found = sentence(error("train", words), "train")
    assert found.startswith(said)
    assert len(found.splitlines()) == 1


def test_a_key_of_a_survey_needs_a_survey(error):
    found = sentence(error("predict", ["survey.root=sky"]), "predict")
    assert found == "'survey.root' needs a survey: choose one, such as survey=snphotcc"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["-m", "sed=3"], "; where only a swept choice has it: ++sed=..."),
        (["resume=a", "sed=3"], "; a run that is resumed keeps the settings it was begun with"),
        (["resume=null", "sed=3"], ""),
    ],
)
def test_hints(error, words, hint):
    plain = sentence(error("train", ["sed=3"]), "train")
    assert sentence(error("train", words), "train") == plain + hint


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (ConfigError("a [b] is wrong"), "a [b] is wrong"),
        (FileExistsError(17, "File exists", "/x"), "'/x' is a file, and a folder is needed there"),
        (NotADirectoryError(20, "No", "/x"), "'/x' is a file, and a folder is needed there"),
        (OSError(28, "No space left on device", "/x"), "No space left on device: '/x'"),
        (OSError("something\nelse"), "something\nelse"),
    ],
)
def test_sentences_of_other_errors(fault, said):
    assert sentence(fault, "train") == said


def test_other_value_errors_are_bugs():
    assert not is_null_choice(ValueError("of a bug"))
