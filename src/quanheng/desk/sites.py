"""The two sites that this room serves: the firm's console, and the exchange's own (borders.md 5).

A site is a list of routes and nothing more; the exchange's has no table of a desk and no command
of one, so that nothing of a firm could be shown there.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from quanheng.desk import api, routes
from quanheng.desk.access import COMMANDS, OFFICE_COMMANDS, SITE_COMMANDS, SITE_VIEWS, VIEWS
from quanheng.desk.office_routes import OFFICE_HANDLERS, SITE_OFFICE_HANDLERS
from quanheng.desk.stream import stream


class Site(NamedTuple):
    """Routes of a console, and the names of pages and commands that a session is told of."""

    handlers: Callable[[], Sequence[Any]]
    views: tuple[str, ...]
    commands: tuple[str, ...]


FIRM_SITE = Site(
    lambda: [*routes.HANDLERS, *OFFICE_HANDLERS, *api.HANDLERS, stream], VIEWS, COMMANDS
)
EXCHANGE_SITE = Site(
    lambda: [*routes.SITE_HANDLERS, *SITE_OFFICE_HANDLERS, stream],
    SITE_VIEWS,
    (*SITE_COMMANDS, *(name for name in OFFICE_COMMANDS if name.startswith("people."))),
)
