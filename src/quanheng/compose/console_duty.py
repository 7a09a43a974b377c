"""Duties of a scene as rows: classes with what is reachable, contracts, what will be lost.

The figures are the cockpit's (`cockpit_stand`), of the maker's own meter; months before today are
not in a run, so the grade is the trial of one day.
"""

from quanheng.compose.cockpit_live import follower_of
from quanheng.compose.cockpit_stand import ClassStand, assembled
from quanheng.compose.cockpit_text import alert_row
from quanheng.compose.console_rows import ratio
from quanheng.desk.frames import Row, Rows
from quanheng.duties.cockpit import ContractView, view
from quanheng.duties.lookout import look, look_at_inquiries
from quanheng.duties.scale import scale_of
from quanheng.maker.state import State
from quanheng.rulebook.phases import timetable
from quanheng.terms.days import midnight
from quanheng.terms.units import SECOND, Day, Nanos


def duty(state: State, day: Day, at: Nanos) -> dict[str, Rows]:
    """Channels "duty" (by class), "contracts" (by contract), "losing" (what will be lost, when)."""
    follower, opened = follower_of(state), state.opened
    assert opened is not None, "follower_of needs the day's opening"
    book, epoch = opened.rulebook, midnight(day)
    scale = scale_of(book)
    cockpit = view(follower, at, book, scale, epoch)
    alerts = look(follower, at, book, timetable(book), epoch)
    alerts += look_at_inquiries(follower, at)
    stand = assembled(cockpit, book, scale, {}, day, at - epoch, alerts, epoch)
    names = {one.code: one.trading_code for one in opened.chain.contracts}
    contracts: Rows = {}
    for one in stand.classes:
        for row in one.view.contracts:
            contracts[row.contract] = _contract(row, names[row.contract], one.view.underlying)
    losing: Rows = {}
    for alert in stand.alerts:
        zh, en = alert_row(alert, "zh"), alert_row(alert, "en")
        losing["/".join(map(str, alert.key))] = {
            "at": zh[0], "zh": zh[1], "en": en[1], "scope": zh[2], "when_zh": zh[3],
            "when_en": en[3], "detail_zh": zh[4], "detail_en": en[4], "lost": int(alert.lost),
        }  # fmt: skip
    classes = {one.view.underlying: _class(one) for one in stand.classes}
    return {"duty": classes, "contracts": contracts, "losing": losing}


def _class(one: ClassStand) -> Row:
    seen, day = one.view, one.view.day
    tonight = next((case for case in one.effects if case.name == "as_now"), None)
    return {
        "underlying": seen.underlying,
        "contracts": len(seen.contracts),
        "covered": day.covered,
        "needed": seen.needed,
        "reachable": seen.reachable,
        "slack": None if seen.slack is None else seen.slack // SECOND,
        "spread": ratio(day.spread_ratio),
        "participation": ratio(day.participation),
        "best": ratio(seen.best),
        "worst": ratio(seen.worst),
        "coverage": ratio(day.coverage),
        "opening": day.opening_effective,
        "closing": day.closing_effective,
        "breaker": f"{day.volatility_joined}/{day.volatility_auctions}",
        "inquiries": day.inquiries,
        "answered": day.answered,
        "volume": day.volume,
        "weighted": ratio(one.reach.so_far),
        "weighted_best": ratio(one.reach.best),
        "grade": tonight.table_grade if tonight else "",
        "grade_spread": ratio(tonight.spread_ratio) if tonight else None,
        "general": int(one.general),
        "auctions": [
            {
                "kind": int(auction.kind), "ready": auction.ready, "needed": auction.needed,
                "contracts": auction.contracts, "missing": list(auction.missing[:8]),
            }
            for auction in seen.auctions
        ],
    }  # fmt: skip


def _contract(row: ContractView, name: str, underlying: str) -> Row:
    return {
        "contract": row.contract,
        "name": name,
        "underlying": underlying,
        "phase": int(row.phase),
        "cause": int(row.cause),
        "obliged": row.obliged // SECOND,
        "compliant": row.compliant // SECOND,
        "participation": ratio(row.participation),
        "best": ratio(row.best),
        "worst": ratio(row.worst),
        "slack": row.slack // SECOND,
        "spread": ratio(row.spread_ratio),
        "now": ratio(row.ratio_now),
    }
