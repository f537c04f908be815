"""The sets that cost most, as a representation has them: together, in order, in any company."""

from __future__ import annotations

import numpy as np
import pytest

from lcclassify.representations.features import sets
from lcclassify.representations.representation import Representation

COSTLY = ("periodic", "gp", "parametric")


@pytest.mark.parametrize("n_bands", [1, 4, 7])
@pytest.mark.parametrize("metadata", [True, False])
def test_a_representation_with_all_of_them(survey, curves_of, n_bands, metadata):
    pytest.importorskip("light_curve")
    observations, objects = survey(12, n_bands)
    curves = curves_of(observations, objects if metadata else None, n_bands)
    settings = Representation(
        "mine", features=("reference", *COSTLY), sequences={"redshift": "auto"}
    ).of_survey("hostgal_photoz" if metadata else None, curves.metadata_columns)
    prepared = settings.fit(curves, seed=0).prepare(curves)
    names = prepared.feature_names
    assert prepared.features.shape == (12, len(names))
    assert len(set(names)) == len(names)
    assert not np.isinf(prepared.features).any()
    every = {name: prepared.features[:, names.index(name)] for name in names}
    for one in COSTLY:
        alone = Representation("one", features=(one,), sequences={"redshift": "auto"}).of_survey(
            "hostgal_photoz" if metadata else None, curves.metadata_columns
        )
        part = alone.fit(curves, seed=0).prepare(curves)
        for name, values in zip(part.feature_names, part.features.T, strict=True):
            np.testing.assert_array_equal(every[name], values, err_msg=name)
    # Most objects have enough observations for something.
    assert np.isfinite(every["gp_time_scale"]).mean() > 0.5
    assert np.isfinite(every["fast_share"]).mean() > 0.5
    assert np.isfinite(every["bazin_chi_square_together"]).mean() > 0.5


def test_names_have_passbands_and_values_are_as_many(survey, curves_of):
    curves = curves_of(*survey(3, 4), 4)
    for name in COSTLY:
        module = sets._module(name)
        for with_redshift in (True, False):
            names = module.names(curves.passbands, with_redshift=with_redshift)
            for band in curves.passbands.names:
                assert sum(one.endswith(f"_{band}") for one in names) >= 2
