"""Units that files state of fluxes and magnitudes are not passed over."""

from pathlib import Path
from typing import Any

import pytest
from astropy.table import Column, Table

from lcclassify.errors import ConfigError
from lcclassify.surveys.table import TableSurvey

FORMATS = {"fits": "fits", "ecsv": "ascii.ecsv", "vot": "votable"}


def survey(folder: Path, suffix: str, flux: str | None, error: str | None, **options: Any) -> Any:
    rows = {"object_id": ["a", "a"], "mjd": [1.0, 2.0], "passband": ["g", "r"]}
    table = Table({**rows, "flux": Column([20.0, 21.0], unit=flux)})
    table["flux_err"] = Column([0.1, 0.2], unit=error)
    if "columns" in options:
        table["zp"] = [25.0, 25.0]
    table.write(folder / f"a.{suffix}", format=FORMATS[suffix], overwrite=True)
    return TableSurvey(f"a.{suffix}", ["g", "r"], root=folder, **options)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    ("flux", "error", "options", "words"),
    [
        ("mag", "mag", {}, "'flux' of .* has the unit 'mag': set survey.brightness=magnitude"),
        ("uJy", "mag", {}, "'flux_err' of .* has the unit 'mag'"),
        ("uJy", "uJy", {"brightness": "magnitude"}, "'uJy', and survey.brightness is magnitude"),
        ("uJy", "mJy", {}, "'flux' in 'uJy' and 'flux_err' in 'mJy': a flux and its error"),
        ("uJy", "ct", {}, "'flux_err' in 'ct'"),
        ("uJy", "uJy", {"zeropoint": 31.4}, "whose zero-point is 23.9, and survey.zeropoint is 31"),
    ],
)
def test_what_contradicts_itself_or_the_options(
    tmp_path: Path, suffix: str, flux: str, error: str, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        survey(tmp_path, suffix, flux, error, **options).read()


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    ("flux", "error", "options"),
    [
        (None, None, {}),
        ("uJy", "uJy", {}),
        ("uJy", None, {"zeropoint": 23.9}),
        ("ct", "ct", {"zeropoint": 31.4}),
        ("mag", "mag", {"brightness": "magnitude"}),
        ("mag", None, {"brightness": "magnitude"}),
        ("uJy", "uJy", {"zeropoint": 27.5, "columns": {"zeropoint": "zp"}}),
    ],
)
def test_what_does_not(
    tmp_path: Path, suffix: str, flux: str | None, error: str | None, options: dict[str, Any]
) -> None:
    assert survey(tmp_path, suffix, flux, error, **options).read().report.rows_kept == 2
