"""The evening's notices of a simulated day, and the firm's look at the last evening's (I-45)."""

import msgspec

from quanheng.clearing import notices
from quanheng.compose.day import World
from quanheng.compose.day_end import Settled, fills_of
from quanheng.compose.reference import read_master
from quanheng.settlement import carry
from quanheng.terms.codes import FORCED_COVERED, FORCED_MARGIN
from quanheng.terms.units import half_up
from quanheng.wire.notices import Notice, read, write


def notices_of(world: World, settled: Settled, made: carry.Carry) -> tuple[Notice, ...]:
    """Everything the clearing house writes to us in the evening, in the order of its kinds."""
    chain, account = world.reference.chain, world.plan.config.member.account
    day, mine = chain.day, made.accounts[0]
    tomorrow = read_master(f"carry of {made.day}", made.master, made.day)
    covered = {one.code: one.covered for one in mine.held}
    underlyings = {row.code: row.underlying for row in chain.contracts}
    num, den = world.book.rates.fail_cash
    prices = [half_up(int(close) * num, den) for close in world.underlying_closes]
    found = notices.called(account, day, settled.deficit, settled.next_day)
    found += notices.uncovered(account, day, tomorrow, covered, dict(mine.locked))
    found += notices.closed(account, day, fills_of(world), underlyings, settled.deficit)
    if settled.delivered is not None:
        found += notices.failed(account, chain, settled.delivered, prices)
    return found


def notified(
    world: World, settled: Settled, made: carry.Carry
) -> tuple[carry.Carry, tuple[Notice, ...]]:
    """The carry with the notices' file in it, and the notices."""
    told = notices_of(world, settled, made)
    return msgspec.structs.replace(made, notices=write(told, world.plan.day)), told


def closings_without_notice(world: World) -> int:
    """Contracts closed by force today that no notice of the evening before stands behind."""
    opening = world.plan.opening
    known, _ = read(opening.notices) if opening and opening.notices else ([], [])
    kinds = [one.kind for one in known]
    due = {FORCED_MARGIN: "P01" in kinds, FORCED_COVERED: "P02" in kinds}
    return sum(fill.qty for fill in fills_of(world) if not due.get(fill.client_id[:3], True))
