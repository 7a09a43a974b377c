"""Scopes of a pull: everything, underlyings, contracts, a trader, a strategy (I-20, I-21).

A scope is one or several parts joined by commas: `*`, `510050`, `10007027`, `trader:T01`,
`strategy:lean`. The gateway knows trader and strategy from the stamp of what it sent; of orders
that only the exchange told it about it knows neither, so such a part never covers them.
"""

from collections.abc import Collection, Mapping

from quanheng.edge.gateway_parts import Who

EVERYTHING = "*"
TRADER, STRATEGY = "trader:", "strategy:"


def split_scope(scope: str) -> tuple[str, ...]:
    """The parts of a scope as written, each once."""
    return tuple(dict.fromkeys(part.strip() for part in scope.split(",")))


class Scopes:
    """What the parts of a scope mean on a day; `underlyings` leads from contract codes."""

    def __init__(self, underlyings: Mapping[str, str]) -> None:
        self._underlyings = underlyings
        self._names = frozenset(underlyings.values())

    def parts(self, scope: str) -> tuple[str, ...]:
        """The parts of a scope. ValueError names one that is not of today."""
        parts = split_scope(scope)
        for part in parts:
            person = part.startswith((TRADER, STRATEGY)) and not part.endswith(":")
            if not (person or self.known(part)):
                raise ValueError(f"scope {part!r} is no underlying or contract of today")
        return parts

    def known(self, part: str) -> bool:
        """True for a part that the engine understands too: everything, underlying, contract."""
        return part == EVERYTHING or part in self._underlyings or part in self._names

    def around(self, contract: str, who: Who) -> tuple[str, str, str, str, str]:
        """Every part that covers something of a contract, the widest first."""
        trader, strategy = who
        return (
            EVERYTHING,
            self._underlyings.get(contract, ""),
            contract,
            TRADER + trader,
            STRATEGY + strategy,
        )

    def inside(self, contract: str, who: Who, parts: Collection[str]) -> bool:
        """True when one of the parts covers a contract's quote or order."""
        return any(part in parts for part in self.around(contract, who))
