"""The settings of a representation: what they mean, and what they may be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, Self

from lcclassify.checks import check_choice, check_keys, check_number
from lcclassify.errors import ConfigError
from lcclassify.representations.context import CONTEXT_KINDS, sets_of
from lcclassify.representations.features.sets import REFERENCE, SETS, check_installed
from lcclassify.representations.nights import NIGHT_LENGTH
from lcclassify.representations.sequences import SequenceForm
from lcclassify.surveys import options

AUTO: Final = "auto"  # redshift: the survey's own
FEATURE_BANDS: Final = ("numbers", "names")
FLUX_SCALINGS: Final = ("none", "log2_range")
# The arguments of the networks' input transforms, which this package hands on unread.
TRANSFORMS: Final = {
    "features": ("kind", "impute", "indicator", "clip"),
    "context": ("kind", "impute", "indicator", "clip"),
    "sequences": ("kind", "clip"),
}


@dataclass(frozen=True)
class RepresentationSettings:
    """Settings of a representation.

    Attributes:
        name: Name in reports.
        noise: Added flux noise in units of flux_err; the reference has 2/3.
        flux_scaling: "none", or "log2_range": flux and flux_err are multiplied by
            ``1 / log2(flux_max - flux_min)`` of the (noisy) training set.
        flux_range: The two extremes to use instead of the training set's own.
        night_length: Longest night in days.
        features: Sets of features, any of `lcclassify.representations.features.sets.SETS`.
        feature_bands: "names" of passbands in the reference's features (``flux_max_g``),
            or "numbers", as it has them itself.
        sequences: What the sequences' channels are.
        context: Columns offered to recurrent networks beside the sequence: any of
            "metadata" (all metadata columns), "log_flux_scale" (logarithm of
            the object's brightest flux, what an object-wise scaling takes away),
            "log_luminosity" (the same as seen from 10 pc; none where a survey has no
            redshift), and sets of features other than the reference's, such as "periodic".
        transforms: Arguments of the input transforms (kind, impute, indicator, clip) for
            "features", "context" and "sequences"; used by the networks.
    """

    name: str
    noise: float = 0.0
    flux_scaling: str = "none"
    flux_range: tuple[float, float] | None = None
    night_length: float = NIGHT_LENGTH
    features: tuple[str, ...] = (REFERENCE,)
    feature_bands: str = "numbers"
    sequences: SequenceForm = field(default_factory=SequenceForm)
    context: tuple[str, ...] = ()
    transforms: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.sequences, Mapping):
            object.__setattr__(self, "sequences", SequenceForm.from_config(self.sequences))
        if not isinstance(self.sequences, SequenceForm):
            raise ConfigError(
                f"representation.sequences must be a mapping of bands, times and redshift, "
                f"got {self.sequences!r}"
            )
        # The reference's features have metadata among them, which are a context of their own.
        context = (*CONTEXT_KINDS, *(name for name in SETS if name != REFERENCE))
        for key, known in (("context", context), ("features", SETS)):
            where = f"representation.{key}"
            words = options.words(getattr(self, key), where)
            object.__setattr__(self, key, words)
            if len(set(words)) < len(words):
                raise ConfigError(f"{where} has a word twice: {list(words)}")
            for word in words:
                check_choice(where, word, known)
        if not self.features:
            raise ConfigError(
                f"representation.features must name at least one set: {', '.join(SETS)}"
            )
        check_installed([*self.features, *sets_of(self.context)])
        if self.flux_range is not None:
            values = options.numbers(self.flux_range, "representation.flux_range")
            if len(values) != 2 or not values[1] - values[0] > 1:
                raise ConfigError(
                    "representation.flux_range must be [flux_min, flux_max] more than 1 apart, "
                    f"got {list(values)}"
                )
            object.__setattr__(self, "flux_range", values)
        if check_number("representation.noise", self.noise) < 0:
            raise ConfigError(f"representation.noise must be at least 0, got {self.noise}")
        if check_number("representation.night_length", self.night_length) <= 0:
            raise ConfigError(
                f"representation.night_length must be positive days, got {self.night_length}"
            )
        check_choice("representation.flux_scaling", self.flux_scaling, FLUX_SCALINGS)
        check_choice("representation.feature_bands", self.feature_bands, FEATURE_BANDS)
        if not isinstance(self.transforms, Mapping):
            raise ConfigError(
                f"representation.transforms must be a mapping, got {self.transforms!r}"
            )
        for kind, arguments in self.transforms.items():
            check_choice("representation.transforms", kind, tuple(TRANSFORMS))
            where = f"representation.transforms.{kind}"
            check_keys(where, dict(options.pairs(arguments, where)), TRANSFORMS[kind])

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build from plain configuration values; an unknown key is a ConfigError."""
        check_keys("representation", config, (f.name for f in fields(cls)))
        return cls(**config)

    def of_survey(self, redshift: str | None, metadata: Collection[str]) -> Self:
        """Return the settings with the redshift's column, where it is left to the survey.

        Args:
            redshift: What the survey says is its redshift, or None.
            metadata: Names of the metadata columns; a default is not taken if not among them.

        Raises:
            ConfigError: A column was named that is none of these, or a flux range is not used.
        """
        if self.flux_range is not None and self.flux_scaling == "none":
            raise ConfigError(
                "representation.flux_range has no effect without flux_scaling=log2_range"
            )
        named = self.sequences.redshift
        if named == AUTO:
            named = redshift if redshift in metadata else None
        elif named is not None:
            argument = "representation.sequences.redshift (a name of survey.metadata, auto or null)"
            check_choice(argument, named, metadata)
        return replace(self, sequences=replace(self.sequences, redshift=named))

    @property
    def needs_data(self) -> bool:
        """Whether what light curves become depends on all of the training ones."""
        return self.flux_scaling == "log2_range" and self.flux_range is None
