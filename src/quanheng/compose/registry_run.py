"""The process of the exchange's own site: its folder, its people, the server around them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from quanheng.compose.listening import listen
from quanheng.compose.registry_files import Data
from quanheng.compose.registry_site import RegistryOffice, SiteHouse
from quanheng.compose.source_clock import SourceClock
from quanheng.desk.access import Refused
from quanheng.desk.hub import Picture
from quanheng.desk.peers import ListedHosts
from quanheng.desk.people.console import ConsoleAccess
from quanheng.desk.people.errors import StoreError
from quanheng.desk.people.rules import EXCHANGE
from quanheng.desk.people.store import Store
from quanheng.desk.ports import Ask, Reply, SourceError, Table
from quanheng.desk.server import application
from quanheng.desk.sites import EXCHANGE_SITE
from quanheng.edge.clock_state import read_ntp
from quanheng.edge.isolation import record_refusal
from quanheng.terms.days import iso
from quanheng.terms.units import Day

OVER = Reply(False, "closed", "交易所网站不下达做市指令", "the exchange's site commands no desk")


class NoDesk:
    """A source and commands without a machine: the site has no picture and no command of a desk."""

    def __init__(self, day: Day) -> None:
        self._day = day
        self._source = SourceClock(read_ntp)

    def schema(self) -> Mapping[str, Any]:
        """What the page needs before it opens: nothing but whose site it is."""
        day = iso(self._day) if self._day else ""
        return {
            "site": EXCHANGE, "day": day, "scenario": "", "seed": 0, "speed": 0, "live": False,
            "maker": "", "first": 0, "last": 0, "spans": [], "classes": [], "contracts": [],
            "strategies": [], "columns": [], "causes": {}, "phases": {"zh": [], "en": []},
            "alert_names": {}, "refusals": {},
        }  # fmt: skip

    def tick(self, wanted: Mapping[str, Sequence[str]]) -> Mapping[str, Picture]:
        """Nothing moves."""
        return {}

    def pulse(self) -> Mapping[str, Any]:
        """There is no engine whose age could be told."""
        return {"live": False, "engine": 0.0, "picture": 0.0, "behind": 0.0, **self._source.told()}

    def control(self, scene: str, speed: float | None, at: str | None) -> None:
        """There is nothing to replay."""
        raise SourceError("there is nothing to replay")

    def drop(self, scene: str) -> None:
        """See the port."""

    def table(self, scene: str, name: str, ask: Ask) -> Table:
        """There is no table of a desk."""
        raise SourceError(f"there is no table {name!r}")

    def value(self, scene: str, scope: str, name: str) -> str:
        """There is no setting."""
        raise SourceError(f"there is no setting {name!r}")

    def why(self, scene: str, quote: str, language: str) -> str:
        """There is no quote."""
        raise SourceError(f"there is no quote {quote!r}")

    def open(self) -> bool:
        """Nothing of a desk can be asked for."""
        return False

    def ask(self, user: str, command: str, fields: Mapping[str, Any]) -> Reply:
        """See the port."""
        return OVER

    def second(self, user: str, number: int) -> Reply:
        """See the port."""
        return OVER

    def withdraw(self, user: str, number: int) -> Reply:
        """See the port."""
        return OVER

    def preview(self, scope: str) -> Reply:
        """See the port."""
        return OVER

    def pull(self, user: str, scope: str) -> Reply:
        """See the port."""
        return OVER


def opened_store(where: str, key: Path | None, rules: Path | None) -> Store:
    """The exchange's people store. StoreError for one whose rules are a firm's."""
    store = Store(where, key, rules or Path(EXCHANGE))
    if store.rules.house != EXCHANGE:
        store.close()
        raise StoreError(f"{where}: rules 不是交易所的岗位 (these rules are a firm's, not its own)")
    return store


def site(data: Data, store: Store, day: Day, secure: bool = False) -> Any:
    """The application of the exchange's site."""
    desk = NoDesk(day)
    return application(
        desk, desk, ConsoleAccess(store, "", Refused), secure=secure,
        office=RegistryOffice(SiteHouse(data, store, day)), site=EXCHANGE_SITE,
    )  # fmt: skip


def serve(
    folder: Path,
    where: str,
    store_key: Path | None,
    rules: Path | None,
    day: Day,
    host: str,
    port: int,
    peers: tuple[str, ...],
    cert: Path | None,
    key: Path | None,
) -> None:
    """Serve until interrupted. RegistryError, StoreError, or OSError for a port that is taken."""
    data = Data(folder)
    with opened_store(where, store_key, rules) as store:
        guarded = ListedHosts(
            site(data, store, day, cert is not None), peers,
            lambda peer: record_refusal(folder, "registry", f"connection from {peer}"),
        )  # fmt: skip
        listen(guarded, "交易所网站 registry", folder, host, port, cert, key)
