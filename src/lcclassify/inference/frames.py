"""Tables in memory, of pandas or Polars, as Polars has them."""

from __future__ import annotations

import polars as pl

from lcclassify.errors import DataError


def to_polars(frame: object, argument: str, wanted: tuple[str, ...]) -> pl.DataFrame:
    """Return the wanted columns that a pandas or Polars table has.

    Args:
        frame: The table.
        argument: What the caller calls it, for messages.
        wanted: Names of columns.

    Raises:
        DataError: It is another kind of table, or a column is there twice or of a type that
            Arrow does not have.
    """
    if isinstance(frame, pl.DataFrame):
        return frame[[name for name in wanted if name in frame.columns]]
    import pandas as pd  # whoever has such a table has imported it already

    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            f"{argument} must be a pandas or Polars DataFrame, got {type(frame).__name__}"
        )
    present = [name for name in wanted if name in frame.columns]
    names = list(frame.columns)
    for name in present:
        if names.count(name) > 1:
            raise DataError(f"{argument} has {names.count(name)} columns named '{name}'")
    try:
        return pl.from_pandas(frame[present])
    # Arrow has no type for some columns, such as complex numbers.
    except (
        TypeError,
        ValueError,
        NotImplementedError,
        ImportError,
        pl.exceptions.PolarsError,
    ) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{argument} holds a column of mixed or unusable type: {reason}") from error
