"""Tokens of programs: issued, listed, ended, and judged at every use (issue People 6, O-04)."""

import sqlite3

import pytest
from click.testing import CliRunner
from people_world import ACCOUNT, OTHER, OWN, World

from quanheng.cli import cli
from quanheng.desk.people import admin, posts, tokens
from quanheng.desk.people.access import Session, StoreAccess, token_hash
from quanheng.desk.people.errors import NotAllowedError, StoreError
from quanheng.desk.people.rules import is_view
from quanheng.desk.people.schema import AUDIT
from quanheng.terms.units import DAY, MINUTE


def opened(world: World, text: str, account: str = ACCOUNT) -> Session | None:
    return tokens.token_session(world.store, account, text)


def issued(world: World, person: str = "T01", post: str = "trader", days: int = 30,
           proposes: bool = True) -> tuple[int, str]:  # fmt: skip
    actor = world.login(person)
    return tokens.issue(world.store, actor, post, ACCOUNT, "a robot", days, proposes)


def test_people_a_token_is_shown_once_and_only_its_hash_is_kept(staff: World) -> None:
    _, text = issued(staff)
    raw = sqlite3.connect(staff.where)
    kept = "\n".join(raw.iterdump())
    raw.close()
    assert text.startswith("qh_") and text not in kept and token_hash(text) in kept
    assert opened(staff, token_hash(text)) is None and opened(staff, "") is None
    assert staff.access.session(text) is None  # a token is no session


def test_people_a_token_may_less_than_its_post(staff: World) -> None:
    person = staff.login("T01")
    _, reads = issued(staff, proposes=False)
    _, proposes = issued(staff)
    for text, acts in ((reads, False), (proposes, True)):
        session = opened(staff, text)
        assert session is not None and session.user == "T01" and session.csrf == ""
        assert session.permits("board") and session.permits("order") == acts
        assert not session.permits("sign_on") and person.permits("sign_on")
        allowed = {name for name, _ in session.rights}
        assert not any(name.startswith("second.") for name in allowed)
        assert acts or all(map(is_view, allowed))
        assert allowed <= {name for name, _ in person.rights}
    _, second = issued(staff, "R01", "risk")
    session = opened(staff, second)
    assert session is not None and staff.login("R01").permits("second.raise_state")
    assert not session.permits("second.raise_state") and not session.permits("register.add")


def test_people_a_token_opens_its_own_account_alone(staff: World) -> None:
    _, text = issued(staff)
    there = opened(staff, text, OTHER)
    assert there is not None and not there.permits("board") and not there.permits("order")
    for account in (OTHER, OWN, "firm"):
        with pytest.raises(NotAllowedError):
            tokens.issue(staff.store, staff.login("T01"), "trader", account, "x", 1, False)


def test_people_a_token_ends_with_what_it_stands_on(staff: World) -> None:
    """Its date, the post, the person's way in, a hand; each is a door that closes at once."""
    number, by_hand = issued(staff)
    _, by_date = issued(staff, days=1)
    _, by_post = issued(staff, "R01", "risk")
    _, by_lock = issued(staff, "Q01", "quant")
    assert all(opened(staff, text) for text in (by_hand, by_date, by_post, by_lock))
    tokens.revoke(staff.store, staff.login("T01"), number)
    staff.wake()
    with staff.store.reading() as connection:
        held = next(row["number"] for row in posts.appointments(connection, "R01"))
    posts.revoke(staff.store, staff.one, held)
    admin.lock(staff.store, staff.one, "Q01")
    assert opened(staff, by_hand) is None and opened(staff, by_post) is None
    assert opened(staff, by_lock) is None and opened(staff, by_date) is not None
    staff.clock.forward(DAY)
    assert opened(staff, by_date) is None


def test_people_tokens_are_listed_and_ended_by_owner_and_administrator(staff: World) -> None:
    number, text = issued(staff)
    issued(staff, "R01", "risk")
    staff.clock.forward(2 * MINUTE)
    assert opened(staff, text) is not None
    staff.wake()
    mine = tokens.listed(staff.store, staff.login("T01"))
    assert [row["person"] for row in mine] == ["T01"] and mine[0]["seen"] == pytest.approx(
        staff.clock.now, abs=2 * MINUTE
    )
    assert {row["person"] for row in tokens.listed(staff.store, staff.one)} == {"T01", "R01"}
    assert not {"token", text} & {str(value) for row in mine for value in row.values()}
    with pytest.raises(StoreError):
        tokens.revoke(staff.store, staff.login("R01"), number)
    tokens.revoke(staff.store, staff.one, number)
    with pytest.raises(StoreError):
        tokens.revoke(staff.store, staff.one, number)
    with staff.store.reading() as connection:
        told = [row.what for row in connection.execute(AUDIT.select())]
    assert "token.issued" in told and "token.revoked" in told


def test_people_who_may_not_issue_a_token(staff: World) -> None:
    trader = staff.login("T01")
    for days, purpose in ((0, "x"), (staff.store.rules.token_days + 1, "x"), (1, " "),
                          (1, "x" * 81)):  # fmt: skip
        with pytest.raises(StoreError):
            tokens.issue(staff.store, trader, "trader", ACCOUNT, purpose, days, False)
    with pytest.raises(NotAllowedError):  # a post of somebody else
        tokens.issue(staff.store, trader, "risk", ACCOUNT, "x", 1, False)
    staff.wake()
    with pytest.raises(NotAllowedError):  # an administrator's
        tokens.issue(staff.store, staff.one, "security_admin", "firm", "x", 1, False)
    _, text = issued(staff)
    program = opened(staff, text)
    assert program is not None
    trader = staff.login("T01")
    staff.clock.forward((staff.store.rules.sessions.idle_min + 1) * MINUTE)
    asleep = StoreAccess(staff.store, ACCOUNT).session(trader.token)
    assert asleep is not None and asleep.view_only
    with pytest.raises(NotAllowedError):
        tokens.issue(staff.store, asleep, "trader", ACCOUNT, "x", 1, False)
    trader = staff.login("T01")
    for _ in range(tokens.MOST - 1):
        tokens.issue(staff.store, trader, "trader", ACCOUNT, "x", 1, False)
    with pytest.raises(StoreError, match="good already"):
        tokens.issue(staff.store, trader, "trader", ACCOUNT, "x", 1, False)


def test_people_the_verbs_issue_list_and_end(staff: World, tmp_path, monkeypatch) -> None:
    from quanheng.compose import people_access

    monkeypatch.setattr(people_access, "clock", staff.clock)
    kept = tmp_path / "session"
    people_access.write_token(kept, staff.login("T01").token)
    options = ["--store", staff.where, "--session", str(kept)]

    def run(*words: str):
        return CliRunner().invoke(cli, ["people", *words, *options], catch_exceptions=False)

    made = run("token", "trader", "--account", ACCOUNT, "--purpose", "prices", "--days", "7")
    assert made.exit_code == 0
    text = made.output.split()[-1]
    assert opened(staff, text) is not None
    assert "prices" in run("tokens").output and "只读" in run("tokens").output
    assert "prices" not in run("tokens", "--end", "1").output
    assert opened(staff, text) is None
