"""The simulation beside PLAsTiCC's real training set: every comparison is printed.

`pytest -rP tests/simulation/test_against_plasticc.py` shows the tables. The simulated side is
far larger than the real one, so that what is left of chance is the real side's; of small
classes it is large, and the tolerance grows by three standard errors of the real quartiles
(bootstrap). Rows that the tolerance does not cover are marked, and must be in `KNOWN`.
"""

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lcclassify.simulation.simulator import Simulator, training_ids, wide_ids

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("LCCLASSIFY_TEST_DATA", ROOT.parent / "shared" / "data")) / "plasticc"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not FOLDER.is_dir(),
        reason=f"PLAsTiCC's metadata are not in {FOLDER} (see LCCLASSIFY_TEST_DATA)",
    ),
]

QUARTILES = (0.25, 0.5, 0.75)
EXTRAGALACTIC = (15, 42, 52, 62, 64, 67, 88, 90, 95)
STATIC = (6, 16, 53, 65, 88, 92)
N_TRAINING = 40_000
N_WIDE = 4_000

# Relative differences of quartiles that are allowed beyond chance.
REDSHIFT_TOLERANCE = 0.2
FLUX_TOLERANCE = 0.3

# What does not fit, and is said in docs/background/simulation.md: (class, quantity).
KNOWN: set[tuple[int, str]] = set()


@pytest.fixture(scope="module")
def real():
    table = pl.read_csv(FOLDER / "plasticc_train_metadata.csv.gz", infer_schema=False)
    return table.with_columns(pl.all().str.strip_chars().cast(pl.Float64)).with_columns(
        pl.col("target").cast(pl.Int64)
    )


@pytest.fixture(scope="module")
def simulator(make_survey):
    survey = make_survey()
    return Simulator(survey.classes, survey.cadence, seed=1)


@pytest.fixture(scope="module")
def training(simulator):
    objects, truths, counts = [], [], []
    for chunk in simulator.chunks(training_ids(N_TRAINING)):
        objects.append(chunk.objects)
        truths.append(chunk.truth)
        counts.append(chunk.observations.group_by("object_id").len("observations"))
    table = pl.concat(objects).join(pl.concat(truths), on="object_id")
    return table.join(pl.concat(counts), on="object_id").rename({"true_target": "target"})


@pytest.fixture(scope="module")
def wide(simulator):
    return [*simulator.chunks(wide_ids(N_WIDE))]


def quartile_errors(values, rng):
    """Standard errors of the quartiles by bootstrap, `(3,)`."""
    draws = rng.choice(values, (300, len(values)))
    return np.quantile(draws, QUARTILES, axis=1).std(axis=1)


def compare(title, rows, tolerance):
    """Print real and simulated quartiles; return the rows out of tolerance."""
    rng = np.random.default_rng(0)
    print(f"\n{title}: quartiles, real | simulated (tolerance {tolerance:.0%} + 3 s.e.)")
    outside = []
    for target, quantity, ours, theirs in rows:
        actual, made = np.quantile(theirs, QUARTILES), np.quantile(ours, QUARTILES)
        allowed = tolerance * actual + 3 * quartile_errors(theirs, rng)
        fits = bool((np.abs(made - actual) <= allowed).all())
        values = " ".join(f"{x:9.3g}" for x in actual) + " | " + " ".join(f"{x:9.3g}" for x in made)
        print(
            f"  {target:4d} {quantity:15s} n={len(theirs):5d}  {values} {'' if fits else '  <--'}"
        )
        if not fits:
            outside.append((target, quantity))
    return outside


def test_redshifts_by_class(real, training):
    def rows(column):
        for target in EXTRAGALACTIC:
            own = pl.col("target") == target
            yield target, column, training.filter(own)[column], real.filter(own)[column]

    outside = compare("true redshift", rows("true_z"), REDSHIFT_TOLERANCE)
    outside += compare("photometric redshift", rows("hostgal_photoz"), REDSHIFT_TOLERANCE)
    assert set(outside) <= KNOWN


def test_mean_fluxes_of_static_classes(real, training):
    def rows():
        for target in STATIC:
            own = pl.col("target") == target
            for band in "ugrizy":
                column = f"tflux_{band}"
                yield target, column, training.filter(own)[column], real.filter(own)[column]

    assert set(compare("mean flux", rows(), FLUX_TOLERANCE)) <= KNOWN


def test_share_of_deep_drilling_fields(real, training):
    print("\nshare of deep drilling fields (tolerance 3 s.d. of the real number)")
    for target, own in real.group_by("target", maintain_order=True):
        share = own["ddf_bool"].mean()
        made = training.filter(pl.col("target") == target[0])["ddf"].mean()
        error = np.sqrt(max(made * (1 - made), 0.01) / len(own))
        print(f"  {target[0]:4d} real {share:.3f} simulated {made:.3f}")
        assert abs(share - made) < 3 * error + 0.01
    assert training["ddf"].mean() == pytest.approx(real["ddf_bool"].mean(), abs=0.01)


def test_share_of_deep_drilling_fields_at_large(wide):
    share = pl.concat(chunk.objects for chunk in wide)["ddf"].mean()
    print(f"\nshare of deep drilling fields in the survey at large: {share:.4f} (0.01 wanted)")
    assert share == pytest.approx(0.01, abs=0.005)


def test_photometric_redshifts(real, training):
    print("\nphotometric redshift: (photoz - z) / (1 + z)")
    rows = {}
    for name, table in (("real", real), ("simulated", training)):
        table = table.filter(pl.col("hostgal_photoz") > 0)
        z, photoz, err = table["true_z"], table["hostgal_photoz"], table["hostgal_photoz_err"]
        off = ((photoz - z) / (1 + z)).to_numpy()
        rows[name] = [
            np.median(off),
            1.4826 * np.median(np.abs(off - np.median(off))),
            np.mean(np.abs(off) > 0.15),
            np.mean(np.abs(off) > 0.5),
            *np.quantile(err, [0.25, 0.5, 0.75, 0.9]),
        ]
        print(
            f"  {name:9s} bias {rows[name][0]:.4f} NMAD {rows[name][1]:.4f} "
            f">0.15 {rows[name][2]:.3f} >0.5 {rows[name][3]:.3f} reported error 25/50/75/90 % "
            + " ".join(f"{x:.3f}" for x in rows[name][4:])
        )
    real_row, made = rows["real"], rows["simulated"]
    assert made[0] == pytest.approx(real_row[0], abs=0.005)
    assert made[1] == pytest.approx(real_row[1], rel=0.2)
    assert made[2] == pytest.approx(real_row[2], abs=0.025)
    assert made[3] == pytest.approx(real_row[3], abs=0.025)
    assert made[4:] == pytest.approx(real_row[4:], rel=0.4)


def test_observations_an_object(real, training, wide):
    deep = training.filter(pl.col("ddf") == 1)["observations"]
    shallow = training.filter(pl.col("ddf") == 0)["observations"]
    sample = pl.read_csv(FOLDER / "sample10_training_set.csv")
    ten = sample.group_by("object_id").len()["len"]
    at_large = np.concatenate(
        [chunk.observations.group_by("object_id").len()["len"].to_numpy() for chunk in wide]
    )
    # 1,421,705 observations of 7,848 objects, of which the ten real ones tell the deep part.
    per_object = 1_421_705 / 7_848
    per_wide = (1_421_705 - ten.mean() * real["ddf_bool"].sum()) / (real["ddf_bool"] == 0).sum()
    print("\nobservations an object: 5, 50, 95 % and mean")
    for name, counts in (
        ("ten real deep ones", ten),
        ("simulated deep", deep),
        ("simulated wide", shallow),
        ("simulated, survey at large", at_large),
    ):
        low, middle, high = np.quantile(counts, [0.05, 0.5, 0.95])
        print(f"  {name:28s} {low:5.0f} {middle:5.0f} {high:5.0f}  {counts.mean():6.1f}")
    print(f"  real mean of all {per_object:.1f}, thus of wide ones about {per_wide:.1f}")
    assert deep.mean() == pytest.approx(ten.mean(), rel=0.1)
    assert shallow.mean() == pytest.approx(per_wide, rel=0.1)
    assert training["observations"].mean() == pytest.approx(per_object, rel=0.1)
    low, high = np.quantile(shallow, [0.1, 0.9])
    assert low > 90
    assert high < 190


def nights_of(observations):
    """Nights an object, and passbands of each night."""
    day = (pl.col("mjd") - 0.66).floor().alias("day")  # noon in Chile
    nights = observations.group_by("object_id", day).agg(pl.col("passband").n_unique())
    return nights.group_by("object_id").len()["len"], nights["passband"]


def test_nights_and_passbands_a_night(simulator, wide):
    sample = pl.read_csv(FOLDER / "sample10_training_set.csv")
    chunk = simulator.make(training_ids(3_000))
    deep = chunk.objects.filter(pl.col("ddf") == 1)["object_id"]
    observations = chunk.observations.filter(pl.col("object_id").is_in(deep.to_list()))
    rows = {
        "ten real deep ones": nights_of(sample),
        "simulated deep": nights_of(observations),
        "simulated, survey at large": nights_of(wide[0].observations),
    }
    print("\nnights an object: 5, 50, 95 %, most; passbands a night: mean, share of one")
    for name, (nights, bands) in rows.items():
        low, middle, high = np.quantile(nights, [0.05, 0.5, 0.95])
        print(
            f"  {name:28s} {low:4.0f} {middle:4.0f} {high:4.0f} {nights.max():4d}   "
            f"{bands.mean():.2f} {(bands == 1).mean():.2f}"
        )
    actual, made = rows["ten real deep ones"], rows["simulated deep"]
    assert made[0].median() == pytest.approx(actual[0].median(), rel=0.15)
    assert made[0].max() <= 170
    assert made[1].mean() == pytest.approx(actual[1].mean(), rel=0.15)
    assert (made[1] == 1).mean() == pytest.approx((actual[1] == 1).mean(), abs=0.1)
