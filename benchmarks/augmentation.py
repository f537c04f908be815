"""What Gaussian processes and draws from them cost, and whether they know what they say.

Simulates a training set in PLAsTiCC's form, fits a process in time and wavelength to each
object, draws curves from the posteriors at other redshifts, and draws whole training objects as
`augment=gp` does. Then leaves observations of supernovae out and compares them with what the
processes of the others predict. Prints a table.

    python benchmarks/augmentation.py
    python benchmarks/augmentation.py --objects 2000 --threads 1

The figure beside it, about 10 fits a second, is avocado's (Boone 2019, arXiv:1907.04690).
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

import numpy as np
from omegaconf import OmegaConf

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "src"))

from hydra import compose, initialize_config_dir  # noqa: E402

from lcclassify.augment.curves import Curves  # noqa: E402
from lcclassify.augment.drawing import draw_posteriors  # noqa: E402
from lcclassify.augment.fitting import fit_processes  # noqa: E402
from lcclassify.augment.prediction import predict  # noqa: E402
from lcclassify.augment.process import ROOT_3, wavelength_covariance  # noqa: E402
from lcclassify.build import instantiate  # noqa: E402
from lcclassify.schema import LABEL, LightCurves  # noqa: E402

AVOCADO = 10.0  # fits a second
WAVELENGTH_SCALE = 600.0
SUPERNOVAE = ("42", "52", "62", "67", "90", "95")
LEFT_OUT = 0.1
CHUNK = 64


def simulated(n_objects: int, seed: int) -> LightCurves:
    """Return a simulated spectroscopic training set."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("train", [f"survey.training={n_objects}", f"survey.seed={seed}"])
    survey = OmegaConf.to_container(cfg.survey, resolve=False)
    survey |= {"part": "train", "cache_dir": None}
    return instantiate(survey).read().light_curves


def fitted(curves: Curves, coupling: np.ndarray, threads: int) -> tuple[np.ndarray, ...]:
    """Fit all processes, after the compiled code was loaded."""
    fit_processes(curves.take(np.arange(2)), coupling)
    begin = perf_counter()
    amplitude, scale = fit_processes(curves, coupling, threads=threads)
    return amplitude, scale, np.array(perf_counter() - begin)


def drawn(
    curves: Curves,
    coupling: np.ndarray,
    wavelengths: np.ndarray,
    processes: tuple[np.ndarray, np.ndarray],
    n_draws: int,
    threads: int,
) -> float:
    """Return seconds for draws at the sources' own cadences and random stretches."""
    rng = np.random.default_rng(0)
    sources = np.resize(np.arange(len(curves)), n_draws)
    lent = curves.take(sources)
    stretch = rng.uniform(1.0, 1.5, n_draws)
    keys = rng.integers(0, 2**63, n_draws).astype(np.uint64)
    amplitude, scale = processes
    out = np.zeros(len(lent.mjd))

    def draw(first: int) -> None:
        last = min(first + CHUNK, n_draws)
        begin, end = lent.bounds[first], lent.bounds[last]
        draw_posteriors(
            curves.bounds,
            curves.mjd,
            curves.passband,
            curves.flux,
            curves.flux_err,
            coupling,
            amplitude,
            ROOT_3 / scale,
            wavelengths,
            ROOT_3 / WAVELENGTH_SCALE,
            stretch[first:last],
            sources[first:last],
            lent.bounds[first : last + 1] - begin,
            lent.mjd[begin:end],
            lent.passband[begin:end],
            keys[first:last],
            out[begin:end],
        )

    draw(0)
    begin = perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(draw, range(0, n_draws, CHUNK)))
    return perf_counter() - begin


def z_scores(curves: Curves, coupling: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return what left-out observations differ from their predictions by, in deviations."""
    rng = np.random.default_rng(seed)
    left_out = rng.random(len(curves.mjd)) < LEFT_OUT
    kept, asked = curves.select(~left_out), curves.select(left_out)
    amplitude, scale = fit_processes(kept, coupling)
    found = []
    for n in range(len(curves)):
        own = slice(kept.bounds[n], kept.bounds[n + 1])
        other = slice(asked.bounds[n], asked.bounds[n + 1])
        if own.stop - own.start < 3 or other.stop == other.start:
            continue
        mean, variance = predict(
            kept.mjd[own],
            kept.passband[own],
            kept.flux[own],
            kept.flux_err[own],
            float(amplitude[n]),
            float(scale[n]),
            coupling,
            coupling,
            asked.mjd[other],
            asked.passband[other].astype(np.int64),
        )
        error = np.sqrt(variance + asked.flux_err[other] ** 2)
        found.append((asked.flux[other] - mean) / error)
    return np.concatenate(found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=7848)
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    light_curves = simulated(arguments.objects, arguments.seed)
    curves = Curves.of(light_curves)
    wavelengths = np.array(light_curves.passbands.wavelengths)
    coupling = wavelength_covariance(wavelengths, wavelengths, WAVELENGTH_SCALE)
    print(
        f"{len(curves):,} objects, {len(curves.mjd):,} observations, "
        f"{curves.counts.mean():.0f} on average, {curves.counts.max()} at most; "
        f"{arguments.threads} threads"
    )
    amplitude, scale, seconds = fitted(curves, coupling, arguments.threads)
    rate = len(curves) / float(seconds)
    print(f"fits:  {float(seconds):7.2f} s, {rate:9,.0f} a second (avocado: about {AVOCADO:g})")
    taken = drawn(
        curves, coupling, wavelengths, (amplitude, scale), arguments.draws, arguments.threads
    )
    print(f"draws: {taken:7.2f} s, {arguments.draws / taken:9,.0f} a second")
    labels = light_curves.objects[LABEL]
    for label in SUPERNOVAE:
        rows = np.flatnonzero((labels == label).to_numpy())
        if not len(rows):
            continue
        z = z_scores(curves.take(rows), coupling)
        print(
            f"class {label:>3}: {len(rows):5,} objects, {len(z):7,} left out, z-scores' mean "
            f"{z.mean():+.3f}, deviation {z.std():.3f}, of the inner 99.9 % "
            f"{z[np.abs(z) < np.quantile(np.abs(z), 0.999)].std():.3f}"
        )
    supernovae = np.flatnonzero(labels.is_in(list(SUPERNOVAE)).to_numpy())
    z = z_scores(curves.take(supernovae), coupling)
    print(f"supernovae: {len(z):,} left out, z-scores' deviation {z.std():.3f}")


if __name__ == "__main__":
    main()
