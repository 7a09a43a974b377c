"""Tables of an archived day: schema, writer and reader (Parquet; needs the extra `data`).

Times are Nanos UTC, prices Ticks of 0.0001 yuan, quantities contracts (fund units for the
underlyings), amounts 0.0001 yuan. `machine` and `seq` name the journal's frame a row was read from,
which is what its proof is about. Every file carries its own column descriptions.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from quanheng.edge.dataset_files import arrow_modules

ROW_GROUP = 1 << 14
"""Rows of a row group: what a question about one person and one contract reads at least."""
Row = tuple[Any, ...]


class Field(NamedTuple):
    """A column: int64 or text, and what it says."""

    name: str
    kind: type
    words: str


_AT = Field("at", int, "instant, ns UTC")
_PLACE = (Field("machine", str, "journal"), Field("seq", int, "frame of the journal"))
_ID = Field("client_id", str, "client order id on the wire")
_STAMP = (
    Field("trader", str, "trader on duty, opaque id"),
    Field("entered_by", str, "person whose command it carries out, empty for the machine's own"),
    Field("strategy", str, "strategy"),
    Field("strategy_version", str, "its version"),
)
SCHEMAS: dict[str, tuple[Field, ...]] = {
    "requests": (
        _AT, *_PLACE, _ID,
        Field("kind", str, "NewOrder, Quote, OrderCancel, QuoteCancel, EtfOrder, ..."),
        Field("contract", str, "contract code, or the underlying's"),
        Field("side", int, "1 buy, 2 sell, 0 does not apply"),
        Field("price", int, "ticks"), Field("qty", int, "quantity"),
        Field("bid", int, "ticks"), Field("bid_qty", int, "quantity, 0 side not carried"),
        Field("ask", int, "ticks"), Field("ask_qty", int, "quantity, 0 side not carried"),
        Field("target", str, "request that is cancelled"),
        *_STAMP,
        Field("curve_version", int, "published curve"),
        Field("limits_version", int, "limits in force"),
        Field("epoch", int, "epoch of the leader"),
    ),
    "answers": (
        _AT, *_PLACE, _ID,
        Field("kind", str, "report"), Field("contract", str, "contract code"),
        Field("exec", int, "0 accepted, 6 cancelled, 8 rejected, -1 none"),
        Field("reason", int, "exchange's code, 0 none"),
    ),
    "trades": (
        _AT, *_PLACE, _ID,
        Field("contract", str, "contract code, or the underlying's"),
        Field("side", int, "1 buy, 2 sell"), Field("effect", int, "0 open, 1 close, -1 none"),
        Field("price", int, "ticks"), Field("qty", int, "quantity"),
        Field("amount", int, "0.0001 yuan"),
        Field("exec_id", int, "execution"), Field("order_id", int, "exchange's order"),
        Field("sent_seq", int, "frame in which the request left, 0 not in this journal"),
        *_STAMP,
    ),
    "decisions": (
        _AT, *_PLACE,
        Field("kind", str, "command, or withdraw"), Field("proposal", int, "0 none"),
        Field("scope", str, "what it is about"),
        Field("by", str, "person"), Field("seconded_by", str, "second person"),
        Field("outcome", str, "issued, pending, refused CODE, withdrawn, expired, in force"),
        Field("command", str, "the command as JSON"),
    ),
    "actions": (
        Field("person", str, "opaque id"),
        Field("scope", str, "contract, underlying or * that it is about"),
        _AT, *_PLACE,
        Field("role", str, "on_duty, entered, by, seconded, proposed, second, withdrew"),
        Field("kind", str, "what was done"), _ID,
        Field("detail", str, "the request or command as JSON"),
    ),
    "contracts": (
        Field("code", str, "contract code"), Field("underlying", str, "underlying's code"),
        Field("trading_code", str, "trading code of the day"),
    ),
}  # fmt: skip


def schema_text() -> str:
    """The schemas in words, for the archive's own README."""
    lines = []
    for name, fields in SCHEMAS.items():
        lines.append(f"{name}.parquet")
        lines += [
            f"  {f.name:17} {'int64' if f.kind is int else 'text ':5}  {f.words}" for f in fields
        ]
    return "\n".join(lines) + "\n"


def parquet(name: str, rows: Sequence[Row]) -> bytes:
    """A table's file. ValueError when a row has another number of cells than the schema."""
    arrow = arrow_modules()
    fields = SCHEMAS[name]
    for row in rows:
        if len(row) != len(fields):
            raise ValueError(f"{name}: a row of {len(row)} cells, not {len(fields)}")
    schema = arrow.schema(
        [
            arrow.field(
                field.name,
                arrow.int64() if field.kind is int else arrow.string(),
                nullable=False,
                metadata={"words": field.words},
            )
            for field in fields
        ]
    )
    columns = [
        arrow.array([row[at] for row in rows], schema.field(at).type) for at in range(len(fields))
    ]
    sink = io.BytesIO()
    table = arrow.Table.from_arrays(columns, schema=schema)
    arrow.parquet.write_table(table, sink, row_group_size=ROW_GROUP, compression="zstd")
    return sink.getvalue()


def read_rows(path: Path, first: int = 0, count: int | None = None) -> list[dict[str, Any]]:
    """Rows [first, first + count) of a table file; all by default."""
    file = arrow_modules().parquet.ParquetFile(path)
    total = file.metadata.num_rows
    stop = total if count is None else min(total, first + count)
    groups, skipped, at = [], 0, 0
    for group in range(file.metadata.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if at + rows <= first:
            skipped += rows
        elif at < stop:
            groups.append(group)
        at += rows
    if not groups:
        return []
    table = file.read_row_groups(groups).slice(first - skipped, stop - first)
    found: list[dict[str, Any]] = table.to_pylist()
    return found
