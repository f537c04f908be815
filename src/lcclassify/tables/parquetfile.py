"""Parquet files of one row an observation, or of one row an object with lists."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl

from lcclassify.parquet import parquet_schema, read_parquet, scan_parquet
from lcclassify.tables.columnar import POSITION, ColumnarRows
from lcclassify.tables.columns import Column
from lcclassify.tables.content import readable
from lcclassify.tables.held import Held
from lcclassify.tables.parquetpages import PageHeaders
from lcclassify.tables.rejects import REJECT_REASON

_SAMPLE: Final = 1000  # objects from which the length of their lists is told


class ParquetRows(ColumnarRows):
    """A Parquet file; only the pages of the rows that are asked for are decoded."""

    def __init__(self, path: Path, columns: Mapping[str, Column], rows: int) -> None:
        self._pages: Held[PageHeaders] = Held(partial(PageHeaders, path))
        super().__init__(path, columns, rows)

    def _names(self) -> list[str]:
        with readable(self.path):
            return list(parquet_schema(self.path))

    def _sizes(self) -> list[int]:
        with readable(self.path):
            return self._pages.get().rows

    def _load(self, names: list[str], first: int, count: int) -> pl.DataFrame:
        with readable(self.path):
            self._pages.get().check(names, first, first + count)
            if count and first == 0 and count == getattr(self, "end", 0):
                return read_parquet(self.path, columns=names)
            return scan_parquet(self.path).slice(first, count).select(names).collect()


class ListRows(ParquetRows):
    """A Parquet file of one row an object, whose observations are in lists.

    Columns are lists themselves, or fields of a column of structs of lists or lists of structs,
    as nested-pandas and HATS catalogues have them: ``lightcurve.flux``.
    """

    def __init__(self, path: Path, columns: Mapping[str, Column], rows: int) -> None:
        with readable(path):
            self._fields = _list_fields(path)
            PageHeaders(path).check(list(self._fields), 0, _SAMPLE)
            lengths = (
                scan_parquet(path)
                .head(_SAMPLE)
                .select(
                    expression.list.len().fill_null(0).alias(name)
                    for name, expression in self._fields.items()
                )
            )
            mean = lengths.collect().mean_horizontal().mean()
        self.each = max(float(mean or 1.0), 1.0)  # type: ignore[arg-type]
        super().__init__(path, columns, max(int(rows / self.each), 1))

    def _names(self) -> list[str]:
        return [*super()._names(), *(name for name in self._fields if "." in name)]

    def count_rows(self) -> int | None:
        """Return None: the file states the number of its objects."""
        return None

    def _load(self, names: list[str], first: int, count: int) -> pl.DataFrame:
        lists = [name for name in names if name in self._fields]
        wanted = [self._fields.get(name, pl.col(name)).alias(name) for name in names]
        position = pl.int_range(pl.len(), dtype=pl.Int64).alias(POSITION)
        with readable(self.path):
            self._pages.get().check(names, first, first + count)
            loaded = scan_parquet(self.path).slice(first, count)
            table = loaded.select(*wanted, position).collect()
        if not lists:
            return table
        lengths = table.select(pl.col(lists).list.len().fill_null(0))
        unequal = lengths.select(
            pl.any_horizontal(pl.col(name) != pl.col(lists[0]) for name in lists)
        ).to_series()
        filled = lengths.to_series() > 0
        if unequal.any():
            said = pl.lit(f"the lists {', '.join(lists)} differ in length")
            table = table.with_columns(
                pl.when(unequal).then(said).alias(REJECT_REASON),
                *(pl.when(~unequal).then(name).alias(name) for name in lists),
            )
        return table.filter(filled | unequal).explode(lists)


def holds_lists(path: Path, columns: Mapping[str, Column]) -> bool:
    """Say whether a column that is wanted of a Parquet file is one of lists."""
    with readable(path):
        fields = _list_fields(path)
        names = set(parquet_schema(path))
    for column in columns.values():
        found = next((name for name in column.sources if name in names or name in fields), None)
        if found in fields:
            return True
    return False


def _list_fields(path: Path) -> dict[str, pl.Expr]:
    """Return the columns and fields of columns that are lists, and how to get them."""
    found: dict[str, pl.Expr] = {}
    for name, dtype in parquet_schema(path).items():
        if isinstance(dtype, pl.Struct):
            for field in dtype.fields:
                if isinstance(field.dtype, pl.List):
                    found[f"{name}.{field.name}"] = pl.col(name).struct.field(field.name)
        elif isinstance(dtype, pl.List) and isinstance(dtype.inner, pl.Struct):
            for field in dtype.inner.fields:
                element = pl.element().struct.field(field.name)
                found[f"{name}.{field.name}"] = pl.col(name).list.eval(element)
        elif isinstance(dtype, pl.List):
            found[name] = pl.col(name)
    return found
