"""Channels that a state alone fills: name -> rows of the machine's state at an instant."""

from collections.abc import Callable, Mapping

from quanheng.compose import console_inventory as inventory
from quanheng.compose import console_rows as rows
from quanheng.compose.console_heat import heat
from quanheng.desk.frames import Rows
from quanheng.maker.state import State
from quanheng.terms.units import Nanos

CHANNELS: Mapping[str, Callable[[State, Nanos], Rows]] = {
    "risk": lambda state, at: rows.risk(state),
    "profit": lambda state, at: rows.profit(state),
    "heat": lambda state, at: heat(state),
    "limits": lambda state, at: rows.limits(state),
    "monitors": rows.monitors,
    "inquiries": rows.inquiries,
    "settings": lambda state, at: rows.settings(state),
    "account": lambda state, at: {"*": rows.account(state)},
    "funds": lambda state, at: inventory.funds(state),
    "holdings": lambda state, at: inventory.holdings(state),
    "units": lambda state, at: inventory.units(state),
    "combos": lambda state, at: inventory.combos(state),
}
