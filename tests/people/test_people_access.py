"""Who gets in: passwords, second factors, locks, sessions (reliability.md 3.2, O-03, O-06)."""

import sqlite3

import pytest
from people_world import ACCOUNT, OTHER, OWN, PASSWORD, PLACE, World

from quanheng.desk.people import admin, enrolment, passwords, posts
from quanheng.desk.people.access import Refused, Session, StoreAccess, token_hash
from quanheng.desk.people.errors import NotAllowedError, StoreError
from quanheng.desk.people.rules import FIRM, all_names, is_view, read_rules
from quanheng.terms.units import DAY, HOUR, MINUTE

RULES = read_rules().passwords


def test_people_a_new_store_has_no_password_and_two_administrators(world: World) -> None:
    with pytest.raises(StoreError, match="administrators at least"):
        admin.create(world.where + "2", {"S01": "x"})
    codes = admin.create(world.where + "3", {"S01": "x", "S02": "y"})
    assert sorted(codes) == ["S01", "S02"] and len(set(codes.values())) == 2
    raw = sqlite3.connect(world.where + "3")
    assert raw.execute("SELECT password, secret FROM credential").fetchall() == [("", "")] * 2
    raw.close()
    with pytest.raises(StoreError, match="exists already"):
        admin.create(world.where, {"S01": "x", "S02": "y"})


def test_people_both_factors_are_needed_and_refusals_say_the_same(world: World) -> None:
    said = set()
    good = world.code("S01")
    for name, password, code in (
        ("S01", PASSWORD, "000000"), ("S01", "wrong", good), ("nobody", PASSWORD, good),
        ("S01", PASSWORD, ""), ("S01", "", good),
    ):  # fmt: skip
        found = world.access.login(name, password, code, PLACE)
        assert isinstance(found, Refused)
        said.add(found)
    assert len(said) == 1


def test_people_a_code_counts_once(world: World) -> None:
    code = world.code("S01")
    assert isinstance(world.access.login("S01", PASSWORD, code, PLACE), Session)
    assert isinstance(world.access.login("S01", PASSWORD, code, PLACE), Refused)


def test_people_five_failures_lock_for_a_while(world: World) -> None:
    for _ in range(RULES.fails):
        world.access.login("S01", "wrong", world.code("S01"), PLACE)
    assert isinstance(world.access.login("S01", PASSWORD, world.code("S01"), PLACE), Refused)
    world.clock.forward(RULES.lock_min * MINUTE)
    world.login("S01")
    for _ in range(RULES.fails - 1):
        world.access.login("S01", "wrong", world.code("S01"), PLACE)
    world.login("S01")  # a good one starts the count again
    world.access.login("S01", "wrong", world.code("S01"), PLACE)
    world.login("S01")


def test_people_an_administrator_ends_a_lock(world: World) -> None:
    for _ in range(RULES.fails):
        world.access.login("S01", "wrong", world.code("S01"), PLACE)
    admin.unlock(world.store, world.two, "S01")
    world.login("S01")


def test_people_a_wrong_one_time_code_counts_as_a_failure(world: World) -> None:
    world.person("T01", "trader", enrol=False)
    asked = posts.ask_enrolment(world.store, world.one, "T01")
    code = f"{asked.half}-{posts.confirm(world.store, world.two, asked.number)}"
    for _ in range(RULES.fails):
        with pytest.raises(NotAllowedError):
            world.activate("T01", "1234abcd-1234abcd")
    with pytest.raises(NotAllowedError):
        world.activate("T01", code)
    world.clock.forward(RULES.lock_min * MINUTE)
    world.activate("T01", code)
    with pytest.raises(NotAllowedError):  # it was a one-time code
        world.activate("T01", code)


def test_people_an_enrolment_code_needs_both_halves_and_grows_old(world: World) -> None:
    world.person("T01", "trader", enrol=False)
    asked = posts.ask_enrolment(world.store, world.one, "T01")
    half = posts.confirm(world.store, world.two, asked.number)
    for code in (asked.half, half, f"{half}-{asked.half}", f"-{half}", ""):
        with pytest.raises(NotAllowedError):
            world.activate("T01", code)
        admin.unlock(world.store, world.one, "T01")
    world.clock.forward(world.store.rules.enrol_hours * HOUR + 1)
    with pytest.raises(NotAllowedError):
        world.activate("T01", f"{asked.half}-{half}")


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("Vx7!mk2#Wq", "12 至"),
        ("vx7!mk2#wq9z", "大写"),
        ("VX7!MK2#WQ9Z", "小写"),
        ("Vxc!mkt#Wqyz", "数字"),
        ("Vx7amk2bWq9z", "符号"),
        ("Vx7!mk2#S01z", "本人编号"),
        ("Vx7!mk2#安一Wz", "姓名"),
        ("Vx7!mk2#WqWWw", "连续三个"),
        ("Vx7!mk4321#Wq", "连续字符"),
        ("Vx7!mkQwEr#q2", "连续字符"),
    ],
)
def test_people_weak_passwords_are_refused(password: str, said: str) -> None:
    assert said in passwords.weakness(password, RULES, True, ("S01", "安一"))
    assert not passwords.weakness(PASSWORD, RULES, True, ("S01", "安一"))


def test_people_a_user_may_have_a_shorter_password_than_an_administrator() -> None:
    assert not passwords.weakness("Vx7!mk2#", RULES, False, ("T01", ""))
    assert passwords.weakness("Vx7!mk2#", RULES, True, ("T01", ""))


def test_people_a_password_expires_and_the_last_five_do_not_come_again(world: World) -> None:
    world.clock.forward(RULES.admin_days * DAY + HOUR)
    found = world.access.login("S01", PASSWORD, world.code("S01"), PLACE)
    assert isinstance(found, Refused) and found.code == "password_expired"
    wrong = world.access.login("S01", "wrong", world.code("S01"), PLACE)
    assert isinstance(wrong, Refused) and wrong.code == "refused"
    old = PASSWORD
    with pytest.raises(NotAllowedError, match="最近"):
        enrolment.change_password(world.store, "S01", old, world.code("S01"), old, PLACE)
    for number in range(RULES.remembered):
        new = f"{PASSWORD}{number}"
        enrolment.change_password(world.store, "S01", old, world.code("S01"), new, PLACE)
        old = new
        again = PASSWORD if number < RULES.remembered - 1 else f"{PASSWORD}0"
        with pytest.raises(NotAllowedError, match="最近"):
            enrolment.change_password(world.store, "S01", old, world.code("S01"), again, PLACE)
    enrolment.change_password(world.store, "S01", old, world.code("S01"), PASSWORD, PLACE)
    world.login("S01")


def test_people_changing_a_password_needs_old_one_and_factor_and_can_lock(world: World) -> None:
    new = PASSWORD + "n"
    for _ in range(RULES.fails):
        with pytest.raises(NotAllowedError):
            enrolment.change_password(world.store, "S01", "bad", world.code("S01"), new, PLACE)
    with pytest.raises(NotAllowedError):
        enrolment.change_password(world.store, "S01", PASSWORD, world.code("S01"), new, PLACE)
    assert isinstance(world.access.login("S01", PASSWORD, world.code("S01"), PLACE), Refused)


def test_people_only_the_hash_of_a_token_is_kept(world: World) -> None:
    session = world.login("S01")
    raw = sqlite3.connect(world.where)
    text = "\n".join(raw.iterdump())
    raw.close()
    for secret in (session.token, PASSWORD, world.secrets["S01"]):
        assert secret not in text
    assert token_hash(session.token) in text
    assert world.access.session(session.token) is not None
    assert world.access.session(token_hash(session.token)) is None
    assert world.access.session("") is None


def test_people_sessions_end_when_idle_old_left_or_replaced(world: World) -> None:
    world.person("T01", "trader")
    limits = world.store.rules.sessions
    trader, boss = world.login("T01"), world.login("S01")
    world.clock.forward(limits.admin_idle_min * MINUTE + 1)
    assert world.access.session(boss.token) is None
    assert world.access.session(trader.token) is not None
    world.clock.forward(limits.idle_min * MINUTE - 1)
    assert world.access.session(trader.token, active=False) is not None
    world.clock.forward(2)
    asleep = world.access.session(trader.token)
    assert asleep is not None and asleep.view_only
    assert asleep.permits("board") and not asleep.permits("order")
    assert asleep.permits("pull")  # what withdraws is never blocked
    assert world.access.session(trader.token).view_only  # type: ignore[union-attr]
    world.clock.forward(limits.hours * HOUR)
    assert world.access.session(trader.token) is None
    first, second = world.login("T01"), world.login("T01")
    assert world.access.session(first.token) is None
    assert world.access.session(second.token) is not None
    world.access.logout(second.token)
    assert world.access.session(second.token) is None


def test_people_a_screen_that_asks_by_itself_keeps_nobody_awake(world: World) -> None:
    world.person("T01", "trader")
    trader, limits = world.login("T01"), world.store.rules.sessions
    for _ in range(limits.idle_min + 1):
        world.clock.forward(MINUTE)
        world.access.session(trader.token, active=False)
    asleep = world.access.session(trader.token)
    assert asleep is not None and asleep.view_only


def test_people_sessions_are_listed_and_ended_by_an_administrator(world: World) -> None:
    world.person("T01", "trader")
    trader = world.login("T01")
    listed = {row["person"]: row for row in admin.open_sessions(world.store, world.one)}
    assert set(listed) == {"S01", "S02", "T01"} and listed["T01"]["place"] == PLACE
    with pytest.raises(NotAllowedError):
        admin.revoke_session(world.store, trader, listed["S01"]["session"])
    admin.revoke_session(world.store, world.one, listed["T01"]["session"])
    assert world.access.session(trader.token) is None
    with pytest.raises(StoreError):
        admin.revoke_session(world.store, world.one, "")


def test_people_taking_a_post_away_ends_the_session_at_once(world: World) -> None:
    world.person("T01", "trader")
    trader = world.login("T01")
    with world.store.reading() as connection:
        number = next(row["number"] for row in posts.appointments(connection, "T01"))
    posts.revoke(world.store, world.one, number)
    assert world.access.session(trader.token) is None
    assert not world.login("T01").permits("board")


def test_people_a_lock_and_leaving_void_everything(world: World) -> None:
    world.person("T01", "trader")
    trader = world.login("T01")
    admin.lock(world.store, world.one, "T01")
    assert world.access.session(trader.token) is None
    assert isinstance(world.access.login("T01", PASSWORD, world.code("T01"), PLACE), Refused)
    world.person("T02", "trader")
    admin.leave(world.store, world.one, "T02")
    assert isinstance(world.access.login("T02", PASSWORD, world.code("T02"), PLACE), Refused)
    with pytest.raises(NotAllowedError, match="离职"):
        posts.ask_enrolment(world.store, world.one, "T02")


def hire_everyone(world: World) -> World:
    """One person per post on ACCOUNT, and a trader on OTHER."""
    for number, post in enumerate(world.store.rules.posts):
        if post.post != "security_admin":
            world.person(f"P{number:02d}", post.post)
    world.person("T99", "trader", account=OTHER)
    return world


def test_people_every_permission_of_every_role_on_every_account(world: World) -> None:
    """The whole matrix, against the data: what is not written down is refused (O-06)."""
    everyone = hire_everyone(world)
    checked = 0
    rules = everyone.store.rules
    everywhere = StoreAccess(everyone.store, "")
    for number, post in enumerate(rules.posts):
        person = f"P{number:02d}" if post.post != "security_admin" else "S01"
        session = everyone.login(person, everywhere)
        assert session.roles == {post.post}
        own = () if post.of_firm else (*post.views, *rules.commands(post.post))
        firm = (*post.firm_views, *post.firm_commands)
        for name in (*all_names(), "made_up", "board.secret"):
            for account in (ACCOUNT, OTHER, OWN, FIRM, "Z999"):
                wanted = name in firm or (account == ACCOUNT and name in own)
                assert session.permits(f"{name}@{account}") == wanted, (post.post, name, account)
                checked += 1
            assert session.permits(name) == (name in firm), (post.post, name)
    assert checked == len(rules.posts) * (len(all_names()) + 2) * 5
    # A console works in one account.
    here = everyone.login("P00")
    assert here.permits("board") and here.permits("order") and not here.permits(f"board@{OTHER}")
    there = everyone.login("P00", StoreAccess(everyone.store, OTHER))
    assert not there.permits("board") and there.permits(f"board@{ACCOUNT}")
    stranger = everyone.login("T99")
    assert not stranger.permits("board") and not stranger.permits("pull")


def test_people_an_auditor_sees_and_changes_nothing(world: World) -> None:
    world.person("A01", "auditor")
    session = world.login("A01")
    allowed = [name for name in all_names() if session.permits(name)]
    # Signing on to the own seat is every post's, and moves nothing.
    assert [name for name in allowed if not is_view(name)] == ["sign_on"]
    assert session.permits("audit") and session.permits("board")


def test_people_an_account_that_changes_its_line_loses_its_rights(world: World) -> None:
    """Rights stand for market-making accounts when they are used, not when they were given."""
    world.person("T01", "trader")
    raw = sqlite3.connect(world.where)
    raw.execute("UPDATE account SET line = 'proprietary' WHERE account = ?", (ACCOUNT,))
    raw.commit()
    raw.close()
    session = world.login("T01")
    assert not session.permits("board") and not session.permits("pull")
