"""What every check of a settlement works on, and what it hands back."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import msgspec

from quanheng.settlement.closing import Closing
from quanheng.settlement.own import Own
from quanheng.settlement.received import Fen, Side, Theirs
from quanheng.settlement.record import Case, Item, Record
from quanheng.terms.contract import Contract
from quanheng.terms.units import MONEY_PER_FEN, Money, half_up

Cell = str | int
ITEMS = {("L", False): Item.LONG, ("S", False): Item.SHORT, ("S", True): Item.COVERED}
WORDS = {("L", False): "权利仓", ("S", False): "义务仓", ("S", True): "备兑"}


class Table(msgspec.Struct, frozen=True):
    """Rows that a step leaves for reports; `heads` are the columns' names."""

    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


class Outcome(msgspec.Struct, frozen=True):
    """What a step found: cases, single facts, tables by name. A pure function of its inputs."""

    cases: tuple[Case, ...] = ()
    facts: dict[str, Cell] = {}
    tables: dict[str, Table] = {}


class Context:
    """One day: our account, theirs, the record so far and the closing state of the day before."""

    def __init__(
        self, own: Own, theirs: Theirs, record: Record, previous: Closing | None, next_day: int
    ) -> None:
        self.own, self.theirs, self.record = own, theirs, record
        self.previous, self.next_day = previous, next_day
        self.day = theirs.day

    @cached_property
    def contracts(self) -> Mapping[str, Contract]:
        """The listing as it was received, by code."""
        return {row.code: row for row in self.theirs.contracts}

    def positions(self) -> dict[Side, int]:
        """Our positions after netting, with the day's adjusting entries."""
        found = dict(self.own.positions())
        for entry in self.record.active():
            if entry.day == self.day and entry.code:
                for (side, covered), item in ITEMS.items():
                    if item == entry.item:
                        key = (entry.code, side, covered)
                        found[key] = found.get(key, 0) + entry.amount
        return {key: qty for key, qty in sorted(found.items()) if qty}


def fen(amount: Money) -> Fen:
    """Money in fen, half up."""
    return half_up(amount, MONEY_PER_FEN)


def yuan(amount: Fen) -> str:
    """An amount in fen as yuan."""
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100:,}.{abs(amount) % 100:02d}"


def differing(
    step: str,
    kind: str,
    ours: Mapping[Side, int],
    theirs: Mapping[Side, tuple[int, int]],
    file: str,
) -> Iterable[Case]:
    """Cases of positions that differ; theirs are (record, contracts)."""
    for key in sorted({*ours, *theirs}):
        mine, (row, other) = ours.get(key, 0), theirs.get(key, (0, 0))
        if mine != other:
            code, side, covered = key
            yield Case(
                key=f"{step}/{kind}/{code}-{side}{'C' if covered else ''}",
                step=step,
                kind=kind,
                what=f"{code} {WORDS[side, covered]}",
                ours=f"{mine} 张",
                theirs=f"{other} 张",
                file=file,
                row=row,
                item=ITEMS[side, covered],
                code=code,
                amount=other - mine,
            )


def money_case(
    step: str,
    kind: str,
    what: str,
    ours: Fen,
    theirs: Fen,
    place: tuple[str, int],
    item: str = "",
) -> Sequence[Case]:
    """A case when two amounts in fen differ, none when they agree."""
    if ours == theirs:
        return ()
    file, row = place
    return (
        Case(
            key=f"{step}/{kind}", step=step, kind=kind.partition("/")[0], what=what,
            ours=f"{yuan(ours)} 元", theirs=f"{yuan(theirs)} 元", file=file, row=row, item=item,
            amount=(theirs - ours) * MONEY_PER_FEN,
        ),
    )  # fmt: skip
