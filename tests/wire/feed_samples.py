"""Both sides of a market-data line, and a message of every kind that either may send."""

from wire_samples import DAY

from quanheng.terms.days import midnight
from quanheng.wire import md301, mdgw, step_messages


def feed_sessions(tables: md301.ChainTables) -> tuple[mdgw.ServerSession, mdgw.ClientSession]:
    """Both sides of the market-data line, logged on and subscribed."""
    server, client = mdgw.ServerSession(tables, DAY, 0), mdgw.ClientSession(tables, DAY, 0)
    for _ in range(2):
        server.receive(client.output(), 0)
        client.receive(server.output(), 0)
    return server, client


def feed_messages(tables: md301.ChainTables) -> tuple[list[bytes], list[bytes]]:
    """Messages a reader and a gateway of market data may send, besides the data."""
    fields: dict[str, list[tuple[int, str]]] = {
        "A": [(98, "0"), (108, "30"), (1408, step_messages.VERSION)],
        "0": [(112, "x")],
        "1": [(112, "x")],
        "2": [(7, "1"), (16, "0")],
        "3": [(45, "2"), (371, "1500"), (58, "no")],
        "4": [(123, "N"), (36, "9")],
        "5": [(1409, "0"), (58, "bye")],
        "V": [(262, "a"), (263, "1"), (1500, "MD301")],
    }
    up, down = (
        [step_messages.build(kind, *names, 4, midnight(DAY), rest) for kind, rest in fields.items()]
        for names in (("QH", "MDGW"), ("MDGW", "QH"))
    )
    return up, down
