"""Client ids of the quotes behind a contract's intervals, from the maker's own journal."""

from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

import msgspec

from quanheng.compose.explain import Line
from quanheng.maker.maker import Maker
from quanheng.runtime.journal import INPUT
from quanheng.runtime.records import envelope_decoder
from quanheng.runtime.segment import read_segments, segment_paths
from quanheng.terms.codes import Exec
from quanheng.terms.days import midnight
from quanheng.terms.orders import QuoteAck, Reports
from quanheng.terms.units import Day, DayNanos


def quotes_of(run: Path, contract: str, day: Day) -> list[tuple[DayNanos, str]]:
    """(exchange's time, client id) of every quote that the exchange took, in order.

    Empty without a journal; of a journal that kept only its tail, the quotes of the tail.
    """
    folder = run / "journal" / Maker.NAME
    paths = segment_paths(folder) if folder.is_dir() else []
    if not paths:
        return []
    decode = envelope_decoder(Maker).decode
    name, start = contract.encode(), midnight(day)
    found: list[tuple[DayNanos, str]] = []
    for frame in read_segments(folder, Maker.NAME, paths[0][0]):
        if frame.kind != INPUT or name not in frame.payload:
            continue
        body = decode(frame.payload).body
        if not isinstance(body, Reports):
            continue
        for report in body.reports:
            item = report.body
            taken = isinstance(item, QuoteAck) and not item.cancel and item.exec == Exec.ACCEPTED
            if isinstance(item, QuoteAck) and taken and item.contract == contract:
                found.append((item.at - start, item.client_id))
    return sorted(found)


def named(lines: Sequence[Line], quotes: Sequence[tuple[DayNanos, str]]) -> tuple[Line, ...]:
    """The lines with the id of the quote whose state they show.

    A fill or a cancel of one side changes the state too: the id stays that of the quote before it.
    """
    times = [at for at, _ in quotes]

    def ident(line: Line) -> str:
        place = bisect_right(times, line.quote_at) if line.bid_qty or line.ask_qty else 0
        return quotes[place - 1][1] if place else ""

    return tuple(msgspec.structs.replace(line, quote=ident(line)) for line in lines)
