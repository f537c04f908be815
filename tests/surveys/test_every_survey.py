"""What must hold for whatever survey stands in conf/survey."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from omegaconf import DictConfig, OmegaConf
from polars.testing import assert_frame_equal

from lcclassify.errors import ConfigError
from lcclassify.schema import OBSERVATION_COLUMNS
from lcclassify.surveys.base import Survey

CONF = Path(__file__).parents[2] / "conf" / "survey"
# Simulated objects come from no files; tests/surveys/test_simulated.py has that survey.
NAMES = sorted({file.stem for file in CONF.glob("*.yaml")} - {"simulated"})
Build = Callable[..., Survey]


def parents(name: str) -> list[str]:
    """Return what the defaults list of a YAML inherits."""
    listed = OmegaConf.load(CONF / f"{name}.yaml").get("defaults", [])
    return [each for each in listed if each != "_self_"]


def loaded(name: str) -> Any:
    """Load a YAML and what its defaults list inherits."""
    own = OmegaConf.load(CONF / f"{name}.yaml")
    own.pop("defaults", None)
    return OmegaConf.merge(*map(loaded, parents(name)), own)


def configured(name: str, cache: Path, overrides: dict[str, Any]) -> DictConfig:
    """Compose a YAML as the entry points do: in struct mode, under `survey`."""
    config = OmegaConf.create({"paths": {"cache_dir": str(cache)}, "survey": loaded(name)})
    OmegaConf.set_struct(config, True)
    for key, value in overrides.items():
        OmegaConf.update(config, f"survey.{key}", value, merge=True)
    return config


@pytest.fixture(params=NAMES)
def overrides(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Name of a survey and what a user would override to read a small copy of it."""

    def copy(fixture: str) -> dict[str, Any]:
        return {"root": str(request.getfixturevalue(fixture))}

    name = request.param
    if name == "snana":
        further = {"passbands": list("griz"), "class_map": {"120": "Ia", "*": "other"}}
        return name, copy("snana_folder") | further
    if "snana" in parents(name):
        return name, copy("snana_folder")
    if name in ("snphotcc", "plasticc"):
        return name, copy(f"{name}_folder")
    if name != "table":
        pytest.fail(f"the survey {name} needs a small copy of its files here")
    return name, copy("plasticc_folder") | {
        "observations": "training_set.csv",
        "objects": "training_set_metadata.csv",
        "passbands": [0, 1, 2, 3, 4, 5],
        "columns.label": "target",
        "metadata": {"photoz": "hostgal_photoz"},
        "class_map": {92: "RR Lyrae"},
    }


@pytest.fixture
def build(overrides: tuple[str, dict[str, Any]], tmp_path: Path) -> Build:
    """Instantiate the survey from its YAML."""

    def built(**changes: Any) -> Survey:
        name, values = overrides
        config = configured(name, tmp_path / "cache", {**values, **changes})
        arguments: dict[str, Any] = OmegaConf.to_container(config.survey, resolve=True)  # type: ignore[assignment]
        module, _, cls = arguments.pop("_target_").rpartition(".")
        survey = getattr(importlib.import_module(module), cls)(**arguments)
        assert isinstance(survey, Survey)
        return survey

    return built


def test_canonical_tables(build: Build) -> None:
    survey = build()
    data = survey.read()
    rows, objects = data.light_curves.observations, data.light_curves.objects
    assert tuple(rows.columns) == OBSERVATION_COLUMNS
    assert rows.dtypes[1:] == [pl.Float64, pl.UInt8, pl.Float64, pl.Float64, pl.Boolean]
    assert rows.schema["object_id"] == objects.schema["object_id"]
    assert objects.columns[:3] == ["object_id", "label", "subset"]
    assert len(data.light_curves.metadata_columns) == len(objects.columns) - 3
    assert set(objects.dtypes[3:]) == {pl.Float64}
    assert rows.null_count().sum_horizontal().item() == 0
    assert_frame_equal(rows, rows.sort("object_id", "mjd", "passband", "flux_err", "flux"))
    assert_frame_equal(objects, objects.sort("object_id"))
    assert objects["object_id"].is_unique().all()
    assert set(objects["label"].drop_nulls()) <= set(data.taxonomy.classes)
    assert data.report.rows_kept == rows.height
    assert data.light_curves.passbands == survey.passbands
    assert data.zeropoint == survey.zeropoint
    assert survey.redshift is None or survey.redshift in data.light_curves.metadata_columns
    assert not any("spec" in name or "true" in name for name in objects.columns)


def test_reading_twice_gives_the_same(build: Build) -> None:
    first, second = build().read(), build().read()
    assert_frame_equal(first.light_curves.observations, second.light_curves.observations)
    assert_frame_equal(first.light_curves.objects, second.light_curves.objects)


def test_fingerprint_is_plain_stable_and_follows_files_and_options(
    build: Build, overrides: tuple[str, dict[str, Any]]
) -> None:
    before = build().fingerprint()
    assert json.loads(json.dumps(before)) == before
    assert build().fingerprint() == before
    assert build(detection_snr=3.0).fingerprint() != before
    file = min(Path(overrides[1]["root"]).iterdir())
    status = file.stat()
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert build().fingerprint() != before


def test_fingerprint_follows_the_code(build: Build, other_code: Callable[[], None]) -> None:
    before = build().fingerprint()
    other_code()
    assert build().fingerprint() != before


def test_detection_limit_is_checked(build: Build) -> None:
    with pytest.raises(ConfigError, match="detection_snr"):
        build(detection_snr=float("nan"))


def test_lists_of_omegaconf_are_accepted(
    overrides: tuple[str, dict[str, Any]], tmp_path: Path
) -> None:
    name, values = overrides
    config = configured(name, tmp_path / "cache", values).survey
    arguments = {key: config[key] for key in config if key != "_target_"}
    module, _, cls = config["_target_"].rpartition(".")
    survey = getattr(importlib.import_module(module), cls)(**arguments)
    assert json.loads(json.dumps(survey.fingerprint()))
    assert survey.read().light_curves.objects.height == 3


def test_unknown_key_is_refused(build: Build) -> None:
    with pytest.raises(Exception, match="no_such_key"):
        build(no_such_key=1)
