"""The library of a console whose source has none of its own: the screen's tables, no reports."""

from collections.abc import Sequence

from quanheng.desk.door import VIEW_OF
from quanheng.desk.ports import END, Ask, Report, Source, SourceError, Table


class PlainLibrary:
    """See `ports.Library`."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def names(self) -> Sequence[str]:
        """See the port."""
        return tuple(VIEW_OF)

    def table(self, name: str, ask: Ask) -> Table:
        """See the port."""
        return self._source.table(END, name, ask)

    def reports(self) -> Sequence[Report]:
        """See the port."""
        return ()

    def report(self, name: str) -> bytes:
        """See the port."""
        raise SourceError(f"there is no report {name!r}")
