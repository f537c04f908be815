"""What is shown of training objects drawn anew is what was drawn, and no label of others."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lcclassify.augment.augmenter import Augmenter
from lcclassify.augment.curves import Curves
from lcclassify.augment.posterior import posterior_curves
from lcclassify.build import make_survey
from lcclassify.schema import LABEL, Passbands
from lcclassify.tasks.augmentation_figures import AugmentationArrays, _colours, _measure
from lcclassify.tasks.inputs import read_inputs
from lcclassify.tasks.runs import open_run
from lcclassify.training.seeds import derive_seed

FIGURES = {"augmentation_examples", "augmentation_samples"}
GP = (
    "augment=gp", "augment.target=metadata", "augment.redshift=photoz", "augment.passes=2",
    "augment.held_out_draws=1", "survey.wavelengths=[480,620]", "stacking.mode=holdout",
    "augment.steps.elsewhere.attempts=40",  # so that each is detected somewhere
)  # fmt: skip


@pytest.fixture(scope="module")
def read(compose_config, dense_words, tmp_path_factory):
    """Read the inputs of a run with some words."""

    def inputs(*words):
        folder = tmp_path_factory.mktemp("run")
        words = [*dense_words, "evaluation.figures=true", *words, f"paths.output_dir={folder}"]
        return read_inputs(open_run(compose_config(*words), words), Console(quiet=True), set())[0]

    return inputs


@pytest.fixture(scope="module")
def curves(compose_config, dense_words):
    """The light curves that such runs read."""
    return make_survey(compose_config(*dense_words, *GP)).read().light_curves


@pytest.fixture(scope="module")
def moved(read):
    return read(*GP)


def curves_of(mjd, passband, flux, flux_err):
    detected = np.zeros(len(mjd), dtype=bool)
    arrays = (np.array(values, dtype=np.float64) for values in (mjd, flux, flux_err))
    mjd, flux, flux_err = arrays
    bounds = np.array([0, len(mjd)])
    return Curves(bounds, mjd, np.array(passband, dtype=np.uint8), flux, flux_err, detected)


def test_both_figures_lie_beside_the_others_and_in_tensorboard(tmp_path, run_train, dense_words):
    words = [word for word in dense_words if "figures" not in word and "tensorboard" not in word]
    result = run_train(tmp_path / "run", *words, *GP)
    made = {path.stem for path in (result.folder / "figures").iterdir()}
    assert made >= FIGURES | {"roc"}
    logged = EventAccumulator(str(result.folder / "tensorboard"))
    logged.Reload()
    assert made == set(logged.Tags()["images"])


def test_without_augmentation_or_figures_nothing_is_collected(read):
    assert read("augment=none").drawn is None
    assert read("augment=light", "evaluation.figures=false").drawn is None


def test_light_changes_have_copies_and_no_lines(read):
    arrays = read("augment=light").drawn
    assert all(not len(example.source.true_time) for example in arrays.examples)
    assert set(arrays.figures()) == FIGURES


def test_without_objects_to_classify_or_redshifts_the_rest_is_shown(read):
    words = ("survey.metadata=[]", "representation.sequences.redshift=null")
    arrays = read("augment=light", "split.test_fraction=0", *words).drawn
    assert all(not len(quantity.target) for quantity in arrays.quantities)
    assert [example.source.title for example in arrays.examples][::2] == ["fast", "flat", "slow"]
    samples = arrays.figures()["augmentation_samples"]
    assert len([axes for axes in samples.axes if axes.get_visible()]) == 3


def test_examples_are_training_objects_of_every_class_with_their_process(moved, curves):
    observed = Curves.of(curves)
    training = moved.split.rows("train")
    fluxes = [
        set(observed.flux[slice(*observed.bounds[row : row + 2])].tolist()) for row in training
    ]
    titles = [example.source.title for example in moved.drawn.examples]
    assert [title.split(",")[0] for title in titles] == ["fast"] * 2 + ["flat"] * 2 + ["slow"] * 2
    for example in moved.drawn.examples:
        source = example.source
        assert any(set(source.flux.tolist()) <= values for values in fluxes)
        assert "photo-z" in source.title
        assert source.true_flux.shape == source.true_err.shape == (2, len(source.true_time))
        assert source.true_time[0] < source.time.min() < source.time.max() < source.true_time[-1]
        # The line goes through the observations.
        line = np.array(
            [
                np.interp(time, source.true_time, source.true_flux[band])
                for time, band in zip(source.time, source.passband, strict=True)
            ]
        )
        assert np.abs((line - source.flux) / source.flux_err).mean() < 2
        assert len(example.copies) == 2
        for number, copy in enumerate(example.copies):
            assert copy.title.startswith(f"copy {number + 1}, photo-z")
            assert not len(copy.true_time)
            assert not set(copy.flux.tolist()) & set(source.flux.tolist())


def test_samples_are_the_training_objects_their_draws_and_the_test_objects(moved):
    train, test = (moved.split.rows(role) for role in ("train", "test"))
    by_label = {quantity.label: quantity for quantity in moved.drawn.quantities}
    redshift = by_label["photometric redshift"]
    photoz = moved.objects["photoz"].to_numpy()
    np.testing.assert_array_equal(redshift.training, photoz[train])
    np.testing.assert_array_equal(redshift.target, photoz[test])
    assert len(redshift.drawn) == 2 * len(train)  # all that an epoch has
    assert np.median(redshift.drawn) != np.median(redshift.training)
    assert list(by_label) == [
        "photometric redshift",
        "flux of the most significant observation",
        "colour (r - g) / (r + g), fluxes at peak",
        "highest signal-to-noise ratio",
    ]


def test_labels_change_nothing_but_those_of_training_objects(moved, curves):
    trains = pl.Series((moved.split.table["role"] == "train").to_list())
    hidden = pl.when(trains).then(pl.col(LABEL))
    blind = replace(curves, objects=curves.objects.with_columns(hidden))
    assert blind.objects[LABEL].null_count() == 30
    seed = derive_seed(0, "shown")
    again = AugmentationArrays.of(
        moved.stream, blind, moved.split, moved.taxonomy, moved.zeropoint, seed
    )
    for one, other in zip(moved.drawn.quantities, again.quantities, strict=True):
        for name in ("training", "drawn", "target"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for one, other in zip(moved.drawn.examples, again.examples, strict=True):
        assert one.source.title == other.source.title
        np.testing.assert_array_equal(one.copies[1].flux, other.copies[1].flux)
        np.testing.assert_array_equal(one.source.true_err, other.source.true_err)


def test_a_process_knows_less_where_nothing_was_observed(moved):
    augmenter = moved.stream.augmenter
    curves = augmenter.drawn.curves
    source = int(np.argmax(curves.counts))
    own = slice(*curves.bounds[source : source + 2])
    inside = posterior_curves(augmenter, source, np.unique(curves.mjd[own]))
    beyond = posterior_curves(augmenter, source, curves.mjd[own][-1] + np.array([40.0, 90.0]))
    assert inside is not None
    assert beyond is not None
    assert inside[0].shape == inside[1].shape == (2, len(np.unique(curves.mjd[own])))
    assert beyond[1].min() > 2 * inside[1].mean()
    plain = Augmenter(augmenter.objects, augmenter.passbands, augmenter.drawn, ())
    assert posterior_curves(plain, source, np.zeros(1)) is None


def test_a_colour_is_that_of_the_middle_passbands_near_the_best_time():
    four = Passbands(
        ("z", "g", "r", "i"), (900.0, 480.0, 620.0, 760.0)
    )  # r and i are in the middle
    mjd = [0, 1, 2, 3, 50, 50]
    passband = [0, 1, 2, 3, 2, 3]
    near = curves_of(mjd, passband, [500, 500, 30, 90, 1000, 1000], [1, 9, 1, 1, 999, 999])
    assert _colours(near, four) == pytest.approx([0.5])  # of r and i
    # Without wavelengths the order is that of the names.
    assert _colours(near, Passbands(("a", "b", "c", "d"))) == pytest.approx([(30 - 500) / 530])
    assert np.isnan(_colours(near, Passbands(("a",))))
    unseen = curves_of(mjd, passband, [500, 500, -5, 90, 1, 1], [1, 9, 3, 3, 999, 999])
    assert _colours(unseen, four) == [1.0]  # nothing in r
    faint = curves_of(mjd, passband, [500, 500, 3, 9, 1, 1], [1, 9, 10, 10, 999, 999])
    assert np.isnan(_colours(faint, four))
    one_sided = curves_of([0, 1], [0, 2], [50, 50], [1, 1])
    assert np.isnan(_colours(one_sided, four))


def test_what_is_never_above_zero_has_no_brightness():
    dark = curves_of([0, 1], [0, 1], [-5, -9], [1, 1])
    found = _measure(dark, np.array([np.nan]), Passbands(("g", "r")))
    assert np.isnan(found["flux"])
    assert found["ratio"] == [-5]
