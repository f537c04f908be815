"""Errors, detections and the trigger against PLAsTiCC's ten public light curves."""

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lcclassify.simulation import noise, passbands
from lcclassify.simulation.cadence import CadenceSettings, simulate_fields

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("LCCLASSIFY_TEST_DATA", ROOT.parent / "shared" / "data")) / "plasticc"
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"PLAsTiCC's files are not in {DATA} (see LCCLASSIFY_TEST_DATA)"
)
BANDS = "ugrizy"


@pytest.fixture(scope="module")
def fields():
    return simulate_fields(CadenceSettings(), 0)


@pytest.fixture(scope="module")
def real():
    """All observations with the object's template flux and E(B-V)."""
    curves = pl.read_csv(DATA / "sample10_training_set.csv")
    truth = pl.read_csv(DATA / "plasticc_train_metadata.csv.gz", infer_schema=False).select(
        pl.col("object_id").str.strip_chars().cast(pl.Int64),
        *(
            pl.col(name).str.strip_chars().cast(pl.Float64)
            for name in ("mwebv", *(f"tflux_{band}" for band in BANDS))
        ),
    )
    table = curves.join(truth, on="object_id", how="left")
    template = table.select([f"tflux_{band}" for band in BANDS]).to_numpy()
    rows = np.arange(len(table))
    return table.with_columns(
        pl.Series("template", template[rows, table["passband"].to_numpy()])
    ).select("object_id", "mjd", "passband", "flux", "flux_err", "detected", "mwebv", "template")


@pytest.fixture(scope="module")
def deep_visits():
    """Sky noise and visits in the five deep fields by passband.

    Six surveys together: five fields and one weather move a median in g by 10 %.
    """
    surveys = [simulate_fields(CadenceSettings(wfd_fields=1, ddf_fields=5), s) for s in range(6)]
    parts = [(one, slice(one.starts[1], None)) for one in surveys]
    passband = np.concatenate([one.passband[part] for one, part in parts])
    sky = np.concatenate([one.sky_noise[part] for one, part in parts])
    visits = np.concatenate([one.visits[part] for one, part in parts])
    return [(sky[passband == band], visits[passband == band]) for band in range(6)]


@needs_data
def test_same_visits_give_the_same_errors(real):
    """Bright objects' errors follow from those of faint ones on the very same visits."""
    print("\nobject, passband, |flux|: predicted / real error (5, 50, 95 %)")
    checked = 0
    deep = np.array([20, 10, 20, 20, 26, 20.0])
    for bright, faint in ((615, 1632), (1598, 1632), (1124, 1632), (1227, 730)):
        pair = real.filter(pl.col("object_id") == bright).join(
            real.filter(pl.col("object_id") == faint), on=["mjd", "passband"], suffix="_faint"
        )
        pair = pair.filter(pl.col("flux_faint").abs() < 5 * pl.col("flux_err_faint"))
        band = pair["passband"].to_numpy()
        ours, theirs = pair["mwebv"].to_numpy(), pair["mwebv_faint"].to_numpy()
        sky = pair["flux_err_faint"].to_numpy()
        sky = sky / 10 ** (0.4 * passbands.EXTINCTION[band] * theirs)
        predicted = noise.flux_errors(
            pair["flux"].to_numpy(), pair["template"].to_numpy(), sky, band, ours, deep[band]
        )
        ratio = predicted / pair["flux_err"].to_numpy()
        for b in range(6):
            spread = np.percentile(ratio[band == b], [5, 50, 95])
            print(f"  {bright:5d} {BANDS[b]}", spread.round(3))
            assert spread == pytest.approx([1, 1, 1], abs=0.06)
            checked += (band == b).sum()
    assert checked > 1000


@needs_data
def test_faint_errors(real, deep_visits):
    """Quartiles by passband of the errors of faint observations, within 30 %."""
    print("\nflux_err of faint observations, 25 50 75 %: real, simulated")
    faint = real.filter(pl.col("flux").abs() < 3 * pl.col("flux_err"))
    faint = faint.filter(pl.col("template") < 20)
    for b in range(6):
        mine = faint.filter(pl.col("passband") == b)
        sky, visits = deep_visits[b]
        n = len(sky)
        zero, dust = np.zeros(n), np.full(n, float(mine["mwebv"].mean()))
        simulated = noise.flux_errors(zero, zero, sky, np.full(n, b), dust, visits)
        true = np.percentile(mine["flux_err"], [25, 50, 75])
        found = np.percentile(simulated, [25, 50, 75])
        print(f"  {BANDS[b]}", true.round(2), found.round(2))
        assert found == pytest.approx(true, rel=0.3)


@needs_data
def test_errors_over_the_range_of_fluxes(real, deep_visits):
    """Median error by passband and |flux|, within 30 % of the real objects'."""
    rng = np.random.default_rng(0)
    edges = np.array([0, 3, 10, 30, 100, 300, 1e9])
    print("\nmedian flux_err by |flux| in 0 3 10 30 100 300: real/simulated")
    for b in range(6):
        mine = real.filter(pl.col("passband") == b)
        flux = mine["flux"].to_numpy()
        sky, visits = deep_visits[b]
        pick = rng.integers(0, len(sky), (50, len(flux)))
        simulated = np.array(
            [
                noise.flux_errors(
                    flux,
                    mine["template"].to_numpy(),
                    sky[one],
                    np.full(len(flux), b),
                    mine["mwebv"].to_numpy(),
                    visits[one],
                )
                for one in pick
            ]
        )
        row = []
        for low, high in pairwise(edges):
            inside = (np.abs(flux) >= low) & (np.abs(flux) < high)
            if inside.sum() < 12:
                row.append("     -     ")
                continue
            true = np.median(mine["flux_err"].to_numpy()[inside])
            found = np.median(simulated[:, inside])
            row.append(f"{true:5.2f}/{found:5.2f}")
            assert found == pytest.approx(true, rel=0.3), (BANDS[b], low)
        print(f"  {BANDS[b]}", *row)


def test_wide_errors(fields):
    """Lognormal fits to PLAsTiCC's wide survey that Boone 2019 (AJ 158, 257) used."""
    published = [(2.34, 0.43), (0.94, 0.41), (1.30, 0.41), (1.82, 0.42), (2.56, 0.36), (3.33, 0.37)]
    field = np.repeat(np.arange(len(fields)), np.diff(fields.starts))
    wide = ~fields.ddf[field]
    zero = np.zeros(wide.sum())
    errors = noise.flux_errors(
        zero,
        zero,
        fields.sky_noise[wide],
        fields.passband[wide],
        fields.mwebv[field[wide]],
        fields.visits[wide],
    )
    print("\nflux_err of empty wide fields, 25 50 75 %: published, simulated")
    for b, (mean, width) in enumerate(published):
        expected = np.exp(mean + width * np.array([-0.674, 0, 0.674]))
        found = np.percentile(errors[fields.passband[wide] == b], [25, 50, 75])
        print(f"  {BANDS[b]}", expected.round(2), found.round(2))
        assert found == pytest.approx(expected, rel=0.3)


@needs_data
def test_detections(real):
    snr = (real["flux"].abs() / real["flux_err"]).to_numpy()
    detected = real["detected"].to_numpy()
    expected = noise.detection_probability(snr, np.ones(len(snr)))
    print("\n|S/N|: number, share detected, expected")
    for low, high in ((0, 3), (3, 4), (4, 5), (5, 6), (6, 7), (7, 8), (8, 10), (10, 1e9)):
        inside = (snr >= low) & (snr < high)
        share, mean = detected[inside].mean(), expected[inside].mean()
        print(f"  {low:4.0f} {inside.sum():5d} {share:.3f} {mean:.3f}")
        binomial = np.sqrt(max(mean * (1 - mean), 0.01) / inside.sum())
        assert abs(share - mean) < 3 * binomial + 0.01


def test_detection_is_even_and_bounded():
    snr = np.array([-1e6, -5.5, 0.0, 5.5, 1e6])
    found = noise.detection_probability(snr * 2, np.full(5, 2.0))
    assert found[[1, 3]] == pytest.approx([0.5, 0.5])
    assert found[[0, 4]] == pytest.approx([1, 1])
    assert found[2] < 0.005


def test_terms_of_the_error():
    band = np.arange(6, dtype=np.uint8)
    zero, one = np.zeros(6), np.ones(6)
    sky = np.linspace(1, 6, 6)
    assert noise.flux_errors(zero, zero, sky, band, zero, one) == pytest.approx(sky)
    dust = noise.flux_errors(zero, zero, sky, band, 0.1 * one, one)
    assert dust == pytest.approx(sky * 10 ** (0.04 * passbands.EXTINCTION))
    dusty = noise.flux_errors(1e8 * one, zero, sky, band, one, one) / 1e8
    expected = np.hypot(0.0047, 0.05 * 0.4 * np.log(10) * passbands.EXTINCTION)
    assert dusty == pytest.approx(expected, rel=0.01)
    bright = noise.flux_errors(1e7 * one, zero, sky, band, zero, one)
    assert bright / 1e7 == pytest.approx(noise.CALIBRATION * one, rel=0.02)
    template = noise.flux_errors(zero, 1e4 * one, sky, band, zero, one)
    assert template**2 - sky**2 == pytest.approx(noise.PHOTON_NOISE * 1e4)
    more = noise.flux_errors(zero, 1e4 * one, sky, band, zero, 4 * one)
    assert more**2 - sky**2 == pytest.approx(noise.PHOTON_NOISE * 2.5e3)
    # A star that has faded to nothing has no photons, and so no negative variance.
    gone = noise.flux_errors(-2e4 * one, 1e4 * one, sky, band, zero, one)
    assert gone == pytest.approx(np.hypot(sky, noise.CALIBRATION * 2e4))


def test_an_error_does_not_depend_on_the_others(fields):
    rng = np.random.default_rng(1)
    n = 1001
    flux, template = rng.normal(0, 300, n), rng.exponential(100, n)
    band, dust = rng.integers(0, 6, n).astype(np.uint8), rng.exponential(0.1, n)
    sky, visits = fields.sky_noise[:n], fields.visits[:n]
    whole = noise.flux_errors(flux, template, sky, band, dust, visits)
    for part in (slice(0, 1), slice(5, 12), slice(333, 1001)):
        alone = [np.ascontiguousarray(x[part]) for x in (flux, template, sky, band, dust, visits)]
        assert np.array_equal(noise.flux_errors(*alone), whole[part])


def test_trigger():
    minute = 1 / 1440
    row = np.array([0, 0, 1, 1, 2, 2, 3, 5, 5, 5])
    mjd = np.array([0, 20 * minute, 0, 31 * minute, 0, 9, 4, 0, 1, 2.0])
    detected = np.array([1, 1, 1, 1, 1, 0, 1, 1, 0, 1], dtype=bool)
    found = noise.triggered(row, mjd, detected, 6)
    assert found.tolist() == [False, True, False, False, False, True]
    assert noise.triggered(row, mjd, detected, 6, separation=10 * minute)[0]
    assert not noise.triggered(row, mjd, np.zeros(10, dtype=bool), 6).any()
