"""A training run's settings, checked before anything is read or written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from lcclassify.build import SURVEY_NAME, instantiate
from lcclassify.checks import check_flag, check_keys, check_whole
from lcclassify.cores import n_cores
from lcclassify.errors import ConfigError, did_you_mean
from lcclassify.importing import uncollected
from lcclassify.inference.decisions import unknown_fraction
from lcclassify.nn.priors import Priors
from lcclassify.schema import STACK, InputSizes, PlainConfig
from lcclassify.tasks.augment_settings import AugmentSettings
from lcclassify.training.head_settings import HeadSettings
from lcclassify.training.settings import (
    AUTO_MODE,
    MODES,
    AnyMember,
    TreeSettings,
    member_from_config,
)
from lcclassify.training.splits import SplitSettings

if TYPE_CHECKING:
    from lcclassify.training.redshift_settings import RedshiftSettings

_KEYS: Final = (
    "survey",
    SURVEY_NAME,
    "representation",
    "augment",
    "priors",
    "unknown",
    "bundle",
    "model",
    "trainer",
    "callbacks",
    "paths",
    "seed",
    "split",
    "stacking",
    "evaluation",
    "tensorboard",
    "matmul_precision",
    "resume",
    "retrain",
    "debug",
    "search",
    "trial",
)
_MATMUL: Final = ("highest", "high", "medium")

# Faster than one (docs/benchmarks/speed.md); more were not tried. One of the paper's networks
# takes 6 GiB.
_FITS_ON_A_GPU: Final = 4
_MEMORY_OF_A_FIT: Final = 8 * 2**30

KEPT_IN_A_BUNDLE: Final = 2000  # training objects, where nothing is said

# Any sizes do for finding out whether a network accepts its hyperparameters.
_SIZES: Final = InputSizes(n_features=4, n_context=2, n_channels=3, n_classes=2, max_length=4)


@dataclass(frozen=True)
class Plan:
    """What a run does, apart from its data.

    Attributes:
        seed: The run's seed.
        split: How objects are split.
        mode: How the head's training data come about, one of `MODES` or `AUTO_MODE`.
        cross_validate: Whether mode "holdout" cross-validates every member as well.
        refit: In mode "oof", trainings of every member on all training objects, whose
            networks classify; 0 if the folds' networks classify.
        members: The networks and trees.
        head: What combines them; None for their mean.
        stacked: Whether the model is an ensemble, be it of one member.
        name: Name of the model in tables and files.
        test: Whether test and held-out objects are scored.
        report: Whether a report is made.
        augment: How training objects are drawn anew.
        priors: What shares of the classes probabilities are for.
        redshift: What estimates redshifts that join the members' inputs; None for nothing.
        unknown: Share of objects of no known class; None where none are told.
        training_objects: How many training objects the bundle keeps, about; 0 for none.
    """

    seed: int
    split: SplitSettings
    mode: str
    cross_validate: bool
    refit: int
    members: tuple[AnyMember, ...]
    head: HeadSettings | None
    stacked: bool
    name: str
    test: bool
    report: bool
    augment: AugmentSettings
    priors: Priors
    redshift: RedshiftSettings | None
    unknown: float | None
    training_objects: int


def make_plan(config: PlainConfig) -> Plan:
    """Check a run's whole configuration, the survey's and representation's excepted.

    Raises:
        ConfigError: A key is unknown or missing, or a value is invalid.
    """
    check_keys("the configuration", config, _KEYS)
    for key in ("survey", "representation", "model", "trainer", "paths", "split", "stacking"):
        if not isinstance(config.get(key), Mapping):
            raise ConfigError(f"the configuration needs the group '{key}'")
    split = config["split"]
    check_keys("split", split, [field.name for field in fields(SplitSettings)])
    stacking = config["stacking"]
    check_keys("stacking", stacking, ("mode", "cross_validate", "refit"))
    check_keys("evaluation", config["evaluation"], ("figures", "test", "report"))
    mode = stacking.get("mode")
    if mode not in (known := (*MODES, AUTO_MODE)):
        raise ConfigError(f"stacking.mode is '{mode}': {did_you_mean(str(mode), known)}")
    for where, flag in (
        ("stacking.cross_validate", stacking.get("cross_validate")),
        ("evaluation.figures", config["evaluation"].get("figures")),
        ("evaluation.test", config["evaluation"].get("test")),
        # Runs that were begun before there were reports have no such key.
        ("evaluation.report", config["evaluation"].get("report", True)),
        ("tensorboard", config["tensorboard"]),
    ):
        check_flag(where, flag)
    if config["matmul_precision"] not in _MATMUL:
        raise ConfigError(
            f"matmul_precision is '{config['matmul_precision']}': "
            f"{did_you_mean(str(config['matmul_precision']), _MATMUL)}"
        )
    model = expand_model(config)["model"]
    members, head = _model(model)
    augment = AugmentSettings.from_config(config.get("augment", {}))
    redshift = _redshift(model, augment)
    with uncollected():
        from lcclassify.training.fit import check_trainer  # Lightning comes last

    check_trainer(trainer_arguments(config))
    worker_count(config["trainer"])
    return Plan(
        seed=check_whole("seed", config["seed"], 0),
        split=SplitSettings(**split),
        mode=str(mode),
        cross_validate=stacking["cross_validate"],
        refit=check_whole("stacking.refit", stacking.get("refit"), 0),
        members=members,
        head=head,
        stacked="members" in model,
        name=STACK if "members" in model else str(model.get("name")),
        test=config["evaluation"]["test"],
        report=config["evaluation"].get("report", True),
        augment=augment,
        priors=Priors.from_config(config.get("priors", "training")),
        redshift=redshift,
        unknown=unknown_fraction(config.get("unknown")),
        training_objects=_training_objects(config.get("bundle")),
    )


def _training_objects(config: Any) -> int:
    """Return how many training objects a bundle keeps."""
    if config is None:  # of a run that was begun before there was such a key
        return KEPT_IN_A_BUNDLE
    if not isinstance(config, Mapping):
        raise ConfigError(f"bundle must be the key training_objects and its value, got {config!r}")
    check_keys("bundle", config, ("training_objects",))
    return check_whole("bundle.training_objects", config.get("training_objects"), 0)


def expand_model(config: PlainConfig) -> PlainConfig:
    """Return a configuration whose model's members are written out.

    Raises:
        ConfigError: They come from a search that has none.
    """
    if not isinstance(config.get("model"), Mapping) or "searches" not in config["model"]:
        return config
    from lcclassify.search.members import expand_best  # Optuna takes a second to import

    return config | {"model": expand_best(config["model"])}


def trainer_arguments(config: Mapping[str, Any]) -> PlainConfig:
    """Return the arguments of Lightning's Trainer, with what "auto" means here.

    Args:
        config: Of the run, of which the groups `trainer` and `callbacks` count.

    Raises:
        ConfigError: The strategy would start the whole command again in each process, or the
            callbacks are no mapping.
    """
    import torch

    arguments = {key: value for key, value in config["trainer"].items() if key != "workers"}
    callbacks = config.get("callbacks") or {}
    if not isinstance(callbacks, Mapping):
        raise ConfigError(f"callbacks must be a mapping, each by a name, got {callbacks!r}")
    arguments["callbacks"] = callbacks
    if arguments.get("accelerator", "auto") == "auto":
        # The transforms need float64, which Apple's GPUs lack.
        arguments["accelerator"] = "cuda" if torch.cuda.is_available() else "cpu"
    if not is_alone(arguments):
        strategy = arguments.get("strategy", "auto")
        if strategy == "auto":
            arguments["strategy"] = "ddp_spawn"
        elif "spawn" not in str(strategy) and "fork" not in str(strategy):
            raise ConfigError(
                f"trainer.strategy={strategy} with trainer.devices={arguments['devices']} would "
                "start the whole command once a device: take ddp_spawn"
            )
    return arguments


def worker_count(trainer: Mapping[str, Any]) -> int:
    """Return how many fits run at a time.

    On a CPU one for each core that this process may use. On a GPU, which one fit leaves idle
    most of the time, a few, as memory allows. One where several devices share each fit.

    Raises:
        ConfigError: It is neither "auto" nor a whole number of at least 1.
    """
    workers = trainer.get("workers", "auto")
    if workers != "auto":
        workers = check_whole("trainer.workers (where it is not auto)", workers, 1)
    if not is_alone(trainer):
        return 1
    if workers != "auto":
        return int(workers)
    import torch

    from lcclassify.nn.devices import device_of

    device = device_of(trainer_arguments({"trainer": trainer}))
    if device.type == "cpu":
        return n_cores()
    free = torch.cuda.mem_get_info(device)[0] if torch.cuda.is_available() else 0
    return max(1, min(n_cores(), _FITS_ON_A_GPU, free // _MEMORY_OF_A_FIT))


def is_alone(trainer: Mapping[str, Any]) -> bool:
    """Tell whether a trainer's arguments ask for a single process."""
    devices = trainer.get("devices", 1)
    return devices in (1, "1") or (isinstance(devices, list | tuple) and len(devices) == 1)


def _model(config: PlainConfig) -> tuple[tuple[AnyMember, ...], HeadSettings | None]:
    """Return the members of a model's configuration, and the head if it has one."""
    if "members" not in config:
        member = member_from_config(config)
        _check_member("model", member)
        return (member,), None
    check_keys("model", config, ("name", "members", "head", "redshift"))
    if not isinstance(config["members"], Mapping) or not config["members"]:
        raise ConfigError("model.members is empty: a stack needs at least one member")
    members = tuple(
        member_from_config(member, str(name)) for name, member in config["members"].items()
    )
    for member in members:
        _check_member(f"model.members.{member.name}", member)
        if member.name == STACK:
            raise ConfigError(f"model.members.{STACK} cannot be: '{STACK}' is all of them together")
    if config.get("head") is None:
        return members, None
    head = HeadSettings.from_config(config["head"])
    if head.name in config["members"]:
        raise ConfigError(f"model.head and a member share the name '{head.name}'")
    from lcclassify.nn.build import build_head

    with _blaming("model.head"):
        build_head(head.network, len(members), _SIZES.n_classes)
        if head.optimizer is not None:
            _check_optimizer(head.optimizer)
    return members, head


def _redshift(model: PlainConfig, augment: AugmentSettings) -> RedshiftSettings | None:
    """Return what estimates redshifts, if a stack has it.

    Raises:
        ConfigError: A value is invalid, or training objects are drawn anew.
    """
    if "members" not in model:
        return None
    from lcclassify.training.redshift_settings import RedshiftSettings  # torch comes last

    with _blaming("model"):
        settings = RedshiftSettings.from_config(model.get("redshift"))
    if settings is None:
        return None
    if augment.steps:
        raise ConfigError(
            f"model.redshift learns from objects as they are, and augment={augment.name} draws "
            "them anew: take augment=none, or redshift@model.redshift=none"
        )
    taken = [*model["members"], STACK, str((model.get("head") or {}).get("name"))]
    if settings.name in taken:
        raise ConfigError(f"model.redshift and another part of the model are '{settings.name}'")
    return settings


def _check_member(where: str, member: AnyMember) -> None:
    from lcclassify.nn.build import build_loss, build_network

    with _blaming(where):
        if isinstance(member, TreeSettings):
            from lcclassify.training.tree_fit import loss_weights

            loss_weights(build_loss(member.loss, _SIZES.n_classes, [1] * _SIZES.n_classes))
            return
        build_network(member.network, _SIZES)
        _check_optimizer(member.optimizer)


def _check_optimizer(optimizer: PlainConfig) -> None:
    import torch

    instantiate(optimizer, [torch.nn.Parameter(torch.zeros(1))])


@contextmanager
def _blaming(where: str) -> Iterator[None]:
    """Say which model a wrong value belongs to."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
