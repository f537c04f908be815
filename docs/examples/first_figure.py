"""Draws the figure of the README: one supernova as it becomes known, and who is taken for whom.

    python train.py paths.output_dir=outputs/first
    lcclassify simulate output=outputs/sky survey.training=0 survey.test=1000 survey.seed=1 \
        gallery=false
    python docs/examples/first_figure.py outputs/first outputs/sky docs/images/first.png

The first command trains on a simulated survey, the second one simulates another sky.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib as mpl
import numpy as np
import polars as pl

import lcclassify
from lcclassify.evaluation.passband_styles import LSST_STYLES

METADATA = ["object_id", "hostgal_photoz", "hostgal_photoz_err", "distmod", "mwebv"]
SHOWN = {"90": ("SN Ia", "#D55E00"), "42": ("SN II", "#0072B2"), "62": ("SN Ibc", "#009E73")}
AROUND = (-30.0, 110.0)  # days from the first detection


def main() -> None:
    """Draw and write the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a training run")
    parser.add_argument("survey", type=Path, help="folder of a survey in PLAsTiCC's form")
    parser.add_argument("output", type=Path, help="image to write")
    parser.add_argument("--object", type=int, default=44, help="id of the object")
    options = parser.parse_args()

    mpl.use("agg")
    mpl.rcParams.update(
        {
            "font.size": 8,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.linewidth": 0.7,
        }
    )
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.2, 4.2), layout="constrained", facecolor="white")
    left, right = figure.subfigures(1, 2, width_ratios=(1.12, 1))
    draw_object(left, options.run / "bundle", options.survey, options.object)
    draw_confusion(right, options.run / "metrics.json")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.output, dpi=150, pil_kwargs={"optimize": True})


def draw_object(figure, bundle: Path, survey: Path, object_id: int) -> None:
    """Draw an object's light curve, and what was known of its class after each night."""
    wanted = pl.col("object_id") == object_id
    observations = pl.read_parquet(survey / "plasticc_test_lightcurves.parquet").filter(wanted)
    objects = pl.read_parquet(survey / "plasticc_test_metadata.parquet").filter(wanted)
    classifier = lcclassify.load(bundle, accelerator="cpu")
    found = classifier.explain(observations, objects.select(METADATA))
    first = observations.filter(pl.col("detected_bool") == 1)["mjd"].min()

    curve, classes = figure.subplots(2, 1, sharex=True, height_ratios=(1.25, 1))
    for number, (name, (color, marker)) in enumerate(LSST_STYLES.items()):
        rows = observations.filter(pl.col("passband") == number)
        days, flux, error = (rows[key].to_numpy() for key in ("mjd", "flux", "flux_err"))
        curve.errorbar(
            days - first, flux, error, color=color, marker=marker, markersize=4, linewidth=0,
            elinewidth=0.8, label=name,
        )  # fmt: skip
    seen = observations.filter((pl.col("mjd") - first).is_between(*AROUND))["flux"]
    room = 0.12 * (seen.max() - seen.min())
    curve.set_ylim(seen.min() - room, seen.max() + room)
    curve.axhline(0, color="#BBBBBB", linewidth=0.7, zorder=0)
    curve.set_ylabel("flux")
    curve.legend(ncols=6, frameon=False, loc="upper right", handletextpad=0, columnspacing=0.8)
    redshift = objects["hostgal_photoz"][0]
    curve.set_title(f"a simulated supernova, photometric redshift {redshift:.2f}", loc="left")

    for label, (name, color) in SHOWN.items():
        probability = found.seen[:, found.classes.index(label)]
        classes.step(found.night_mjd - first, probability, where="post", color=color, label=name)
    classes.set(xlim=AROUND, ylim=(0, 1.12), xlabel="days from the first detection")
    classes.set_ylabel("probability so far")
    classes.legend(ncols=3, frameon=False, loc="upper left", handlelength=1.2)


def draw_confusion(figure, metrics: Path) -> None:
    """Draw which share of each class is taken for which, of objects like the training ones."""
    found = json.loads(metrics.read_text())["held_out"]["stack"]
    counts = np.array(found["confusion"], dtype=float)
    present = counts.sum(axis=1) > 0
    # Supernovae, which are taken for each other, stand together.
    order = sorted(np.flatnonzero(present), key=lambda k: ("SN" not in found["names"][k], k))
    counts = counts[order][:, order]
    shares = counts / counts.sum(axis=1, keepdims=True)
    names = [found["names"][k] for k in order]
    axes = figure.subplots()
    axes.imshow(shares, cmap="GnBu", vmin=0, vmax=1)
    for row, column in np.argwhere(shares >= 0.005):
        share = shares[row, column]
        axes.text(
            column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=6.5,
            color="white" if share > 0.6 else "#333333",
        )  # fmt: skip
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(length=0, labelsize=7)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="predicted class", ylabel="true class, per cent of it")
    right = np.trace(counts) / counts.sum()
    axes.set_title(f"{right:.1%} of {counts.sum():,.0f} held-out objects are right", loc="left")


if __name__ == "__main__":
    main()
