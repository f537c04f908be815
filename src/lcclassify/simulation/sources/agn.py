"""Active galactic nuclei: damped random walks on top of their hosts."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.checks import require_finite, require_not_negative, require_positive
from lcclassify.cosmology import distance_modulus
from lcclassify.simulation import passbands
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.sed import planck_over_sigma_t4
from lcclassify.simulation.sources.base import Epochs, Parameters, Source
from lcclassify.simulation.sources.seeds import draws_of, seed_of

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# MacLeod et al. 2010, ApJ 721, 1014, eq. 7 and table 1: log10 of the long-term structure
# function (magnitudes) and of the time scale (days, rest frame) are A + B log10(wavelength /
# 400 nm) + C (M_i + 23) + D log10(black-hole mass / 1e9 solar masses).
AMPLITUDE: Final = (-0.51, -0.479, 0.131, 0.18)
TIME_SCALE: Final = (2.4, 0.17, 0.03, 0.21)

_NATURAL: Final = 0.4 * math.log(10)

# The walk is known at steps of `_COARSE` time scales, halved `_LEVELS` times; between the
# last ones, 1/512 of a time scale apart, it is taken as straight.
_COARSE: Final = 8.0
_LEVELS: Final = 12


def damped_random_walk(draws: Draws, row: NDArray[np.intp], time: FloatArray) -> FloatArray:
    """Return a damped random walk of mean 0 and variance 1 at any times, ``(M,)``.

    The correlation at a lag x is exp(-|x|). The walk is a Gaussian Markov process, so that its
    value in the middle of an interval depends on those at the ends alone; it is found by
    halving intervals, each midpoint with a random number of its own. Therefore it is a
    function of the object and the time, whatever other times are asked for.

    Args:
        draws: Random numbers of the objects.
        row: ``(M,)`` position of each time's object.
        time: ``(M,)`` in units of the time scale, at least 0.

    References:
        Kelly, Bechtold & Siemiginowska 2009, ApJ 698, 895 (quasars as such a process).
    """
    place = time / _COARSE
    index = np.floor(place).astype(np.int64)
    share = place - index
    # exp(-8) correlation between the coarsest nodes is neglected.
    left = draws.normal_at("walk", row, index)
    right = draws.normal_at("walk", row, index + 1)
    for level in range(1, _LEVELS + 1):
        half = _COARSE / 2**level
        mean = (left + right) / (2 * math.cosh(half))
        middle = mean + math.sqrt(math.tanh(half)) * draws.normal_at(f"walk {level}", row, index)
        share = 2 * share
        late = share >= 1
        share = np.where(late, share - 1, share)
        index = 2 * index + late
        left, right = np.where(late, middle, left), np.where(late, right, middle)
    walk: FloatArray = left + share * (right - left)
    return walk


class AGN(Source):
    """Active galactic nuclei of type 1 with their host galaxies.

    The nucleus is a power law in frequency whose logarithm follows one damped random walk:
    the same in all passbands, with an amplitude that falls to the red and times that stretch
    by 1+z. The host is constant, a black body of a galaxy's colour. The template is
    the mean flux.

    Args:
        break_magnitude: Absolute i magnitude (K-corrected to z = 2, Richards et al. 2006, AJ
            131, 2766) at the break of the luminosity function at redshift 0.
        break_evolution: Its change with redshift up to `break_redshift`, magnitudes, negative.
        break_redshift: Redshift from which on it stays.
        bright_slope: Exponent of the luminosity function above the break, N(>L) ~ L^-a.
        faint_slope: The same below it.
        faintest: Magnitudes below the break at which the luminosity function is cut.
        spectral_index: Mean exponent of frequency, with emission lines (Vanden Berk et al.
            2001, AJ 122, 549: -0.44 for the continuum of quasars from 130 to 500 nm).
        spectral_index_scatter: Its standard deviation.
        host_magnitude: Mean absolute r magnitude of the hosts.
        host_scatter: Its standard deviation.
        host_temperature: Temperature of their black body in Kelvin.
        eddington_ratio: Median luminosity over the Eddington luminosity.
        eddington_scatter: Its standard deviation in dex.

    Raises:
        ConfigError: A value is out of its range.

    References:
        Kelly, Bechtold & Siemiginowska 2009, ApJ 698, 895; MacLeod et al. 2010, ApJ 721, 1014.
    """

    def __init__(
        self,
        break_magnitude: float = -21.09,
        break_evolution: float = -0.85,
        break_redshift: float = 1.67,
        bright_slope: float = 1.39,
        faint_slope: float = 0.41,
        faintest: float = 1.19,
        spectral_index: float = -0.26,
        spectral_index_scatter: float = 0.2,
        host_magnitude: float = -20.3,
        host_scatter: float = 0.7,
        host_temperature: float = 5000.0,
        eddington_ratio: float = 0.15,
        eddington_scatter: float = 0.4,
    ) -> None:
        require_finite(
            break_magnitude=break_magnitude,
            break_evolution=break_evolution,
            spectral_index=spectral_index,
            host_magnitude=host_magnitude,
        )
        require_positive(
            bright_slope=bright_slope,
            faint_slope=faint_slope,
            faintest=faintest,
            host_temperature=host_temperature,
            eddington_ratio=eddington_ratio,
        )
        require_not_negative(
            break_redshift=break_redshift,
            spectral_index_scatter=spectral_index_scatter,
            host_scatter=host_scatter,
            eddington_scatter=eddington_scatter,
        )
        self.break_magnitude = break_magnitude
        self.break_evolution = break_evolution
        self.break_redshift = break_redshift
        self.bright_slope = bright_slope
        self.faint_slope = faint_slope
        self.faintest = faintest
        self.spectral_index = spectral_index
        self.spectral_index_scatter = spectral_index_scatter
        self.host_magnitude = host_magnitude
        self.host_scatter = host_scatter
        self.host_temperature = host_temperature
        self.eddington_ratio = eddington_ratio
        self.eddington_scatter = eddington_scatter

    def draw(self, draws: Draws, redshift: FloatArray, span: tuple[float, float]) -> Parameters:
        """Draw luminosities, black holes and walks; see `Source.draw`."""
        magnitude = self._absolute_magnitude(draws.uniform("luminosity"), redshift)
        # Bolometric luminosity: M_i(z=2) = 72.5 - 2.5 log10 L in W (Shen et al. 2009, ApJ 697,
        # 1656: M_i(z=2) = 90 - 2.5 log10 of L in erg/s); Eddington: 1.26e38 erg/s.
        log_bolometric = (90.0 - magnitude) / 2.5
        log_eddington = math.log10(self.eddington_ratio) + self.eddington_scatter * np.clip(
            draws.normal("eddington"), -2.5, 2.5
        )
        log_mass = np.clip(log_bolometric - math.log10(1.26e38) - log_eddington, 6.0, 10.5)
        wavelength = passbands.WAVELENGTH[None, :] / (1 + redshift)[:, None]
        a, b, c, d = AMPLITUDE
        log_structure = (
            a
            + b * np.log10(wavelength / 400.0)
            + (c * (magnitude + 23) + d * (log_mass - 9))[:, None]
        )
        # The long-term structure function is sqrt(2) times the standard deviation. The relation
        # was found for luminous quasars: for faint nuclei it is not carried to any amplitude.
        deviation = _NATURAL * np.minimum(10**log_structure / math.sqrt(2), 0.6)
        a, b, c, d = TIME_SCALE
        blue = passbands.WAVELENGTH[1] / (1 + redshift)
        log_time = (
            a + b * np.log10(blue / 400.0) + c * (magnitude + 23) + d * (log_mass - 9)
        ) + 0.2 * draws.normal("time scale")
        nucleus = self._nucleus(draws, magnitude, redshift)
        host = self._host(draws, redshift)
        return {
            "redshift": redshift,
            "nucleus": nucleus,
            "template": nucleus + host,
            "deviation": deviation,
            # In the observer's frame.
            "time_scale": 10 ** np.clip(log_time, 0.5, 3.5) * (1 + redshift),
            "start": np.full(len(redshift), span[0] - 1000.0),
            "seed": seed_of(draws, "walk"),
        }

    def _absolute_magnitude(self, uniform: FloatArray, redshift: FloatArray) -> FloatArray:
        """Return M_i(z=2) of a broken power law in luminosity."""
        # N(>L) ~ x^-a, x = L over that of the break, continuous at x = 1.
        low = 10 ** (-0.4 * self.faintest)
        most = low**-self.faint_slope
        number = uniform * most
        x = np.where(number > 1, np.maximum(number, 1) ** (-1 / self.faint_slope), 0.0) + np.where(
            number <= 1, np.minimum(number, 1) ** (-1 / self.bright_slope), 0.0
        )
        at_break = self.break_magnitude + self.break_evolution * np.minimum(
            redshift, self.break_redshift
        )
        magnitude: FloatArray = at_break - 2.5 * np.log10(x)
        return magnitude

    def _nucleus(self, draws: Draws, magnitude: FloatArray, redshift: FloatArray) -> FloatArray:
        """Return mean fluxes of the nuclei, ``(n, 6)``."""
        index = self.spectral_index + self.spectral_index_scatter * np.clip(
            draws.normal("index"), -2.5, 2.5
        )
        # A power law of index a has the K-correction -2.5 (1 + a) log10((1 + z) / 3) relative
        # to z = 2 (Richards et al. 2006, eq. 1 for the continuum).
        apparent = (
            magnitude
            + distance_modulus(redshift)
            - 2.5 * (1 + index) * np.log10((1 + redshift) / 3)
        )
        slope = index[:, None] * np.log10(passbands.WAVELENGTH[3] / passbands.WAVELENGTH)
        return passbands.flux_of(apparent[:, None] - 2.5 * slope)

    def _host(self, draws: Draws, redshift: FloatArray) -> FloatArray:
        """Return the fluxes of the hosts, ``(n, 6)``."""
        absolute = self.host_magnitude + self.host_scatter * draws.normal("host")
        temperature = np.full((len(redshift), 6), self.host_temperature)
        emitted = passbands.WAVELENGTH[None, :] / (1 + redshift)[:, None]
        there = planck_over_sigma_t4(emitted, temperature)
        here = planck_over_sigma_t4(np.full((1, 1), passbands.WAVELENGTH[2]), temperature[:1, :1])
        flux = passbands.flux_of(absolute + distance_modulus(redshift))
        host: FloatArray = (flux * (1 + redshift))[:, None] * there / here
        return host

    def flux(self, parameters: Parameters, epochs: Epochs) -> FloatArray:
        """Return the flux, ``(M,)``; see `Source.flux`."""
        row = epochs.row
        time = (epochs.mjd - parameters["start"][row]) / parameters["time_scale"][row]
        walk = damped_random_walk(draws_of(parameters["seed"]), row, np.maximum(time, 0.0))
        cell = row * 6 + epochs.passband
        deviation = parameters["deviation"].ravel()[cell]
        # exp(d^2 / 2) is the mean of a lognormal: the template is the mean flux.
        relative = np.exp(deviation * walk - deviation * deviation / 2)
        flux: FloatArray = parameters["template"].ravel()[cell] + parameters["nucleus"].ravel()[
            cell
        ] * (relative - 1)
        return flux

    def peak(self, parameters: Parameters) -> FloatArray:
        """Return a rise by two standard deviations, ``(n, 6)``."""
        peak: FloatArray = parameters["nucleus"] * np.expm1(2 * parameters["deviation"])
        return peak

    def template(self, parameters: Parameters) -> FloatArray:
        """Return the mean flux of nucleus and host, ``(n, 6)``."""
        return np.asarray(parameters["template"], dtype=np.float64)
