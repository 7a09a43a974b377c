"""What a screen needs once of a run: day, contracts, columns, phases, names."""

from collections.abc import Mapping
from typing import Any

from quanheng.books.combinations import STRATEGIES
from quanheng.compose import console_rows as rows
from quanheng.compose.alert_words import NAMES
from quanheng.compose.authority_words import REFUSALS
from quanheng.compose.console_board import COLUMNS
from quanheng.compose.console_log import RunLog
from quanheng.compose.duty_words import CAUSES, PHASES
from quanheng.duties.intervals import Cause
from quanheng.maker import columns as c
from quanheng.maker.state import State
from quanheng.terms.days import day_nanos, iso
from quanheng.terms.units import SECOND


def schema_of(log: RunLog, state: State, live: bool) -> Mapping[str, Any]:
    """See `desk.ports.Source.schema`."""
    opened, info = log.opened, log.info
    assert opened is not None, "loaded"
    chain = opened.chain
    contracts = []
    for klass, item in enumerate(chain.classes):
        for slot in range(item.start, item.stop):
            meta = state.tables.meta[state.tables.fixed[slot, c.F_EXPIRY]]
            one = chain.contracts[slot]
            contracts.append(rows.contract_row(one, slot, klass, int(meta[c.E_DAYS])))
    return {
        "day": iso(info.day),
        "scenario": info.scenario,
        "seed": info.seed,
        "speed": info.speed,
        "live": live,
        "maker": opened.maker,
        "first": day_nanos(log.begin) // SECOND,
        "last": day_nanos(log.newest) // SECOND,
        "spans": rows.day_spans(opened),
        "classes": [
            {"code": item.underlying, "symbol": item.symbol, "start": item.start,
             "stop": item.stop}
            for item in chain.classes
        ],
        "contracts": contracts,
        "strategies": list(STRATEGIES),
        "columns": [list(one) for one in COLUMNS],
        "causes": {name: [CAUSES[name][one] for one in Cause] for name in CAUSES},
        "phases": {name: list(PHASES[name]) for name in PHASES},
        "alert_names": {str(code): list(words) for code, words in NAMES.items()},
        "refusals": {str(code): list(words) for code, words in REFUSALS.items()},
    }  # fmt: skip
