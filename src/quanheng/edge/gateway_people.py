"""What people may ask of a gateway at its kill socket, one line of JSON each way.

    {"do": "preview", "scope": "510050"}             what a pull would withdraw
    {"do": "pull", "scope": "*", "by": "R01"}        begin a pull; answers with its proof so far
    {"do": "proof", "scope": "*"}                    the proof as it stands
    {"do": "release", "scope", "by", "seconded_by"}  end a pull
    {"do": "cut", "by"}, {"do": "rejoin", "by", "seconded_by"}   leave the exchange, come back
    {"do": "status"}

It needs neither engine, bus nor database (reliability.md 2.5 point 6).
"""

from typing import Any

import msgspec

from quanheng.edge.gateway import Gateway
from quanheng.terms.units import Nanos

ORDERS = ("preview", "pull", "proof", "release", "cut", "rejoin", "status")


def answer(core: Gateway, line: bytes, now: Nanos) -> dict[str, Any]:
    """Do what a line asks; `ok` false with the reason when it cannot be done."""
    try:
        order = msgspec.json.decode(line, type=dict[str, str])
        return {"ok": True, **_do(core, order, now)}
    except (ValueError, msgspec.DecodeError) as error:
        return {"ok": False, "why": str(error)}


def _do(core: Gateway, order: dict[str, str], now: Nanos) -> dict[str, Any]:
    do, scope = order.get("do", ""), order.get("scope", "*")
    by, second = order.get("by", ""), order.get("seconded_by", "")
    match do:
        case "preview":
            return {"scope": scope, "items": _rows(core, scope)}
        case "pull":
            return {"proof": msgspec.to_builtins(core.pull(scope, by, now))}
        case "proof":
            if scope not in core.puller.watches:
                raise ValueError(f"scope {scope!r} was not pulled")
            return {"proof": msgspec.to_builtins(core.puller.watches[scope].proof(now))}
        case "release":
            core.release(scope, by, second, now)
        case "cut":
            core.cut(by, now)
        case "rejoin":
            core.rejoin(by, second, now)
        case "status":
            pass
        case _:
            raise ValueError(f"unknown order {do!r}: one of {', '.join(ORDERS)}")
    return status(core)


def _rows(core: Gateway, scope: str) -> list[dict[str, str]]:
    """One row for each quote and order in a scope, in the order in which it would go."""
    around = core.plan.underlyings
    return [
        {
            "contract": row.contract,
            "underlying": around.get(row.contract, ""),
            "client_id": row.name or row.last,
            "what": "order" if row.name else "quote",
            "trader": row.who[0],
            "strategy": row.who[1],
        }
        for row in core.puller.preview(scope)
    ]


def status(core: Gateway) -> dict[str, Any]:
    """Where a gateway stands."""
    return {
        "epoch": core.epoch,
        "link": core.link.name,
        "armed": core.armed,
        "off": core.off,
        "open_quotes": len(core.table.quotes),
        "open_orders": len(core.table.orders),
        "pulled": dict(core.puller.killed),
        "cut": core.puller.cut_by,
        **core.counts,
    }
