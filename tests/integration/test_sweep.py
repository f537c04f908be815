"""`-m` trains several configurations; the runs can be compared in TensorBoard."""

import json

import pytest
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.plugins.hparams.backend_context import Context

pytestmark = pytest.mark.slow


def events(folder):
    return EventAccumulator(str(folder), size_guidance={"images": 0}).Reload()


def tensorboard_backend(logdir):
    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(logdir)).Reload()
    provider = MultiplexerDataProvider(multiplexer, str(logdir))
    return Context(TBContext(data_provider=provider))


def hparams(accumulator):
    content = accumulator.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    data = plugin_data_pb2.HParamsPluginData.FromString(content)
    return {
        name: getattr(value, value.WhichOneof("kind"))
        for name, value in data.session_start_info.hparams.items()
    }


@pytest.fixture(scope="module")
def sweep(tmp_path_factory, train_command, base_words):
    folder = tmp_path_factory.mktemp("sweep")
    words = [word for word in base_words if "tensorboard" not in word and "figures" not in word]
    done = train_command(
        "-m",
        *words,
        "model=dense,bigru",
        "seed=0,1",
        "++model.fit.epochs=2",
        "++model.fit.batch_size=32",
        "hydra.sweep.dir=sweep",
        folder=folder,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("Inputs of table: redshift photoz; metadata photoz;") == 1
    return folder / "sweep"


def test_four_runs(sweep):
    kinds = {}
    for number in range(4):
        config = (sweep / str(number) / "config.yaml").read_text()
        kinds[number] = ("DenseNet" in config, "\nseed: 1\n" in config)
        assert (sweep / str(number) / "bundle" / "bundle.yaml").is_file()
    assert sorted(kinds.values()) == [(False, False), (False, True), (True, False), (True, True)]
    metrics = [(sweep / str(n) / "metrics.json").read_text() for n in range(4)]
    assert len(set(metrics)) == 4


def test_runs_have_the_same_tags_and_final_metrics(sweep):
    runs = [events(sweep / str(number) / "tensorboard") for number in range(4)]
    # The precision of a class that is never predicted is undefined, and left out.
    scalars = [
        {tag for tag in run.Tags()["scalars"] if not tag.startswith("final_per_class/precision/")}
        for run in runs
    ]
    assert {"final/accuracy", "final/log_loss", "final/macro_f1"} <= scalars[0]
    assert scalars[0] == scalars[1] == scalars[2] == scalars[3]
    for number, run in enumerate(runs):
        document = json.loads((sweep / str(number) / "metrics.json").read_text())
        (model,) = document["models"].values()
        assert run.Scalars("final/accuracy")[0].value == pytest.approx(
            model["metrics"]["accuracy"], abs=1e-6
        )


def test_hyperparameters_are_recorded(sweep):
    found = [hparams(events(sweep / str(number) / "tensorboard")) for number in range(4)]
    assert [values["seed"] for values in found] == [0, 1, 0, 1]
    assert [values["model/name"] for values in found] == ["dense", "dense", "bigru", "bigru"]
    assert all(values["model/fit/epochs"] == 2 for values in found)


def test_every_fit_has_its_curves(sweep):
    for number, name in enumerate(("dense", "dense", "bigru", "bigru")):
        for fold in (0, 1):
            run = events(sweep / str(number) / "tensorboard" / name / f"fold_{fold}")
            assert {
                "train/loss",
                "train/gradient_norm",
                "train/objects_per_second",
                "val/loss",
                "val/accuracy",
                "lr",
            } == set(run.Tags()["scalars"])
            assert {"confusion_matrix", "reliability"} == set(run.Tags()["images"])
            assert {"pr/flat", "pr/fast", "pr/slow"} <= set(run.Tags()["tensors"])
            assert run.Tags()["graph"] == (fold == 0)
            history = json.loads(
                (sweep / f"{number}/fits/{name}/fold_{fold}/history.json").read_text()
            )["epochs"]
            assert len(history) == 2
            for tag in ("train/loss", "val/loss", "lr"):
                assert [event.step for event in run.Scalars(tag)] == [1, 2]
                assert [event.value for event in run.Scalars(tag)] == pytest.approx(
                    [epoch[tag] for epoch in history], rel=1e-5, abs=1e-9
                )


def test_figures_are_images(sweep):
    run = events(sweep / "0" / "tensorboard")
    assert {"confusion_matrix", "roc", "reliability", "learning_dense"} <= set(run.Tags()["images"])
    image = run.Images("confusion_matrix")[0]
    assert image.encoded_image_string.startswith(b"\x89PNG")
    assert min(image.width, image.height) > 200


def test_tensorboard_lists_what_the_runs_differ_in(sweep):
    """By its own server, which reads all runs: no run's columns hide another's."""
    backend = tensorboard_backend(sweep)
    experiment = backend.experiment_from_metadata(
        RequestContext(), "", True, backend.hparams_metadata(RequestContext(), ""), []
    )
    differing = {info.name for info in experiment.hparam_infos if info.differs}
    assert {"seed", "model/name"} <= differing
    names = {info.name for info in experiment.hparam_infos}
    assert {"model/network/units", "model/network/gru_units"} <= names
    metrics = [info.name for info in experiment.metric_infos]
    assert ("final/accuracy", "") in {(name.tag, name.group) for name in metrics}


def test_a_failing_job_does_not_end_the_others(tmp_path, train_command, dense_words):
    done = train_command(
        "-m", *dense_words, "model.fit.batch_size=0,16,32", "hydra.sweep.dir=sweep", folder=tmp_path
    )
    assert done.returncode == 1
    assert done.stderr == "error: fit.batch_size must be a whole number of at least 1, got 0\n"
    assert [(tmp_path / "sweep" / str(n) / "metrics.json").is_file() for n in range(3)] == [
        False,
        True,
        True,
    ]
