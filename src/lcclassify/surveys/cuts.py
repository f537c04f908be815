"""Cuts on the quality of observations: which rows of a table count at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from lcclassify.checks import check_choice, check_number
from lcclassify.errors import ConfigError
from lcclassify.surveys import options
from lcclassify.tables.columns import NO_NUMBER, Column

IS_CUT: Final = "is_cut"  # whether a row fails a cut
_LIMITS: Final = ("min", "max")


@dataclass(frozen=True)
class Cut:
    """What a column of the files must hold for a row to count.

    Attributes:
        source: Name of the column in the files.
        values: Words in lower case, one of which it must be; None for a number in a range.
        low: Smallest number.
        high: Largest number.
    """

    source: str
    values: tuple[str, ...] | None
    low: float | None = None
    high: float | None = None

    @property
    def name(self) -> str:
        """Our name for the column."""
        return f"cut: {self.source}"

    @property
    def column(self) -> Column:
        """How it is read."""
        return Column((self.source,), "text" if self.values is not None else "number")

    def passes(self) -> pl.Expr:
        """Say which rows count; null for those where nothing is stated."""
        column = pl.col(self.name)
        if self.values is None:
            within = [column >= self.low] if self.low is not None else []
            within += [column <= self.high] if self.high is not None else []
            return pl.all_horizontal(within) & column.is_finite()
        word = column.str.strip_chars().str.to_lowercase()
        stated = column.is_not_null() & ~word.is_in(NO_NUMBER)
        numbers = [float(value) for value in self.values if options.is_number(value)]
        number = word.cast(pl.Float64, strict=False)
        return stated & (word.is_in(self.values) | number.is_in(numbers))


@dataclass(frozen=True)
class Cuts:
    """All cuts of a survey."""

    each: tuple[Cut, ...] = ()

    @classmethod
    def of(cls, value: Mapping[str, Any] | None) -> Cuts:
        """Read ``survey.cuts``: by column a value, a list of them, or ``{min: 0, max: 1}``.

        Raises:
            ConfigError: It says something else.
        """
        return cls(tuple(_cut(name, item) for name, item in options.pairs(value, "survey.cuts")))

    def columns(self) -> dict[str, Column]:
        """Return what is read for them, by our names."""
        return {cut.name: cut.column for cut in self.each}

    def apply(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rows with a column `IS_CUT` instead of those that the cuts look at."""
        if not self.each:
            return rows
        passing = [cut.passes().fill_null(False) for cut in self.each]
        failing = (~pl.all_horizontal(passing)).alias(IS_CUT)
        return rows.with_columns(failing).drop(cut.name for cut in self.each)

    def described(self) -> dict[str, list[Any]]:
        """Return them as plain values."""
        return {
            cut.source: [cut.values and list(cut.values), cut.low, cut.high] for cut in self.each
        }


def _cut(name: str, item: object) -> Cut:
    what = f"survey.cuts of '{name}'"
    if isinstance(item, Mapping):
        found = dict(options.pairs(item, what))
        for key in found:
            check_choice(f"a key of {what}", key, _LIMITS)
        limits = {key: check_number(f"{key} of {what}", found[key]) for key in found}
        low, high = limits.get("min"), limits.get("max")
        if not limits or (low is not None and high is not None and low > high):
            raise ConfigError(f"{what} must be a range such as {{min: 0, max: 1}}, got {item}")
        return Cut(name, None, low, high)
    items = [item] if isinstance(item, str) or not isinstance(item, Iterable) else list(item)
    if not items or any(one is None or isinstance(one, Mapping | list) for one in items):
        raise ConfigError(
            f"{what} must be a value, a list of values or {{min: 0, max: 1}}, got {item!r}"
        )
    return Cut(name, tuple(str(one).strip().lower() for one in items))
