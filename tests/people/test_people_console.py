"""The store answers the web console in the console's own names."""

from typing import Protocol

import pytest
from people_world import ACCOUNT, OTHER, PASSWORD, PLACE, World

from quanheng.desk.access import DESK_VIEWS
from quanheng.desk.people.console import NEEDS, ConsoleAccess
from quanheng.desk.people.rules import all_names
from quanheng.terms.units import DAY, MINUTE

PAGES = DESK_VIEWS
COMMANDS = ("kill", "quoting", "parameter", "order", "inquiry", "acknowledge", "sign_on", "second",
            "withdraw")  # fmt: skip


class Session(Protocol):
    """The console's protocol, copied."""

    @property
    def user(self) -> str: ...
    @property
    def name_zh(self) -> str: ...
    @property
    def roles(self) -> frozenset[str]: ...
    @property
    def csrf(self) -> str: ...
    def permits(self, what: str) -> bool: ...


class Access(Protocol):
    """The console's protocol, copied."""

    def login(self, name: str, password: str, code: str, where: str) -> tuple[str, Session]: ...
    def session(self, token: str) -> Session | None: ...
    def logout(self, token: str) -> None: ...


class DoorError(Exception):
    """The console's refusal."""


def console(world: World, account: str = ACCOUNT) -> Access:
    return ConsoleAccess(world.store, account, DoorError)


def come_in(world: World, person: str, account: str = ACCOUNT) -> tuple[str, Session]:
    return console(world, account).login(person, PASSWORD, world.code(person), PLACE)


def allowed(session: Session) -> set[str]:
    return {name for name in (*PAGES, *COMMANDS) if session.permits(name)}


def test_console_names_stand_on_rights_that_exist() -> None:
    assert {one for needs in NEEDS.values() for one in needs} <= set(all_names())
    for name in (*PAGES, *COMMANDS):
        assert name in NEEDS or name in all_names(), name


def test_console_posts_see_and_do_what_is_theirs(staff: World) -> None:
    token, trader = come_in(staff, "T01")
    assert allowed(trader) == {*PAGES, *COMMANDS} - {"second"}
    assert (trader.user, trader.name_zh, trader.roles) == ("T01", "人T01", frozenset({"trader"}))
    again = console(staff).session(token)
    assert again is not None and again.csrf == trader.csrf and len(trader.csrf) > 20
    assert allowed(come_in(staff, "R01")[1]) >= {*PAGES, "second", "kill"}
    assert "order" not in allowed(come_in(staff, "D01")[1])
    assert allowed(come_in(staff, "T01", OTHER)[1]) == set()
    assert not trader.permits("everything")


def test_console_refuses_without_saying_why(staff: World) -> None:
    with pytest.raises(DoorError, match="login_wrong"):
        console(staff).login("T01", "bad", staff.code("T01"), PLACE)
    with pytest.raises(DoorError, match="login_wrong"):
        console(staff).login("nobody", PASSWORD, "000000", PLACE)
    staff.clock.forward(400 * DAY)
    with pytest.raises(DoorError, match="login_expired"):
        come_in(staff, "T01")


def test_console_an_idle_trader_only_looks_and_a_left_session_is_over(staff: World) -> None:
    token, _ = come_in(staff, "T01")
    staff.clock.forward((staff.store.rules.sessions.idle_min + 1) * MINUTE)
    asleep = console(staff).session(token)
    assert asleep is not None and allowed(asleep) == {*PAGES, "kill"}
    console(staff).logout(token)
    assert console(staff).session(token) is None
