"""The shipped reference brought to a later day, for scenarios that are set on one.

Nothing traded in between: the closes of the underlyings, the open interest and the smiles are those
of the reference; the exchange's listing runs once, from the reference's day to the wanted one, so
that months and strikes, settlement prices by theory, limits and margins are those of that day.
"""

from pathlib import Path

import msgspec

from quanheng.compose.carrying import Listed
from quanheng.compose.reference import FIRST_DAY, Reference, ReferenceDataError, chosen, load
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.exchange import listing, theory
from quanheng.rulebook.calendar import is_trading
from quanheng.terms.days import iso
from quanheng.terms.units import Day


def reference_on(day: Day, master: Path | None, pick: str) -> Reference:
    """The reference of a day from the shipped one. ReferenceDataError for a day before it, for one
    without trading, and for a later day with a contract master of one's own.
    """
    if day == FIRST_DAY:
        return load(day, master, pick)
    book = read_rulebook(day)
    if day < FIRST_DAY or not is_trading(book.calendar, day):
        raise ReferenceDataError(f"no reference of {iso(day)}: no trading day from {FIRST_DAY} on")
    if master is not None:
        raise ReferenceDataError(f"{master}: a master of one's own is for {iso(FIRST_DAY)} only")
    shipped = load(FIRST_DAY)
    smiles = {
        item.underlying: [
            theory.Smile(face.last_day, face.atm, face.skew, face.curvature, face.carry)
            for face in item.expiry
        ]
        for item in shipped.surface.klass
    }
    settled = {
        row.code: listing.Settled(row.previous_close, row.previous_settle, row.open_interest)
        for row in shipped.whole.contracts
        if row.last_day < day
    }
    listed = Listed(shipped.whole, book, smiles, {}, shipped.surface.rate)
    roll = listed.roll(settled, listing.first_free_code(shipped.whole), (), {})
    classes = []
    for item in shipped.surface.klass:
        lasts = sorted(
            {r.last_day for r in roll.chain.contracts if r.underlying == item.underlying}
        )
        faces = []
        for last_day in lasts:
            found = theory.smile_of(smiles[item.underlying], last_day)
            numbers = (found.atm, found.slope, found.curvature, 0, 0, found.carry)
            faces.append(type(item.expiry[0])(last_day, *numbers))
        classes.append(msgspec.structs.replace(item, expiry=tuple(faces)))
    surface = msgspec.structs.replace(shipped.surface, day=day, klass=tuple(classes))
    return chosen(roll.chain, surface, shipped.bars, pick)
