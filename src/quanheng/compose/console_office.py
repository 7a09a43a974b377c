"""The office of a run: which module fills which page, who does which act."""

from collections.abc import Callable, Mapping
from typing import Any

from quanheng.compose import (
    console_audit,
    console_daily,
    console_dayend,
    console_exchange,
    console_health,
    console_inspection,
    console_notes,
    console_oversight,
    console_papers,
    console_people,
    console_registers,
    console_reports,
)
from quanheng.compose.console_house import House
from quanheng.compose.run_folder import RunError
from quanheng.config import ConfigError
from quanheng.desk.access import Session
from quanheng.desk.office import Page, Taken
from quanheng.desk.people.errors import NotAllowedError, StoreError
from quanheng.desk.ports import Reply, SourceError

_Page = Callable[[House, Session, Mapping[str, str]], Page]
_Act = Callable[[House, Session, Mapping[str, Any]], Reply]
_File = Callable[[House, Session, str], Taken]

PAGES: Mapping[str, _Page] = {
    "reports": console_reports.page, "documents": console_papers.page,
    "audit": console_audit.page, "admin": console_people.page,
    "registers": console_registers.page, "dayend": console_dayend.page,
    "oversight": console_oversight.page, "daily": console_daily.page,
    "health": console_health.page, "inspection": console_inspection.page,
    "exchange": console_exchange.page,
}  # fmt: skip
FILES: Mapping[str, _File] = {
    "reports": console_reports.file, "documents": console_papers.file,
    "dayend": console_dayend.file, "inspection": console_inspection.file,
}  # fmt: skip
ACTS: Mapping[str, _Act] = {
    **console_reports.ACTS, **console_papers.ACTS, **console_people.ACTS, **console_registers.ACTS,
    **console_dayend.ACTS, **console_oversight.ACTS, **console_daily.ACTS, **console_notes.ACTS,
}  # fmt: skip
_REFUSALS = (RunError, ConfigError, StoreError, NotAllowedError)


class RunOffice:
    """See `desk.office.Office`."""

    def __init__(self, house: House) -> None:
        self._house = house

    def page(self, name: str, who: Session, ask: Mapping[str, str]) -> Page:
        """See the protocol."""
        try:
            return PAGES[name](self._house, who, ask)
        except _REFUSALS as error:
            raise SourceError(str(error)) from error

    def file(self, page: str, who: Session, name: str) -> Taken:
        """See the protocol."""
        if page not in FILES:
            raise SourceError(f"{page}: there is no file {name!r}")
        return FILES[page](self._house, who, name)

    def act(self, name: str, who: Session, fields: Mapping[str, Any]) -> Reply:
        """See the protocol."""
        try:
            return ACTS[name](self._house, who, fields)
        except _REFUSALS as error:
            raise SourceError(str(error)) from error
