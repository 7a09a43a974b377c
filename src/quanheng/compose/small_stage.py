"""What small worlds of one size share: chain, openings, gateway plan; built once a process."""

from functools import cache
from typing import Any, NamedTuple

from msgspec.structs import replace

from quanheng.compose.later import reference_on
from quanheng.compose.openings import Openings
from quanheng.compose.reference import FIRST_DAY
from quanheng.compose.scenarios import load
from quanheng.config import read_config
from quanheng.edge.gateway_parts import Kept
from quanheng.edge.gateway_pull import GatewayPlan
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.exchange import messages as ex
from quanheng.exchange.state import PARTITIONS
from quanheng.maker.messages import MakerOpen
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.market import Inquiry
from quanheng.terms.units import MILLISECOND, Nanos
from quanheng.wire.profile import Profile
from quanheng.wire.tdgw import ServerSession

BEGIN = midnight(FIRST_DAY) + from_clock("10:00")
SETS = PARTITIONS


class Stage(NamedTuple):
    """What all small worlds share."""

    venue: ex.VenueOpen
    maker: MakerOpen
    plan: GatewayPlan
    profile: Profile
    spot: int


@cache
def stage(contracts: int) -> Stage:
    """One class of so many contracts, a busy crowd, position limits that bite."""
    config, book = read_config(), read_rulebook(FIRST_DAY)
    reference = reference_on(FIRST_DAY, None, str(contracts))
    openings = Openings(load("calm"), reference, book, config, 1, 500 * MILLISECOND)
    market = replace(openings.market(), flow=3_000_000, inquiries=600)
    member = config.member
    codes = {item.code: item.underlying for item in reference.chain.contracts}
    plan = GatewayPlan(
        day=FIRST_DAY,
        comp_id="OMS01",
        account=member.account,
        pbu=member.pbu,
        branch=member.branch,
        letter="G",
        engine_letter=member.letter,
        messages_per_second=1_000,
        dead_man=400 * MILLISECOND,
        speed=1,
        underlyings=codes,
    )
    profile = Profile(member.account, member.pbu, member.branch)
    venue = replace(openings.venue(), scenario=market)
    spot = reference.chain.contracts[0].underlying_close
    return Stage(venue, openings.maker(), plan, profile, spot)


class Epochs:
    """The epoch file of a gateway that may crash: what was written stays."""

    def __init__(self) -> None:
        self.kept = Kept()

    def read(self) -> Kept:
        """What was kept."""
        return Kept(self.kept.epoch, self.kept.boot)

    def write(self, kept: Kept) -> None:
        """Keep it."""
        self.kept = Kept(kept.epoch, kept.boot)


def told(server: ServerSession, effect: Any, now: Nanos) -> bytes:
    """What the venue says besides reports, as bytes of the order line."""
    match effect:
        case ex.Refuse():
            send = server.send_reject
            return b"".join(send("OQO", effect.pbu, one, now) for one in effect.rejects)
        case ex.PlatformStateChanged():
            return server.send_platform_state(effect.state, now)
        case Inquiry():
            return server.send_inquiry(effect, now)
        case _:
            return b""
