"""FITS, ECSV and VOTable files of one row an observation."""

from __future__ import annotations

import re
import warnings
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import polars as pl

from lcclassify.errors import DataError
from lcclassify.schema import MJD
from lcclassify.tables.astropy_tables import BrightnessUnit, astropy_frame, brightness_units
from lcclassify.tables.columnar import ColumnarRows
from lcclassify.tables.columns import SHOWN, Column
from lcclassify.tables.content import BOM, open_unpacked, packing, readable, told
from lcclassify.tables.held import Held

_ECSV: Final = "ascii.ecsv"
_VOTABLE: Final = "votable"
# Of astropy's formats; what a file is called, without what says that it is compressed.
_FORMATS: Final = {
    ".fits": "fits",
    ".fit": "fits",
    ".fts": "fits",
    ".ecsv": _ECSV,
    ".vot": _VOTABLE,
    ".votable": _VOTABLE,
}
# What astropy only warns of, and rows or digits are lost: cells that are too long, integers that
# are too large, fewer rows than stated.
_LOSSES: Final = r"(?s).*(truncated|specified nrows|W46|W51)"
# Within a table whatever is no row or cell; astropy passes over it, with all that is in it.
_TABLES: Final = re.compile(rb"<(?:\w+:)?TABLEDATA\b(.*?)</(?:\w+:)?TABLEDATA\b", re.DOTALL)
_STRANGE: Final = re.compile(rb"<(?!/?(?:\w+:)?T[RD][\s/>]|[!?])[^\s>]*")
_FIRST: Final = re.compile(rb"<(?:\w+:)?TABLE\b.*?</(?:\w+:)?TABLE\b", re.DOTALL)
_STREAM: Final = re.compile(
    rb"<(?:\w+:)?BINARY(2?)\s*>\s*<(?:\w+:)?STREAM\b(?![^>]*href)[^>]*>([^<]*)<"
)
_PACKED: Final = (".gz", ".bz2", ".xz", ".zst", ".zip", ".fz")


def format_of(path: Path) -> str | None:
    """Return astropy's name of a file's format, None if it is another one."""
    suffixes = [one.lower() for one in path.suffixes if one.lower() not in _PACKED]
    return _FORMATS.get(suffixes[-1]) if suffixes else None


class AstropyRows(ColumnarRows):
    """A file that astropy reads; FITS files that are not compressed stay on the disk."""

    def __init__(self, path: Path, columns: Mapping[str, Column], rows: int) -> None:
        self._table: Held[Any] = Held(partial(read_astropy, path))
        super().__init__(path, columns, rows)

    def _names(self) -> list[str]:
        return list(self._table.get().dtype.names)

    def _sizes(self) -> list[int]:
        return [len(self._table.get())]

    def units(self, wanted: Sequence[str]) -> dict[str, BrightnessUnit]:
        """Return the units of columns of brightness, of our names, by those in the file."""
        names = [self._found[name][0] for name in wanted if name in self._found]
        with undamaged(self.path):
            return brightness_units(self._table.get(), names)

    def _load(self, names: list[str], first: int, count: int) -> pl.DataFrame:
        time, _ = self._found.get(MJD, ("", None))
        with undamaged(self.path):  # columns are looked at when they are asked for
            rows = self._table.get()[first : first + count]
            return astropy_frame(rows, names, str(self.path), times=(time,))


@contextmanager
def undamaged(path: Path) -> Iterator[None]:
    """Turn whatever astropy raises of a damaged file into one sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # headers that do not follow the standard
            warnings.filterwarnings("error", message=_LOSSES)
            yield
    except DataError:
        raise
    except Exception as fault:  # it may be nearly anything
        raise DataError(f"{path} is damaged or cannot be read: {told(fault)}") from fault


def read_astropy(path: Path) -> Any:
    """Return the first table of a file, a FITS_rec or an astropy Table.

    Raises:
        DataError: There is none, or the file is damaged.
    """
    from astropy.io import fits
    from astropy.io.votable import parse
    from astropy.table import Table

    kind = format_of(path)
    with readable(path):
        packed = packing(path) is not None  # all of it is unpacked, which checks its end
        source: Any = path
        if packed or kind in (_ECSV, _VOTABLE):
            with open_unpacked(path) as stream:
                source = BytesIO(stream.read().removeprefix(BOM))
    table: Any = None
    with undamaged(path):
        if kind == "fits":
            units = fits.open(source, memmap=not packed)
            for unit in units:
                if isinstance(unit, fits.BinTableHDU):
                    table = unit.data
                elif isinstance(unit, fits.TableHDU):  # of text: rows cannot be had alone
                    table = Table.read(unit)
                if table is not None:
                    _check_end(path, unit, units[len(units) - 1])
                    break
        elif kind == _VOTABLE:
            _check_tags(path, source.getvalue())
            content = parse(source, verify="warn")
            table, found = Table.read(content, format=kind), content.get_first_table()
            if found.nrows not in (None, len(table)):
                raise DataError(
                    f"{path} is damaged: it states {found.nrows} rows and has {len(table)}"
                )
            _check_stream(path, source.getvalue(), found)
        else:
            _check_rows(path, source.getvalue())
            table = Table.read(source, format=kind)
    if table is None:
        raise DataError(f"{path} has no table; is it truncated?")
    return table


def _check_end(path: Path, unit: Any, last: Any) -> None:
    """Refuse a FITS file with more bytes than its headers, one of which is damaged, describe."""
    place, end = unit.fileinfo(), last.fileinfo()
    place["file"].seek(place["datLoc"] + unit.size)
    padding = place["file"].read(place["datSpan"] - unit.size)
    if padding.strip(b"\0 ") or place["file"].size > end["datLoc"] + end["datSpan"]:
        raise DataError(f"{path} is damaged: it holds more than its headers say")


def _check_tags(path: Path, content: bytes) -> None:
    """Refuse a VOTable of which a row would be left out since it is not called one."""
    for place in _TABLES.finditer(content):
        if strange := _STRANGE.search(content, *place.span(1)):
            line = content.count(b"\n", 0, strange.start()) + 1
            tag = strange[0].decode(errors="replace")[:SHOWN]
            raise DataError(f"{path}, line {line}: '{tag}' stands where rows (TR) or cells (TD) do")


def _check_stream(path: Path, content: bytes, table: Any) -> None:
    """Refuse binary rows, all of one length, of which astropy would leave out a cut one."""
    first = _FIRST.search(content)
    stream = first and _STREAM.search(content, *first.span())
    if not stream or any("*" in (field.arraysize or "") for field in table.fields):
        return
    size = len(b64decode(stream[2]))
    for values in table.array.data[:1]:
        cells = zip(table.fields, values, strict=True)
        length = sum(len(field.converter.binoutput(value, False)) for field, value in cells)
        length += -(-len(table.fields) // 8) if stream[1] else 0  # bits that say what is absent
        if size == length * len(table.array):
            return
    if size:
        raise DataError(f"{path} is damaged: its {size} bytes of rows are no whole number of them")


def _check_rows(path: Path, content: bytes) -> None:
    """Refuse an ECSV file of which a row would be left out as a comment."""
    header = True
    for number, line in enumerate(content.split(b"\n"), start=1):
        comment = line.lstrip().startswith(b"#")
        if comment and not header:
            raise DataError(f"{path}, line {number}: a row begins with '#', as comments do")
        header = header and comment
