"""What the sets of features periodic, gp and parametric cost, and what trees gain by them.

    python benchmarks/periodic_features.py cost
    python benchmarks/periodic_features.py periods
    python benchmarks/periodic_features.py trees --sample representative reference+periodic
    python benchmarks/periodic_features.py trees --sample snphotcc --root DIR reference+gp

`cost` prints processor seconds. `periods` compares periods found in stars of the survey at
large with the simulation's, and with those of the libraries that are installed. `trees` trains
LightGBM, which is not among lcclassify's needs, on the reference's features and on others:
five folds of a sample, three seeds; of the sample `biased` on 4,000 objects with a spectrum, for
objects of the survey at large of all classes that training has.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

from hydra import compose, initialize_config_dir

from lcclassify.build import config_dir, instantiate
from lcclassify.cli import register_resolvers
from lcclassify.representations.features import sets
from lcclassify.representations.features.observed import Observed
from lcclassify.schema import LABEL, OBJECT_ID, SUBSET, LightCurves
from lcclassify.surveys.base import SurveyData
from lcclassify.surveys.simulated import SimulatedSurvey

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SAMPLES = ("representative", "biased", "lopsided", "snphotcc")
SETS = [name for name in sets.SETS if name != sets.REFERENCE]
# Five classes of very different sizes: of 6,000 objects of the survey at large 3,041.
LOPSIDED = {"90": 2000, "42": 700, "62": 200, "95": 58, "52": 85}
PERIODIC = ("92", "16")
KINDS = {
    ("92", 1): "RR Lyrae ab",
    ("92", 2): "RR Lyrae c",
    ("16", 1): "detached eclipsing binaries",
    ("16", 2): "contact eclipsing binaries",
}


@dataclass(frozen=True)
class Sample:
    """Labelled objects: who trains and is scored too, or None where all are cross-validated."""

    light_curves: LightCurves
    redshift: FloatArray
    targets: IntArray
    classes: list[str]
    training: NDArray[np.bool_] | None

    def features(self, names: Sequence[str]) -> FloatArray:
        """Return the features of some sets."""
        return sets.feature_matrix(names, self.light_curves, self.redshift, with_redshift=True)


def survey(*words: str) -> SimulatedSurvey:
    """Return the simulated survey with some settings."""
    register_resolvers()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("train", overrides=["survey=simulated", "survey.seed=10", *words])
    made: SimulatedSurvey = instantiate(config.survey)
    return made


def read(name: str, root: str | None, cache: str | None) -> Sample:
    """Return one of `SAMPLES`."""
    where = f"survey.cache_dir={cache or 'null'}"
    if name == "biased":
        words = ("survey.training=4000", "survey.held_out=0", "survey.test=6000")
        data = survey(*words, where).read()
    elif name == "snphotcc":
        from lcclassify.surveys.snphotcc import SnphotccSurvey

        data = SnphotccSurvey(root, cache_dir=cache).read()
    else:
        data = survey("survey.part=test", "survey.test=6000", where).read()
    return sample_of(name, data)


def sample_of(name: str, data: SurveyData) -> Sample:
    """Return the objects of a sample."""
    objects = data.light_curves.objects
    if name == "snphotcc":  # half of them
        objects = objects.sample(fraction=0.5, seed=0, shuffle=True).sort(OBJECT_ID)
    if name == "lopsided":
        objects = pl.concat(
            objects.filter(pl.col(LABEL) == label).head(count) for label, count in LOPSIDED.items()
        ).sort(OBJECT_ID)
    observations = data.light_curves.observations.filter(
        pl.col(OBJECT_ID).is_in(objects[OBJECT_ID].implode())
    )
    classes = [label for label in data.taxonomy.classes if (objects[LABEL] == label).sum() >= 5]
    targets = np.array(
        [classes.index(label) if label in classes else -1 for label in objects[LABEL]]
    )
    training = None
    if name == "biased":
        training = (objects[SUBSET] == "train").to_numpy()
        targets[~np.isin(targets, targets[training])] = -1
    redshift = objects["hostgal_photoz"].cast(pl.Float64).to_numpy()
    curves = LightCurves(observations, objects, data.light_curves.passbands)
    return Sample(curves, redshift, targets, classes, training)


def cost(arguments: argparse.Namespace) -> None:
    """Print what each set costs on the survey at large."""
    if arguments.searched:
        search_processes()
    sample = read("representative", None, arguments.cache)
    observed = Observed.of(sample.light_curves, sample.redshift)
    for name in SETS:
        module = sets._module(name)
        module.matrix(observed.block(0, 50), with_redshift=True)  # compiles
        part = observed.block(0, min(len(observed), arguments.objects))
        begin = time.process_time()
        table = module.matrix(part, with_redshift=True)
        seconds = time.process_time() - begin
        print(
            f"{name:12} {table.shape[1]:4} columns {len(part) / seconds:9.0f} objects/s "
            f"{len(part.mjd) / seconds:9.0f} observations/s a core"
        )
        if name == "periodic":
            column = module.names(part.passbands, with_redshift=True).index("period")
            searched = np.isfinite(table[:, column])
            print(f"{'':12} searched: {searched.mean():.3f} of all")
            labels = sample.light_curves.objects[LABEL].to_numpy()[: len(part)]
            for label in PERIODIC:
                print(f"{'':12} of class {label}: {searched[labels == label].mean():.3f}")


# --- periods ------------------------------------------------------------------------

Bands = NDArray[np.uint8]
Finder = Callable[[FloatArray, FloatArray, FloatArray, Bands], float]


def true_periods(made: SimulatedSurvey, ids: IntArray) -> dict[int, tuple[str, float]]:
    """Return kind and period of the stars among objects."""
    found: dict[int, tuple[str, float]] = {}
    for label, batches in made.simulator().find(ids).items():
        if label in PERIODIC:
            for batch in batches:
                parameters = batch.parameters
                kinds, days = parameters["submodel"], parameters["period"]
                for row, kind, period in zip(batch.rows, kinds, days, strict=True):
                    found[int(ids[row])] = (KINDS[label, int(kind)], float(period))
    return found


def finders() -> dict[str, Finder]:
    """Return what else finds a period."""
    frequencies = np.arange(2 / 1095, 10, 1 / 10950)

    def by_astropy(mjd: FloatArray, flux: FloatArray, flux_err: FloatArray, band: Bands) -> float:
        from astropy.timeseries import LombScargle

        value, error = np.zeros_like(flux), np.ones_like(flux)
        for one in np.unique(band):
            own = band == one
            scatter = max(float(flux[own].std()), 1e-9)
            mean = np.average(flux[own], weights=flux_err[own] ** -2)
            value[own], error[own] = (flux[own] - mean) / scatter, flux_err[own] / scatter
        fast = {"method": "fast", "assume_regular_frequency": True}
        power = LombScargle(mjd, value, error).power(frequencies, **fast)
        return float(1 / frequencies[np.argmax(power)])

    found: dict[str, Finder] = {"astropy, one curve, fast": by_astropy}
    try:
        from light_curve import Periodogram
    except ImportError:
        return found
    names = np.array([str(band) for band in range(6)])
    periodogram = Periodogram(
        peaks=1, freqs=np.linspace(0, 2 * np.pi * 10, 2**17 + 1), fast=True, bands=list(names)
    )

    def by_light_curve(
        mjd: FloatArray, flux: FloatArray, flux_err: FloatArray, band: Bands
    ) -> float:
        return float(periodogram(mjd - mjd[0], flux, flux_err, names[band])[0])

    return found | {"light-curve, multiband, fast": by_light_curve}


def periods(arguments: argparse.Namespace) -> None:
    """Print how many periods are right, and what they cost."""
    from lcclassify.representations.features import periodic

    made = survey("survey.part=test", "survey.test=10000", "survey.cache_dir=null")
    curves = made.read().light_curves
    ids = curves.objects[OBJECT_ID].to_numpy()
    truth = true_periods(made, ids)
    chosen = [n for n, one in enumerate(ids) if int(one) in truth]
    observed = Observed.of(curves, np.zeros(len(ids)))

    def right(n: int, period: float, multiples: Sequence[float]) -> bool:
        rows = slice(observed.bounds[n], observed.bounds[n + 1])
        tolerance = 1 / np.ptp(observed.mjd[rows])
        wanted = 1 / truth[int(ids[n])][1]
        return any(abs(1 / period - wanted * k) < tolerance for k in multiples)

    def report(name: str, found: dict[int, float], seconds: float) -> None:
        print(f"{name}: {len(found)} stars, {1000 * seconds / len(found):.2f} ms each")
        for kind in KINDS.values():
            own = [n for n in found if truth[int(ids[n])][0] == kind]
            shares = [
                np.mean([right(n, found[n], multiples) for n in own])
                for multiples in ((1.0,), (0.5, 1.0, 2.0))
            ]
            print(f"  {kind:28} {len(own):4}  {shares[0]:.3f}, or half or twice {shares[1]:.3f}")

    names = list(periodic.names(observed.passbands, with_redshift=False))
    periodic.matrix(observed.block(0, 50), with_redshift=False)
    blocks = [observed.block(n, n + 1) for n in chosen]
    begin = time.process_time()
    table = np.concatenate([periodic.matrix(block, with_redshift=False) for block in blocks])
    seconds = time.process_time() - begin
    for column in ("period", "narrow_period"):
        values = table[:, names.index(column)]
        found = {n: float(v) for n, v in zip(chosen, values, strict=True) if np.isfinite(v)}
        print(f"{len(chosen) - len(found)} stars are not searched")
        report(f"periodic, {column}", found, seconds)
    for name, finder in finders().items():
        others: dict[int, float] = {}
        begin = time.process_time()
        for n in chosen[: arguments.objects]:
            rows = slice(observed.bounds[n], observed.bounds[n + 1])
            bands = observed.passband[rows]
            # The library wants two observations in each of all passbands.
            if (np.bincount(bands, minlength=6) < 2).any():
                continue
            others[n] = finder(
                observed.mjd[rows], observed.flux[rows], observed.flux_err[rows], bands
            )
        report(name, others, time.process_time() - begin)


# --- trees --------------------------------------------------------------------------


def trained(
    features: FloatArray, targets: IntArray, wanted: FloatArray, n_classes: int, seed: int
) -> FloatArray:
    """Return the probabilities that trees give to the wanted objects."""
    import lightgbm

    parameters = {
        "objective": "multiclass",
        "num_class": n_classes,
        "learning_rate": 0.1,
        "num_leaves": 15,
        "feature_fraction": 0.35,
        "min_data_in_leaf": 15,
        "min_sum_hessian_in_leaf": 1.0,
        "lambda_l2": 20.0,  # else rare classes are said to be impossible
        "num_threads": 1,
        "verbosity": -1,
        "seed": seed,
    }
    trees = lightgbm.train(parameters, lightgbm.Dataset(features, targets), 100)
    return np.asarray(trees.predict(wanted))


def probabilities(sample: Sample, features: FloatArray, seed: int) -> tuple[FloatArray, IntArray]:
    """Return what trees say of objects that they were not trained on, and what these are."""
    from sklearn.model_selection import StratifiedKFold

    n_classes, known = len(sample.classes), sample.targets >= 0
    if sample.training is not None:
        train, test = sample.training & known, ~sample.training & known
        targets = sample.targets[train]
        values = trained(features[train], targets, features[test], n_classes, seed)
        return values, sample.targets[test]
    features, targets = features[known], sample.targets[known]
    values = np.zeros((len(targets), n_classes))
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    for train, test in folds.split(features, targets):
        values[test] = trained(features[train], targets[train], features[test], n_classes, seed)
    return values, targets


def search_processes() -> None:
    """Let the set gp have the processes that the augmentation finds."""
    from lcclassify.augment.curves import Curves
    from lcclassify.augment.fitting import fit_processes
    from lcclassify.representations.features import gp

    def searched(bounds: IntArray, *columns: FloatArray) -> tuple[FloatArray, FloatArray]:
        *rows, coupling = columns
        detected = np.ones(len(rows[0]), dtype=np.bool_)
        return fit_processes(Curves(bounds, *rows, detected), coupling)

    gp.fit_roughly = searched


def trees(arguments: argparse.Namespace) -> None:
    """Print the scores with and without sets."""
    if arguments.searched:
        search_processes()
    sample = read(arguments.sample, arguments.root, arguments.cache)
    print(f"{arguments.sample}: {len(sample.targets)} objects; recalls of", *sample.classes)
    for together in dict.fromkeys([sets.REFERENCE, *arguments.sets]):
        features = sample.features(together.split("+"))
        rows, losses, recalls = [], [], []
        for seed in range(3):
            values, targets = probabilities(sample, features, seed)
            own = np.clip(values[np.arange(len(targets)), targets], 1e-15, 1)
            chosen = values.argmax(axis=1)
            rows.append((chosen == targets).mean())
            losses.append(-np.log(own).mean())
            recalls.append(
                [
                    (chosen[targets == k] == k).mean() if (targets == k).any() else np.nan
                    for k in range(len(sample.classes))
                ]
            )
        print(
            f"{together:28} accuracy {np.mean(rows):.4f} ± {np.std(rows, ddof=1):.4f}  "
            f"log-loss {np.mean(losses):.4f} ± {np.std(losses, ddof=1):.4f}  "
            + " ".join(f"{value:.3f}" for value in np.mean(recalls, axis=0)),
            flush=True,
        )


def main() -> None:
    """Measure costs, periods, or gains."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, function in (("cost", cost), ("periods", periods), ("trees", trees)):
        command = commands.add_parser(name)
        command.set_defaults(function=function)
        command.add_argument("--cache", help="folder of simulated and parsed tables")
        if name != "periods":
            words = "gp: fit processes as the augmentation does"
            command.add_argument("--searched", action="store_true", help=words)
        if name == "trees":
            command.add_argument("--sample", choices=SAMPLES, required=True)
            command.add_argument("--root", help="folder of SNPhotCC")
            command.add_argument("sets", nargs="+", help="sets joined by a plus sign")
        else:
            command.add_argument("--objects", type=int, default=1000 if name == "cost" else 200)
    arguments = parser.parse_args()
    arguments.function(arguments)


if __name__ == "__main__":
    main()
