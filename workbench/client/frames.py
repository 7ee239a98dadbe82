"""Results of DuckDB as pandas DataFrames, with the types that a person works with.

Arrow's own conversion turns integers with nulls into floats, sums into ``Decimal`` objects and
durations into offsets; here they are nullable integers, numbers and ``timedelta64``. Times with a
zone are UTC, dates are ``datetime.date``, nested values are Python lists and dicts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_DAYS_OF_A_MONTH = 30  # as DuckDB counts them when it must


def to_frame(table: Any) -> pd.DataFrame:
    """A ``pyarrow.Table`` as a DataFrame; columns keep their names, also where two are equal."""
    import pandas as pd

    columns = {place: to_series(table.column(place)) for place in range(table.num_columns)}
    frame = pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows))
    frame.columns = pd.Index(table.column_names)
    return frame


def to_series(column: Any) -> pd.Series:
    """One ``pyarrow.ChunkedArray``."""
    import pandas as pd
    import pyarrow as pa

    kind, types = column.type, pa.types
    if types.is_decimal(kind):
        column = _number(column)
        kind = column.type
    if column.null_count and (types.is_integer(kind) or types.is_boolean(kind)):
        return column.to_pandas(types_mapper=_nullable().get)
    if types.is_interval(kind):
        spans = [_span(value) for value in column.to_pylist()]
        return pd.Series(spans, dtype="timedelta64[us]")
    if types.is_nested(kind):
        values = [_plain(value) for value in column.to_pylist(maps_as_pydicts="lossy")]
        return pd.Series(values, dtype=object)
    return column.to_pandas()


def _number(column: Any) -> Any:
    """Sums of integers are decimals without a fraction: integers again where they fit."""
    import pyarrow as pa

    if column.type.scale == 0:
        try:
            return column.cast(pa.int64())
        except pa.ArrowInvalid:
            pass
    return column.cast(pa.float64())


def _nullable() -> dict[Any, Any]:
    import pandas as pd
    import pyarrow as pa

    return {
        pa.bool_(): pd.BooleanDtype(),
        pa.int8(): pd.Int8Dtype(),
        pa.int16(): pd.Int16Dtype(),
        pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.uint8(): pd.UInt8Dtype(),
        pa.uint16(): pd.UInt16Dtype(),
        pa.uint32(): pd.UInt32Dtype(),
        pa.uint64(): pd.UInt64Dtype(),
    }


def _span(value: Any) -> Any:
    import pandas as pd

    if value is None:
        return pd.NaT
    days = value.months * _DAYS_OF_A_MONTH + value.days
    return pd.Timedelta(days=days, microseconds=value.nanoseconds // 1000)


def _plain(value: Any) -> Any:
    """Nested decimals are numbers too."""
    from decimal import Decimal

    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return value
