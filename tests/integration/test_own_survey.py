"""A survey described in NAME.yaml is called NAME, whatever reads it and however it is chosen."""

import json

import pytest

pytestmark = pytest.mark.slow

YAML = """
defaults:
  - table
  - _self_
observations: observations.csv
objects: objects.csv
passbands: [g, r]
columns: {label: type}
metadata: [photoz]
redshift: photoz
"""


def test_a_sweep_over_two_and_what_follows(tmp_path, train_command, survey_folder, base_words):
    words = [word for word in base_words if not word.startswith(("survey", "representation"))]
    words += ["model=dense", "model.fit.epochs=1", "stacking.mode=holdout"]
    for name in ("sky", "sand"):
        place = tmp_path / "conf" / "survey" / f"{name}.yaml"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(YAML + f"root: {survey_folder}\n")
    own = ["--config-dir", "conf"]
    swept = ["-m", "survey=sky,sand", "seed=0,1", "hydra.sweep.dir=runs"]
    done = train_command(*own, *swept, *words, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Inputs of table" not in done.stdout
    for name, numbers in (("sky", (0, 1)), ("sand", (2, 3))):
        assert done.stdout.count(f"Inputs of {name}: redshift photoz") == 1
        for number in numbers:
            folder = tmp_path / "runs" / str(number)
            assert f"- survey: {name}\n" in (folder / "bundle" / "MODEL_CARD.md").read_text()
            assert (folder / "report.txt").read_text().startswith(f"Inputs of {name}: ")

    # The choice of the resuming command is another one.
    (tmp_path / "runs/2/metrics.json").unlink()
    done = train_command("resume=runs/2", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Inputs of sand: redshift photoz" in done.stdout
    assert (tmp_path / "runs/2/report.txt").read_text().startswith("Inputs of sand: ")

    words = ["bundle=runs/0/bundle", "survey=sand", "output=out.csv", "accelerator=cpu"]
    done = train_command(*own, *words, folder=tmp_path, script="predict.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Inputs of sand: redshift photoz" in done.stdout
    manifest = json.loads((tmp_path / "out.manifest.json").read_text())
    assert manifest["inputs"]["survey"]["survey"] == "sand"
