"""Cuts on the quality of observations: which rows of a table count at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from lcclassify.checks import check_choice, check_number
from lcclassify.errors import ConfigError
from lcclassify.schema import FLUX
from lcclassify.surveys import options
from lcclassify.surveys.casts import FALSE, TRUE
from lcclassify.surveys.photometry import LIMIT
from lcclassify.tables.columns import NO_NUMBER, Column

IS_CUT: Final = "is_cut"  # whether a row fails a cut
_LIMITS: Final = ("min", "max")
_INTEGER: Final = r"^-?\d+$"


@dataclass(frozen=True)
class Cut:
    """What a column of the files must hold for a row to count.

    Attributes:
        source: Name of the column in the files.
        values: Words in lower case, one of which it must be; None for a number in a range.
        truth: Whether it must be true or false, in any spelling; None where it is neither.
        low: Smallest number.
        high: Largest number.
    """

    source: str
    values: tuple[str, ...] | None
    truth: bool | None = None
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
        words = [*self.values]
        if self.truth is not None:
            words += TRUE if self.truth else FALSE
        # Of columns of truth values 0 and 1 are what they are in numbers.
        words += [word for word, own in (("false", "0"), ("true", "1")) if own in self.values]
        # Integers are compared as text: as floating-point numbers large ones would lose digits.
        given = {value: float(value) for value in self.values if options.reads_as_number(value)}
        whole = [n for value, n in given.items() if "." in value and n.is_integer()]
        words += [str(int(number)) for number in whole]
        numbers = [*given.values()]
        number = pl.when(~word.str.contains(_INTEGER)).then(word.cast(pl.Float64, strict=False))
        return stated & (word.is_in(words) | number.is_in(numbers).fill_null(False))


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
        # What fails is no limit and no sentinel either.
        unread = [name for name in (FLUX, LIMIT) if name in rows.columns]
        passing = [cut.passes().fill_null(False) for cut in self.each]
        failing = (~pl.all_horizontal(passing)).alias(IS_CUT)
        rows = rows.with_columns(failing).drop(cut.name for cut in self.each)
        return rows.with_columns(pl.when(~pl.col(IS_CUT)).then(pl.col(*unread)).name.keep())

    def described(self) -> dict[str, list[Any]]:
        """Return them as plain values."""
        return {
            cut.source: [cut.values and list(cut.values), cut.truth, cut.low, cut.high]
            for cut in self.each
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
        return Cut(name, None, None, low, high)
    items = [item] if isinstance(item, str) or not isinstance(item, Iterable) else list(item)
    if not items or any(one is None or isinstance(one, Mapping | list) for one in items):
        raise ConfigError(
            f"{what} must be a value, a list of values or {{min: 0, max: 1}}, got {item!r}"
        )
    words = tuple(str(one).strip().lower() for one in items)
    if absent := [word for word in words if word in NO_NUMBER]:
        raise ConfigError(
            f"{what} cannot be '{absent[0]}', which stands for no value: such rows fail every cut"
        )
    truths = {word in TRUE for word in words if word in ("true", "false")}
    return Cut(name, words, truths.pop() if len(words) == len(truths) == 1 else None)
