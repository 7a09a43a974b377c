"""Posts, four eyes, incompatible posts, the trail and reviews (O-02 to O-04, O-06)."""

import sqlite3
import threading
from itertools import combinations
from pathlib import Path

import pytest
import sqlalchemy as sa
from people_world import ACCOUNT, OTHER, OWN, PASSWORD, PLACE, World

from quanheng.authority.policy import RULES
from quanheng.desk.people import admin, audit, database, posts, review, roster, sealing
from quanheng.desk.people.access import StoreAccess
from quanheng.desk.people.errors import NotAllowedError, StoreError
from quanheng.desk.people.rules import SHIPPED, read_rules
from quanheng.desk.people.rules import sides as sides_of
from quanheng.desk.people.schema import APPEND_ONLY, META
from quanheng.desk.people.store import Store
from quanheng.terms.units import DAY, HOUR

SHIPPED_FILE = Path(__file__).parents[2] / "src" / "quanheng" / SHIPPED


def ask(world: World, person: str, post: str, account: str = ACCOUNT, holder: str = "main") -> int:
    return posts.ask_appointment(world.store, world.one, person, post, account, holder).number


def test_people_a_right_needs_a_second_person(world: World) -> None:
    admin.add_person(world.store, world.one, "T01", "做市业务部", {"name_zh": "人"})
    number = ask(world, "T01", "trader")
    with pytest.raises(NotAllowedError, match="本人"):
        posts.confirm(world.store, world.one, number)
    assert listed(world) == []
    posts.confirm(world.store, world.two, number)
    assert listed(world) == [("T01", ("trader",), ())]
    with pytest.raises(NotAllowedError, match="confirmed"):
        posts.confirm(world.store, world.two, number)


def test_people_nobody_asks_or_confirms_for_himself(world: World) -> None:
    with pytest.raises(NotAllowedError, match="本人"):
        ask(world, "S01", "sys_admin", "firm")
    world.person("C01", "compliance")
    number = posts.ask_enrolment(world.store, world.one, "C01").number
    officer = world.login("C01")
    with pytest.raises(NotAllowedError, match="本人"):
        posts.confirm(world.store, officer, number)


def test_people_a_request_lapses_and_can_be_withdrawn_by_its_maker_only(world: World) -> None:
    admin.add_person(world.store, world.one, "T01", "做市业务部", {"name_zh": "人"})
    number = ask(world, "T01", "trader")
    with pytest.raises(NotAllowedError):
        posts.withdraw(world.store, world.two, number)
    posts.withdraw(world.store, world.one, number)
    late = ask(world, "T01", "trader")
    world.clock.forward(world.store.rules.request_hours * HOUR + 1)
    world.wake()
    for one in (number, late, late):
        with pytest.raises(NotAllowedError, match=r"withdrawn|lapsed"):
            posts.confirm(world.store, world.two, one)
    assert listed(world) == [] and posts.requests(world.store) == []


def test_people_two_posts_go_together_or_are_refused() -> None:
    """Sides of one act are never one person (O-04); the answer is the same from either side."""
    rules = read_rules()
    forbidden = 0
    for one, other in combinations([row.post for row in rules.posts], 2):
        assert bool(rules.clash(one, other)) == bool(rules.clash(other, one))
        sides = [
            rule.act
            for rule in RULES
            if (one in rule.proposers and other in rule.seconders)
            or (other in rule.proposers and one in rule.seconders)
        ]
        forbidden += bool(sides)
        assert not sides or rules.clash(one, other), (one, other, sides)
    assert forbidden == len(sides_of())


@pytest.mark.parametrize(
    ("held", "wanted"),
    [("trader", "risk"), ("risk", "trader"), ("trader", "contact"), ("head", "risk"),
     ("quant", "decision"), ("clearing", "treasury"), ("compliance", "risk"),
     ("firm_risk", "risk"), ("auditor", "it")],
)  # fmt: skip
def test_people_incompatible_posts_are_refused_when_asked(
    world: World, held: str, wanted: str
) -> None:
    world.person("X01", held, enrol=False)
    with pytest.raises(NotAllowedError, match="不相容"):
        ask(world, "X01", wanted, "firm" if wanted == "it" else ACCOUNT)


def test_people_incompatible_posts_are_refused_when_confirmed(world: World) -> None:
    """Two requests that are each fine; the second one is judged again when it is confirmed."""
    admin.add_person(world.store, world.one, "X01", "做市业务部", {"name_zh": "人"})
    first, second = ask(world, "X01", "quant"), ask(world, "X01", "risk")
    posts.confirm(world.store, world.two, first)
    with pytest.raises(NotAllowedError, match="模型"):
        posts.confirm(world.store, world.two, second)
    world.person("X02", "head", "decision", enrol=False)  # these two go together
    assert ("X02", ("head",), ()) in listed(world)


def test_people_other_lines_and_outsourcing(world: World) -> None:
    add = admin.add_person
    add(world.store, world.one, "X01", "部", {"name_zh": "人"}, ("proprietary",))
    add(world.store, world.one, "X02", "部", {"name_zh": "人"}, outsourced=True)
    with pytest.raises(NotAllowedError, match="兼任"):
        ask(world, "X01", "trader")
    for post in ("trader", "risk", "clearing"):
        with pytest.raises(NotAllowedError, match="外包"):
            ask(world, "X02", post)
    posts.confirm(world.store, world.two, ask(world, "X01", "risk"))
    assert any("X01 risk" in line for line in review.look(world.store).findings)
    with pytest.raises(StoreError, match="no_line"):
        add(world.store, world.one, "X03", "部", {}, ("no_line",))


def test_people_no_right_on_an_account_of_another_line(world: World) -> None:
    admin.add_person(world.store, world.one, "X01", "部", {"name_zh": "人"})
    for account, said in ((OWN, "隔离"), ("Z1", "未登记"), ("firm", "未登记")):
        with pytest.raises(NotAllowedError, match=said):
            ask(world, "X01", "trader", account)
    with pytest.raises(NotAllowedError, match="不涉及账户"):
        ask(world, "X01", "it", ACCOUNT)


def test_people_two_administrators_are_always_left(world: World) -> None:
    with pytest.raises(NotAllowedError, match="至少两名"):
        posts.revoke(world.store, world.one, 2)
    world.person("S03", "security_admin", enrol=False)
    posts.revoke(world.store, world.one, 2)


def test_people_what_needs_a_right_is_refused_without_it(world: World) -> None:
    """Every act of an administrator, tried by a trader."""
    world.person("T01", "trader")
    world.person("T02", "trader")
    trader, store = world.login("T01"), world.store
    before = audit_rows(world)
    for act in (
        lambda: admin.add_person(store, trader, "X01", "部", {}),
        lambda: admin.set_personal(store, trader, "T02", {"phone": "1"}),
        lambda: admin.leave(store, trader, "T02"),
        lambda: admin.lock(store, trader, "T02"),
        lambda: admin.unlock(store, trader, "T02"),
        lambda: admin.add_account(store, trader, "Z1", "brokerage"),
        lambda: admin.open_sessions(store, trader),
        lambda: posts.ask_appointment(store, trader, "T02", "risk", ACCOUNT, "main"),
        lambda: posts.ask_enrolment(store, trader, "T02"),
        lambda: posts.confirm(store, trader, 1),
        lambda: posts.revoke(store, trader, 3),
        lambda: posts.withdraw(store, trader, 1),
        lambda: review.keep(store, trader, review.look(store)),
        lambda: review.sign(store, trader, 1, "ok"),
    ):
        with pytest.raises(NotAllowedError, match="无权限"):
            act()
    assert audit_rows(world) == before


def listed(world: World, account: str = "") -> list[roster.Listed]:
    with world.store.reading() as connection:
        return roster.listed(connection, account)


def audit_rows(world: World) -> int:
    with world.store.reading() as connection:
        return audit.verify(connection).rows


def test_people_the_trail_holds_every_change_and_no_personal_data(world: World) -> None:
    world.person("T01", "trader", classes=("510050",))
    admin.set_personal(world.store, world.one, "T01", {"mobile": "13800000000"})
    admin.set_personal(world.store, world.one, "T01", {"mobile": "13900000000"})
    with world.store.reading() as connection:
        assert not audit.verify(connection).wrong
        rows = list(connection.execute(sa.select(META.tables["audit"])).mappings())
    text = "\n".join(row["before"] + row["after"] for row in rows)
    assert "13800000000" not in text and "人T01" not in text
    last = rows[-1]
    assert (last["who"], last["what"], last["subject"]) == ("S01", "person.data", "T01")
    assert last["before"] and last["before"] != last["after"]
    assert {"person.added", "request.made", "request.confirmed", "post.given", "login",
            "enrolment.opened", "enrolment.done"} <= {row["what"] for row in rows}  # fmt: skip


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("verb", ["UPDATE {} SET at = 1", "DELETE FROM {}"])
def test_people_append_only_tables_refuse_the_database_itself(
    world: World, table: str, verb: str
) -> None:
    raw = sqlite3.connect(world.where)
    columns = [row[1:4] for row in raw.execute(f"PRAGMA table_info({table})")]
    names = ", ".join(f'"{name}"' for name, _, _ in columns)
    values = ", ".join("99" if kind in ("INTEGER", "BIGINT") else "'x'" for _, kind, _ in columns)
    raw.execute(f"INSERT INTO {table} ({names}) VALUES ({values})")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(verb.format(table))
    raw.close()


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        ("UPDATE audit SET who = 'X' WHERE number = 3", "audit row 3"),
        ("UPDATE audit SET after = '' WHERE number = 2", "audit row 2"),
        ("DELETE FROM audit WHERE number = 4", "row 4 is missing"),
        ("DELETE FROM audit WHERE number = (SELECT max(number) FROM audit)", "cut off"),
    ],
)
def test_people_a_trail_changed_around_its_triggers_is_found(
    world: World, tamper: str, said: str
) -> None:
    with world.store.reading() as connection:
        head = audit.verify(connection).head
    raw = sqlite3.connect(world.where)
    raw.execute("DROP TRIGGER audit_update")
    raw.execute("DROP TRIGGER audit_delete")
    raw.execute(tamper)
    raw.commit()
    raw.close()
    with world.store.reading() as connection:
        assert said in audit.verify(connection, head).wrong


def test_people_reviews_name_what_is_not_as_it_should_be(world: World) -> None:
    world.person("T01", "trader")
    world.person("T02", "trader", holder="backup")
    world.person("X01", enrol=False)
    world.person("G01", "audit_admin")
    found = review.look(world.store)
    said = "\n".join(found.findings)
    assert "交易岗 A123456789" not in said and f"交易岗 {OTHER}" in said
    assert "风险控制岗 A123456789" in said and "X01: 无岗位" in said and "从未审核" in said
    officer = world.login("G01")
    number = review.keep(world.store, officer, found)
    with pytest.raises(NotAllowedError, match="本人编制"):
        review.sign(world.store, officer, number, "保留")
    world.person("C01", "compliance")
    checker = world.login("C01")
    with pytest.raises(StoreError, match="decided"):
        review.sign(world.store, checker, number, " ")
    review.sign(world.store, checker, number, "保留全部权限，X01 停用")
    assert review.reviews(world.store)[0]["signed_by"] == "C01"
    assert not any("审核" in line for line in review.look(world.store).findings)
    world.clock.forward(world.store.rules.review_days * DAY + HOUR)
    later = "\n".join(review.look(world.store).findings)
    assert "逾期" in later and "T01: 自" in later


def test_people_a_run_takes_ids_posts_and_classes_and_no_names(world: World) -> None:
    world.person("T01", "trader", classes=("510050", "510300"))
    world.person("R01", "risk", holder="backup")
    world.person("T09", "trader", account=OTHER)
    assert listed(world, ACCOUNT) == [
        ("R01", ("risk",), ()), ("T01", ("trader",), ("510050", "510300")),
    ]  # fmt: skip
    with world.store.reading() as connection:
        found = audit.verify(connection)
        source = roster.source(connection)
    assert source == f"people store, audit {found.rows} {found.head}"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('posts = ["risk", "head"]', 'posts = ["risk", "nobody"]', "nobody"),
        ('posts = ["risk", "head"]', 'posts = ["decision", "head"]', "head proposes what risk"),
        ('"board", "curve"', '"board", "curves"', "curves"),
        ('post = "auditor"', 'post = "reader"', "auditor"),
        ('other_lines = "no"', 'other_lines = "maybe"', "trader"),
        ("review_days", "review_dayz", "review_day"),
    ],
)
def test_people_bad_rules_are_refused_by_name(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    file = tmp_path / "posts.toml"
    text = SHIPPED_FILE.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(StoreError, match=said) as caught:
        read_rules(file)
    assert str(file) in str(caught.value)


def test_people_a_store_that_cannot_be_used_says_why(world: World, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no people store"):
        Store(str(tmp_path / "none.sqlite"))
    key = Path(world.where + ".key")
    good = key.read_text()
    key.chmod(0o644)
    with pytest.raises(StoreError, match="chmod 600"):
        Store(world.where)
    key.chmod(0o600)
    key.write_text("00" * 32)
    with Store(world.where, clock=world.clock) as other, pytest.raises(StoreError, match="key"):
        admin_login(other, world)
    key.write_text("zz")
    with pytest.raises(StoreError, match="not a key"):
        Store(world.where)
    key.write_text(good)
    raw = sqlite3.connect(world.where)
    raw.execute("UPDATE alembic_version SET version_num = '0000'")
    raw.commit()
    raw.close()
    with pytest.raises(StoreError, match="migrate"):
        Store(world.where)
    with pytest.raises(StoreError, match="no_such"):
        database.Database("no_such://host/db")
    with pytest.raises(StoreError, match="--key"):
        Store("postgresql://host/db")


def admin_login(store: Store, world: World) -> None:
    StoreAccess(store).login("S01", PASSWORD, world.code("S01"), PLACE)


def test_people_migrations_make_the_tables_that_the_code_reads(world: World) -> None:
    with world.store.reading() as connection:
        found = sa.inspect(connection)
        for table in META.sorted_tables:
            columns = {row["name"]: row["nullable"] for row in found.get_columns(table.name)}
            assert columns == {one.name: one.nullable for one in table.columns}, table.name
        assert set(found.get_table_names()) - {"alembic_version"} == set(META.tables)


def test_people_sql_for_another_database(capsys: pytest.CaptureFixture[str]) -> None:
    """What somebody else's PostgreSQL administrator would run."""
    database.sql_text("postgresql+psycopg://host/db")
    text = capsys.readouterr().out
    assert text.count("CREATE TABLE") == len(META.tables) + 1
    assert text.count("EXECUTE FUNCTION quanheng_append_only") == len(APPEND_ONLY)
    assert "TRUNCATE" in text


def test_people_sealed_factors_belong_to_one_person() -> None:
    key = b"k" * 32
    sealed = sealing.seal(key, "T01", "secret")
    assert sealing.unseal(key, "T01", sealed) == "secret"
    for other in ((key, "T02"), (b"x" * 32, "T01")):
        with pytest.raises(StoreError):
            sealing.unseal(*other, sealed)
    assert sealing.hidden(key, "a") != sealing.hidden(key, "b")
    assert sealing.hidden(key, "") == ""


def test_people_writers_at_once_make_one_chain(world: World) -> None:
    """Two processes' worth of writers: every row is there and the chain never forks."""

    def hire(letter: str) -> None:
        with Store(world.where, clock=world.clock) as store:
            for number in range(8):
                admin.add_person(store, world.one, f"{letter}{number}", "部", {"name_zh": "人"})

    before = audit_rows(world)
    threads = [threading.Thread(target=hire, args=(letter,)) for letter in "XYZ"]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    with world.store.reading() as connection:
        found = audit.verify(connection)
    assert not found.wrong and found.rows == before + 24
