"""The training task end to end on a small survey: any mix of members, any mode."""

import json

import numpy as np
import polars as pl
import pytest
import torch
import yaml
from safetensors.torch import load_file

from lcclassify.errors import ConfigError, LcclassifyError, OutputError
from lcclassify.inference import bundle as bundles
from lcclassify.inference.predictor import Predictor

TINY_SECOND = ("network.units=[5]", "fit.epochs=2", "fit.batch_size=32")


def metrics_of(folder):
    return json.loads((folder / "metrics.json").read_text())


def test_a_stack_from_files_to_bundle(tmp_path, run_train, stack_words, survey_folder):
    words = [word for word in stack_words if word != "evaluation.figures=false"]
    result = run_train(tmp_path / "run", *words)
    assert list(result.evaluations) == ["dense", "bigru", "stack"]
    assert result.evaluated_on == "test objects"
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names >= {
        "config.yaml", "data.json", "splits.parquet", "fits", "bundle", "figures",
        "metrics.json", "report.txt", "probabilities.parquet",
    }  # fmt: skip
    assert not any(name.endswith((".part", ".partial")) for name in names)
    split = pl.read_parquet(tmp_path / "run" / "splits.parquet")
    stored = pl.read_parquet(tmp_path / "run" / "probabilities.parquet")
    test_ids = split.filter(role="test")["object_id"]
    for model in ("dense", "bigru", "stack"):
        assert sorted(stored.filter(model=model)["object_id"]) == sorted(test_ids)
    # The bundle says of the test objects what the run stored of them.
    predictor = Predictor.load(result.bundle)
    assert predictor.bundle.detections_stated is False
    observations = pl.read_csv(survey_folder / "observations.csv")
    objects = pl.read_csv(survey_folder / "objects.csv")
    said = predictor.predict_proba(observations, objects).filter(
        pl.col("object_id").is_in(test_ids.to_list())
    )
    columns = ["class_fast", "class_flat", "class_slow"]
    expected = stored.filter(model="stack").sort("object_id")
    assert np.allclose(
        said.sort("object_id").select(columns).to_numpy(),
        expected.select(columns).to_numpy(),
        atol=1e-6,
    )


def test_held_out_objects_are_evaluated_beside_the_test_objects(
    tmp_path, run_train, stack_words, survey_folder
):
    objects = pl.read_csv(survey_folder / "objects.csv")
    parts = pl.Series("part", (["train"] * 6 + ["held_out", "test"] * 3) * 10)
    objects.with_columns(parts).write_csv(tmp_path / "objects.csv")
    words = [*stack_words, f"survey.objects={tmp_path}/objects.csv", "survey.columns.subset=part"]
    result = run_train(tmp_path / "run", *words, "evaluation.figures=true")
    assert result.evaluated_on == "test objects"
    metrics = metrics_of(tmp_path / "run")
    assert metrics["models"].keys() == metrics["held_out"].keys() == {"dense", "bigru", "stack"}
    stored = pl.read_parquet(tmp_path / "run" / "probabilities.parquet")
    for what, part in (("test", "test"), ("held-out", "held_out")):
        own = stored.filter(pl.col("evaluated_on").str.starts_with(what), model="stack")
        expected = objects["object_id"].filter(parts == part)
        assert sorted(own["object_id"]) == sorted(expected)
    for kind, models in (("", "models"), ("held_out_", "held_out")):
        low, high = metrics[f"{kind}intervals"]["stack"]["accuracy"]
        assert low <= metrics[models]["stack"]["metrics"]["accuracy"] <= high
        assert metrics[f"{kind}sets"]["marginal"]["objects"] == 30
    card = (result.bundle / "MODEL_CARD.md").read_text()
    assert "- stack, 30 held-out objects, drawn like the training ones: accuracy" in card
    assert "hold the true class of" in card
    assert metrics["shift"]["distance"] < 0.5
    assert "largest distance of a quantity's distribution" in card
    figures = {path.stem for path in (tmp_path / "run" / "figures").iterdir()}
    of_test = {name for name in figures if f"held_out_{name}" in figures}
    assert {"roc", "confusion_matrix", "reliability", "risk_coverage"} <= of_test
    report = (tmp_path / "run" / "report.txt").read_text()
    assert report.index("30 held-out objects") < report.index("30 test objects")


def test_training_is_better_than_chance(tmp_path, run_train, dense_words):
    result = run_train(tmp_path / "run", *dense_words, "model.fit.epochs=25")
    assert result.evaluations["dense"].scalars["accuracy"] > 0.8  # by chance a third
    assert result.evaluations["dense"].scalars["log_loss"] < 0.7


@pytest.mark.parametrize("word", ["model.head.network.form=shared", "stacking.mode=holdout"])
@pytest.mark.parametrize("test_fraction", [0.0, 0.25])
def test_both_modes_with_and_without_test_objects(
    tmp_path, run_train, stack_words, word, test_fraction
):
    words = [word_ for word_ in stack_words if not word_.startswith("split.test_fraction")]
    result = run_train(tmp_path / "run", *words, word, f"split.test_fraction={test_fraction}")
    assert list(result.evaluations) == ["dense", "bigru", "stack"]
    fits = {path.name for path in (tmp_path / "run/fits/dense").iterdir()}
    if "holdout" in word:
        assert fits == {"holdout"}
        expected = "test objects" if test_fraction else "validation objects"
    else:
        assert fits == {"fold_0", "fold_1"}
        expected = "test objects" if test_fraction else "training objects, out of fold"
    assert result.evaluated_on.startswith(expected)
    heads = {path.name for path in (tmp_path / "run/fits/head").iterdir()}
    # Over folds too, for prediction sets of what a head says of objects new to it.
    assert heads == {"all", *(f"fold_{n}" for n in range(5))}


def test_holdout_with_cross_validation(tmp_path, run_train, stack_words):
    run_train(
        tmp_path / "run", *stack_words, "stacking.mode=holdout", "stacking.cross_validate=true"
    )
    crossed = metrics_of(tmp_path / "run")["cross_validation"]
    assert set(crossed) == {"dense", "bigru"}
    for values in crossed.values():
        assert 0 < values["accuracy_of_folds"]["mean"] <= 1
        assert values["all_folds"]["log_loss"] > 0


@pytest.mark.parametrize(
    ("words", "members"),
    [
        (["~model.members.bigru"], ["dense"]),
        (
            ["+model@model.members.third=dense"]
            + [f"model.members.third.{word}" for word in TINY_SECOND],
            ["dense", "bigru", "third"],
        ),
        (["model.head=null"], ["dense", "bigru"]),
        (["model.members.dense.replicas=2"], ["dense", "bigru"]),
        (["representation=paper"], ["dense", "bigru"]),
    ],
    ids=["one", "three", "mean", "replicas", "paper representation"],
)
def test_any_mix_of_members(tmp_path, run_train, stack_words, words, members):
    if words == ["representation=paper"]:
        stack_words = [w for w in stack_words if not w.startswith("representation.")]
    result = run_train(tmp_path / "run", *stack_words, *words)
    assert list(result.evaluations) == [*members, "stack"]
    assert Predictor.load(result.bundle) is not None
    worth = metrics_of(tmp_path / "run")["worth"]["members"]
    assert list(worth) == members
    assert all((each["without"] is None) == (len(members) == 1) for each in worth.values())
    assert "members of the stack" in (tmp_path / "run/report.txt").read_text()
    if words == ["model.head=null"]:
        stored = pl.read_parquet(tmp_path / "run" / "probabilities.parquet")
        values = {
            model: stored.filter(model=model).select("class_fast").to_series().to_numpy()
            for model in (*members, "stack")
        }
        assert np.allclose(
            values["stack"], np.mean([values[m] for m in members], axis=0), atol=1e-12
        )
    if "replicas" in words[0]:
        fits = {path.name for path in (tmp_path / "run/fits/dense").iterdir()}
        assert fits == {f"fold_{fold}_seed_{seed}" for fold in (0, 1) for seed in (0, 1)}


@pytest.mark.parametrize("replicas", [1, 2])
def test_refitted_networks_classify_and_leave_the_head_alone(
    tmp_path, run_train, stack_words, replicas
):
    words = [*stack_words, f"model.members.dense.replicas={replicas}"]
    run_train(tmp_path / "folds", *words)
    result = run_train(tmp_path / "refit", *words, "stacking.refit=3")
    fits = {path.name for path in (tmp_path / "refit/fits/dense").iterdir()}
    assert {name for name in fits if name.startswith("all")} == {
        f"all_{number}" for number in range(3 * replicas)
    }
    classifier = bundles.load(result.bundle).classifier
    assert [len(member) for member in classifier.members] == [3 * replicas, 3]
    assert classifier.n_rounds == 3
    heads = [
        load_file(tmp_path / run / "fits/head/all/head.safetensors") for run in ("folds", "refit")
    ]
    assert all(torch.equal(heads[0][key], heads[1][key]) for key in heads[0])
    metrics = [metrics_of(tmp_path / run) for run in ("folds", "refit")]
    assert metrics[0]["cross_validation"] == metrics[1]["cross_validation"]
    assert metrics[0]["models"]["dense"] != metrics[1]["models"]["dense"]


@pytest.mark.parametrize("kind", ["dense", "bigru"])
def test_single_models(tmp_path, run_train, dense_words, gru_words, kind):
    result = run_train(tmp_path / "run", *(dense_words if kind == "dense" else gru_words))
    assert list(result.evaluations) == [kind]
    assert len(list((tmp_path / "run" / "fits" / kind).glob("*/submodel.safetensors"))) == 2


@pytest.mark.parametrize(
    "words",
    [
        ["loss@model.loss=focal", "optimizer@model.optimizer=adam"],
        ["loss@model.loss=focal_one_vs_rest", "model.loss.class_weights=balanced"],
        ["loss@model.loss=weighted_log_loss", "model.loss.label_smoothing=0.1"],
        ["model.fit.patience=1", "model.fit.checkpoint=val/accuracy"],
        ["model.fit.checkpoint=last", "split.validation_fraction=0"],
        ["trainer.precision=bf16-mixed"],
        ["split.test_fraction=0"],
    ],
    ids=" ".join,
)
def test_settings_from_the_command_line(tmp_path, run_train, dense_words, words):
    # The optimiser's own settings of the model are those of AdamW.
    if "optimizer@model.optimizer=adam" in words:
        words = [*words, "~model.optimizer.weight_decay"]
    result = run_train(tmp_path / "run", *dense_words, *words)
    assert 0 <= result.evaluations["dense"].scalars["accuracy"] <= 1
    assert np.isfinite(result.evaluations["dense"].scalars["log_loss"])


def test_seeds(tmp_path, run_train, dense_words):
    documents = []
    for number, seed in enumerate((5, 5, 6)):
        run_train(tmp_path / str(number), *dense_words, f"seed={seed}")
        folder = tmp_path / str(number)
        documents.append(
            (
                (folder / "metrics.json").read_bytes(),
                (folder / "bundle/weights.safetensors").read_bytes(),
            )
        )
    assert documents[0] == documents[1]
    assert documents[0][0] != documents[2][0]
    assert documents[0][1] != documents[2][1]


def test_order_of_rows_and_files_changes_nothing(tmp_path, run_train, dense_words, survey_folder):
    run_train(tmp_path / "straight", *dense_words)
    data = tmp_path / "data"
    data.mkdir()
    observations = pl.read_csv(survey_folder / "observations.csv").sample(
        fraction=1, shuffle=True, seed=1
    )
    for part in range(3):
        observations[part::3].write_csv(data / f"part_{part}.csv")
    pl.read_csv(survey_folder / "objects.csv").sample(fraction=1, shuffle=True, seed=1).write_csv(
        data / "objects.csv"
    )
    words = [word.replace(str(survey_folder), str(data)) for word in dense_words]
    run_train(tmp_path / "shuffled", *words, "survey.observations=part_*.csv")
    for name in ("metrics.json", "splits.parquet", "bundle/weights.safetensors"):
        assert (tmp_path / "straight" / name).read_bytes() == (
            tmp_path / "shuffled" / name
        ).read_bytes()


def test_a_split_is_used_again(tmp_path, run_train, dense_words, gru_words):
    run_train(tmp_path / "first", *dense_words)
    file = tmp_path / "first" / "splits.parquet"
    run_train(tmp_path / "second", *gru_words, "seed=9", f"split.file={file}")
    assert pl.read_parquet(tmp_path / "second" / "splits.parquet").equals(pl.read_parquet(file))
    with pytest.raises(LcclassifyError, match="cannot be read"):
        run_train(tmp_path / "third", *dense_words, f"split.file={tmp_path}/none.parquet")


def test_unlabelled_objects_are_left_out(tmp_path, run_train, dense_words, survey_folder):
    data = tmp_path / "data"
    data.mkdir()
    (data / "observations.csv").write_bytes((survey_folder / "observations.csv").read_bytes())
    objects = pl.read_csv(survey_folder / "objects.csv")
    objects.with_columns(
        pl.when(pl.int_range(pl.len()) >= 90).then(None).otherwise("type").alias("type")
    ).write_csv(data / "objects.csv")
    words = [word.replace(str(survey_folder), str(data)) for word in dense_words]
    run_train(tmp_path / "run", *words)
    split = pl.read_parquet(tmp_path / "run" / "splits.parquet")
    assert split["role"].value_counts().sort("role").rows() == [
        ("test", 22), ("train", 68), ("unlabelled", 30)
    ]  # fmt: skip
    document = yaml.safe_load((tmp_path / "run/bundle/bundle.yaml").read_text())
    assert sum(document["provenance"]["class_counts"].values()) == 68


def test_a_class_smaller_than_the_folds(tmp_path, run_train, dense_words, survey_folder):
    data = tmp_path / "data"
    data.mkdir()
    (data / "observations.csv").write_bytes((survey_folder / "observations.csv").read_bytes())
    objects = pl.read_csv(survey_folder / "objects.csv")
    objects.with_columns(
        pl.when(pl.col("object_id") == 100).then(pl.lit("rare")).otherwise("type").alias("type")
    ).write_csv(data / "objects.csv")
    words = [word.replace(str(survey_folder), str(data)) for word in dense_words]
    with pytest.raises(LcclassifyError, match=r"objects of 'rare' \(1\) are fewer"):
        run_train(tmp_path / "oof", *words)
    result = run_train(tmp_path / "holdout", *words, "stacking.mode=holdout")
    assert "rare" in (result.bundle / "bundle.yaml").read_text()


def test_a_diverged_member_is_named(tmp_path, run_train, dense_words):
    with pytest.raises(LcclassifyError, match=r"dense fold 0 diverged in epoch \d.*optimizer\.lr"):
        run_train(
            tmp_path / "run",
            *dense_words,
            "model.optimizer.lr=1e30",
            "model.fit.gradient_clip=null",
        )


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("seed=abc", "seed must be a whole number of at least 0, got 'abc'"),
        ("seed=-1", "seed must be a whole number"),
        ("stacking.mode=off", r"stacking\.mode is 'off'.*'oof'"),
        ("stacking.cross_validate=2", r"stacking\.cross_validate must be true or false, got 2"),
        ("evaluation.figures=null", r"evaluation\.figures must be true or false"),
        ("tensorboard=some", "tensorboard must be true or false, got 'some'"),
        ("matmul_precision=higher", "did you mean 'high"),
        ("split.folds=1", r"split\.folds must be a whole number of at least 2"),
        ("+split.fold=3", "split has no key 'fold': did you mean 'folds'"),
        ("+stacking.x=3", "stacking has no key 'x'"),
        ("+evaluation.x=3", "evaluation has no key 'x'"),
        ("+sed=3", "has no key 'sed': did you mean 'seed'"),
        ("+model.x=3", "model has no key 'x'"),
        ("+model.network.unit=3", "has no key 'unit'"),
        ("model.network.activation=tanhh", "did you mean 'tanh'"),
        ("model.optimizer.lr=-1", "Invalid learning rate"),
        ("+model.optimizer.rate=1", "rate"),
        ("model.optimizer._target_=torch.optim.Adm", r"torch\.optim\.Adm"),
        ("+trainer.max_epoch=1", "the trainer refuses its settings"),
        ("callbacks=3", "callbacks must be a mapping"),
        ("+callbacks.x=3", r"callbacks\.x must be a mapping with _target_"),
        ("+callbacks.x._target_=torch.nn.Identity", "must be a callback of Lightning"),
        ("+callbacks.x._target_=nosuch.Thing", r"nosuch\.Thing cannot be built"),
        ("trainer.devices=2 trainer.strategy=ddp", "take ddp_spawn"),
    ],
)
def test_invalid_settings_are_refused_before_anything_is_written(
    tmp_path, run_train, dense_words, word, sentence
):
    with pytest.raises(ConfigError, match=sentence) as caught:
        run_train(tmp_path / "run", *dense_words, *word.split())
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_stacks_names_must_differ(tmp_path, run_train, stack_words):
    for word, sentence in (
        ("+model@model.members.stack=dense", r"model\.members\.stack cannot be: 'stack' is all"),
        ("model.head.name=bigru", r"model\.head and a member share the name 'bigru'"),
        ("~model.members.dense ~model.members.bigru", r"model\.members is empty"),
        ("model.head.replicas=2", r"model\.head has no key 'replicas'"),
    ):
        word = f"+{word}" if "replicas" in word else word
        with pytest.raises(ConfigError, match=sentence):
            run_train(tmp_path / "run", *stack_words, *word.split())


def test_a_head_without_anything_to_learn_from(tmp_path, run_train, stack_words):
    with pytest.raises(LcclassifyError, match=r"split\.validation_fraction above 0"):
        run_train(
            tmp_path / "run", *stack_words, "stacking.mode=holdout", "split.validation_fraction=0"
        )


def test_nothing_to_evaluate_on(tmp_path, run_train, dense_words):
    with pytest.raises(LcclassifyError, match="nothing to evaluate on"):
        run_train(
            tmp_path / "run",
            *dense_words,
            "stacking.mode=holdout",
            "split.validation_fraction=0",
            "split.test_fraction=0",
        )


def test_an_output_folder_that_cannot_be(tmp_path, run_train, dense_words):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputError, match="cannot be written: Not a directory"):
        run_train(tmp_path / "file" / "run", *dense_words)
    assert (tmp_path / "file").read_text() == "not a folder"


@pytest.mark.parametrize(("column", "value"), [("flux", 1e300), ("flux", 1e29), ("mjd", 1e300)])
def test_values_that_nothing_has_are_computed_with_without_warnings(
    tmp_path, run_train, dense_words, survey_folder, recwarn, column, value
):
    observations = pl.read_csv(survey_folder / "observations.csv")
    odd = pl.int_range(pl.len()) % 17 == 3
    spoilt = pl.when(odd).then(value).otherwise(column)
    observations.with_columns(spoilt.alias(column)).write_csv(tmp_path / "observations.csv")
    words = [*dense_words, f"survey.observations={tmp_path}/observations.csv"]
    run_train(tmp_path / "run", *words, "model.fit.epochs=1")
    warned = [one for one in recwarn if issubclass(one.category, RuntimeWarning)]
    assert [str(one.message) for one in warned] == []


def test_passbands_without_observations_are_said(tmp_path, run_train, dense_words):
    words = [*dense_words, "survey.passbands=[g,r,i]", "evaluation.report=true"]
    run_train(tmp_path / "run", *words, "model.fit.epochs=1")
    page = (tmp_path / "run" / "report.html").read_text()
    assert "observations in g r i (none in i), classes" in page
