"""Wall-crossings (跨墙) as access sees them (O-05, chapter 7, 2(5)).

While an approved crossing of a person is open, only the views of its purpose show, and nothing is
commanded. A person from our side sees of them what the posts allow anyway; a person from the
other side, who holds no post here, sees them in the account the crossing names.
"""

import msgspec
import sqlalchemy as sa

from quanheng.desk.people.rules import is_view
from quanheng.desk.people.schema import REGISTER
from quanheng.terms.days import day_of
from quanheng.terms.units import Day, Nanos

WALL = "wall"


class WallCrossing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request (跨墙申请): who crosses from where to where, what for, what shows, how long."""

    person: str
    side: str  # department on this side of the wall that he or she comes from
    other_side: str
    purpose: str
    account: str
    views: tuple[str, ...]
    since: Day
    until: Day  # the last day


class Crossing(msgspec.Struct, frozen=True):
    """An open crossing."""

    number: int
    account: str
    views: tuple[str, ...]

    def shows(self, name: str, account: str, held: bool, roles: frozenset[str]) -> bool:
        """Does a view show during it?"""
        if not is_view(name) or name not in self.views:
            return False
        return held if roles else account == self.account


def open_crossing(connection: sa.Connection, person: str, now: Nanos) -> Crossing | None:
    """The approved crossing of a person that is open on the day, None for none."""
    today = day_of(now)
    mine = sa.select(REGISTER).where(REGISTER.c.register == WALL).order_by(REGISTER.c.number)
    rows = list(connection.execute(mine).mappings())
    approved = {row["refers"] for row in rows if row["step"] == "approve"}
    reversed_ = {row["refers"] for row in rows if row["step"] == "reverse"}
    for row in rows:
        if row["step"] != "record" or row["number"] not in approved - reversed_:
            continue
        wall = msgspec.json.decode(row["body"], type=WallCrossing)
        if wall.person == person and wall.since <= today <= wall.until:
            return Crossing(row["number"], wall.account, wall.views)
    return None
