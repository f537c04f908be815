"""Training objects with the redshifts of others."""

import numpy as np
import polars as pl
import pytest

from lcclassify.representations.representation import Representation
from lcclassify.schema import LightCurves, Passbands
from lcclassify.tasks.mismatching import cached, mismatched_objects
from lcclassify.training.mismatch import Mismatched

N = 160


def objects_of(redshift):
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "object_id": np.arange(N),
            "label": ["a"] * N,
            "photoz": redshift,
            "photoz_err": np.asarray(redshift, dtype=float) * 0.1 + 0.01,
            "photoz_q90": np.asarray(redshift, dtype=float) * 1.1,
            "ebv": rng.uniform(0, 1, N),
        }
    )


def curves_of(objects):
    rng = np.random.default_rng(1)
    mjd = 59000 + np.sort(rng.uniform(0, 80, (N, 12)), axis=1)
    return LightCurves(
        pl.DataFrame(
            {
                "object_id": np.repeat(np.arange(N), 12),
                "mjd": mjd.ravel(),
                "passband": np.tile([0, 1], 6 * N).astype(np.uint8),
                "flux": rng.normal(20, 5, 12 * N),
                "flux_err": np.full(12 * N, 1.5),
                "detected": np.ones(12 * N, dtype=bool),
            }
        ),
        objects,
        Passbands(("g", "r")),
    )


def fitted(curves, redshift="photoz"):
    settings = Representation(
        name="test", noise=0.0, sequences={"redshift": redshift}, features=("reference", "shape")
    )
    return settings.fit(curves, seed=0)


@pytest.fixture(scope="module")
def redshift():
    found = np.random.default_rng(2).uniform(0.1, 1.5, N)
    found[::5] = 0.0
    return found


def test_redshift_and_error_of_another_object_and_all_else_its_own(redshift):
    objects = objects_of(redshift)
    curves = curves_of(objects)
    representation = fitted(curves)
    rows = np.arange(0, N, 2)
    found = mismatched_objects(curves, objects, rows, representation, seed=3)
    names = list(representation.feature_names)
    table = dict(zip(names, found.features.T, strict=True))
    assert set(found.owners) <= set(rows)
    own, given = redshift[found.owners], table["photoz"]
    assert np.isin(given, redshift[rows]).all()
    apart = np.abs(np.log1p(given) - np.log1p(own)) > 0.02
    assert (apart | ((given == 0) != (own == 0))).all()
    assert ((own == 0) != (given == 0)).any()
    np.testing.assert_allclose(table["photoz_err"], given * 0.1 + 0.01)
    np.testing.assert_allclose(table["photoz_q90"], given * 1.1)
    np.testing.assert_array_equal(table["ebv"], objects["ebv"].to_numpy()[found.owners])
    prepared = representation.prepare(curves)
    brightest = next(name for name in names if name.startswith("flux_max_"))
    flux = prepared.features[found.owners, names.index(brightest)]
    np.testing.assert_array_equal(table[brightest], flux)


def test_the_same_for_the_same_seed(redshift):
    objects = objects_of(redshift)
    curves = curves_of(objects)
    made = [
        mismatched_objects(curves, objects, np.arange(N), fitted(curves), seed)
        for seed in (3, 3, 4)
    ]
    np.testing.assert_array_equal(made[0].features, made[1].features)
    assert not np.array_equal(made[0].owners, made[2].owners)


@pytest.mark.parametrize("given", [[None] * N, [0.3] * N, [0.3] * 40 + [None] * (N - 40)])
def test_nothing_to_exchange(given):
    objects = objects_of(redshift=pl.Series(given, dtype=pl.Float64).fill_null(np.nan).to_numpy())
    objects = objects.with_columns(pl.col("photoz", "photoz_err", "photoz_q90").fill_nan(None))
    curves = curves_of(objects)
    assert mismatched_objects(curves, objects, np.arange(N), fitted(curves), seed=3) is None


def test_no_redshift_is_an_input(redshift):
    objects = objects_of(redshift)
    curves = curves_of(objects)
    none = fitted(curves, redshift=None)
    assert mismatched_objects(curves, objects, np.arange(N), none, seed=3) is None


def test_the_cache_gives_the_same_and_nothing_damaged(tmp_path):
    calls = []

    def make():
        calls.append(1)
        return Mismatched(np.array([[1.0, np.nan]]), np.array([7]))

    folder = tmp_path / "cache" / "key"
    found = [cached(folder, make) for _ in range(2)]
    assert len(calls) == 1
    np.testing.assert_array_equal(found[1].features, found[0].features)
    assert found[1].owners.tolist() == [7]
    content = (folder / "features.npy").read_bytes()
    for damaged in (content[:20], b"", b"no array at all"):
        (folder / "features.npy").write_bytes(damaged)
        assert cached(folder, make).owners.tolist() == [7]
    assert len(calls) == 4
    assert cached(tmp_path / "none", lambda: None) is None
    assert not (tmp_path / "none").exists()
