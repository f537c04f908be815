"""Every YAML of conf/ composes, and what it names can be built."""

import json

import optuna
import pytest
import torch
import yaml

from lcclassify.build import config_dir, instantiate, to_plain
from lcclassify.errors import ConfigError
from lcclassify.jobs.engines import DaskEngine, LocalEngine
from lcclassify.nn.build import build_loss
from lcclassify.search.storage import open_storage
from lcclassify.tasks.plan import make_plan

GROUPS = sorted(
    (path.parent.relative_to(config_dir()).as_posix(), path.stem)
    for path in config_dir().rglob("*.yaml")
    if path.parent != config_dir()
)
# Whatever the survey is: one whose configuration is composed in half the time.
SMALL = "survey=plasticc"
# What a survey needs to be told; the others know their files.
NEEDED = {"table": ["survey.observations=a.csv", "survey.passbands=[g,r]"]}


@pytest.fixture(scope="session")
def search_folder(tmp_path_factory, compose_config):
    """A finished search of two trials, for the model that takes its members from searches."""
    folder = tmp_path_factory.mktemp("search")
    study = optuna.create_study(study_name="dense", storage=open_storage("sqlite", folder))
    stored = {"name": "dense", "storage": "sqlite", "objective": ["val/loss"]}
    (folder / "search.json").write_text(json.dumps(stored))
    model = to_plain(compose_config("model=dense"))["model"]
    for value in (0.2, 0.1):
        trial = study.ask()
        study.tell(trial, value)
        (folder / str(trial.number)).mkdir()
        settings = model | {"optimizer": model["optimizer"] | {"lr": value}}
        (folder / f"{trial.number}/config.yaml").write_text(yaml.safe_dump({"model": settings}))
    return folder


def words_for(group, choice):
    if group in ("loss", "optimizer"):
        return [SMALL, "model=dense", f"{group}@model.{group}={choice}"]
    if group == "population":
        # As the class 6 of a survey of its own, in place of what stands there.
        return ["survey=simulated", f"population@survey.classes.6={choice}"]
    if group in ("cadence", "hosts"):
        return ["survey=simulated", f"{group}@survey.{group}={choice}"]
    if group in ("redshift", "head"):  # redshifts are learned from objects as they are
        return [SMALL, "augment=none", f"{group}@model.{group}={choice}"]
    if group == "search/base":  # what every search is built on
        return [SMALL, "search=dense"]
    if group == "quick":
        survey, _, model = choice.partition("_")
        return [f"survey={survey}", f"model={model}"]
    if group == "experiment":
        return [f"experiment={choice}"]
    return [f"{group}={choice}", *([] if group == "survey" else [SMALL])]


def test_all_groups_are_found():
    assert {group for group, _ in GROUPS} >= {
        "survey", "representation", "model", "loss", "optimizer", "trainer", "paths", "experiment",
        "search",
    }  # fmt: skip


@pytest.mark.parametrize(("group", "choice"), GROUPS, ids=["/".join(group) for group in GROUPS])
def test_it_composes_and_what_it_names_is_built(
    compose_config, tmp_path, group, choice, search_folder
):
    words = words_for(group, choice)
    if choice == "adam":  # AdamW's setting in the model's own YAML
        words.append("~model.optimizer.weight_decay")
    if choice == "best":
        words.append(f"model.searches=[{search_folder}]")
    words += NEEDED.get(choice, [])
    if group == "engine":  # of the commands that go through a survey in chunks
        engine = to_plain(
            compose_config(*words, "bundle=a", "output=b", "survey=snphotcc", name="predict")
        )["engine"]
        assert isinstance(instantiate(engine), LocalEngine | DaskEngine)
        return
    config = to_plain(compose_config(*words, f"paths.output_dir={tmp_path}"))
    plan = make_plan(config)
    survey = None
    try:
        survey = instantiate(config["survey"])
    except ConfigError as error:
        # Composed without a folder: the sentence says which setting it needs.
        assert "survey." in str(error)  # noqa: PT017
    if survey is not None:
        assert survey.name
    representation = instantiate(config["representation"])
    assert representation.name == config["representation"]["name"]
    for member in plan.members:
        loss = build_loss(member.loss, 3, class_counts=[5, 6, 7], metric_weights=[1.0, 2.0, 1.0])
        value = loss(torch.zeros(4, 3, requires_grad=True), torch.tensor([0, 1, 2, 0]))
        assert torch.isfinite(value)
        assert torch.isfinite(torch.autograd.grad(value, [*_leaves(value)])[0]).all()


def _leaves(value):
    """The leaf that a loss was computed from."""
    queue = [value.grad_fn]
    while queue:
        node = queue.pop()
        if hasattr(node, "variable"):
            yield node.variable
            return
        queue.extend(after for after, _ in node.next_functions if after is not None)


def test_members_from_searches(compose_config, tmp_path, search_folder):
    words = ["model=best", f"model.searches=[{search_folder}]", f"paths.output_dir={tmp_path}"]
    plan = make_plan(to_plain(compose_config(*words, "+model.fit.epochs=77")))
    assert [member.name for member in plan.members] == ["dense_best_1", "dense_best_2"]
    assert [member.optimizer["lr"] for member in plan.members] == [0.1, 0.2]  # best first
    assert [member.fit.epochs for member in plan.members] == [77, 77]
    assert plan.stacked
    assert plan.head is not None
    for wrong, sentence in (
        (["model.top=3"], "has 2 complete trials"),
        (["model.top=0"], "model.top must be a whole number of at least 1, got 0"),
        (["model.searches=[nowhere]"], "holds no search"),
        (["model.searches=[]"], "must be folders of searches"),
        (["+model.member=1"], "model has no key 'member'"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            make_plan(to_plain(compose_config(*words, *wrong)))


@pytest.mark.parametrize("name", ["predict", "prepare"])
def test_the_other_commands_compose(compose_config, name):
    words = ["survey=snphotcc", "output=out"] + (["bundle=b"] if name == "predict" else [])
    config = compose_config(*words, name=name)
    assert config.output == "out"
    assert to_plain(config)["survey"]["_target_"].endswith("SnphotccSurvey")


def test_the_paper(compose_config, tmp_path):
    config = to_plain(compose_config("experiment=paper", f"paths.output_dir={tmp_path}"))
    plan = make_plan(config)
    assert plan.mode == "holdout"
    assert plan.cross_validate
    assert plan.split.test_fraction == 0
    assert [m.network["_target_"].rsplit(".", 1)[1] for m in plan.members] == [
        "DenseNet", "DenseNet", "BiGRUNet", "BiGRUNet",
    ]  # fmt: skip
    best, second = plan.members[0].network, plan.members[1].network
    assert best["units"] == [512, 128, 128, 64]
    assert second["units"] == [256, 128, 128]
    assert plan.members[2].network["gru_units"] == [256, 64, 32, 32]
    assert [member.optimizer["lr"] for member in plan.members] == [0.01, 0.01, 0.001, 0.001]
    assert [m.loss["_target_"].rsplit(".", 1)[1] for m in plan.members] == [
        "CrossEntropyLoss", "CrossEntropyLoss", "FocalOneVsRestLoss", "CrossEntropyLoss",
    ]  # fmt: skip
    assert [member.fit.epochs for member in plan.members] == [600, 600, 100, 100]
    assert all(m.fit.batch_size == 1000 and m.fit.patience == 20 for m in plan.members)
    assert all(m.fit.checkpoint == "val/accuracy" for m in plan.members)
    assert plan.head.network["units"] == [10]
    assert plan.head.fit.epochs == 50
    assert config["representation"]["name"] == "paper"


@pytest.mark.parametrize("group", ["loss", "optimizer"])
@pytest.mark.parametrize("member", ["dense", "bigru"])
def test_members_of_a_stack_take_other_parts(compose_config, tmp_path, group, member):
    choice = {"loss": "focal", "optimizer": "adamw"}[group]
    config = to_plain(
        compose_config(
            f"{group}@model.members.{member}.{group}={choice}", f"paths.output_dir={tmp_path}"
        )
    )
    target = config["model"]["members"][member][group]["_target_"]
    assert (
        target == {"focal": "lcclassify.nn.losses.FocalLoss", "adamw": "torch.optim.AdamW"}[choice]
    )
