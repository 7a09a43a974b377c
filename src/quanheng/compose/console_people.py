"""The page 管理: persons, posts with their backups, requests, sessions, reviews, the rights."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from quanheng.compose.console_house import NO_STORE, Peopled, acting, done, number, text, when
from quanheng.desk.access import Session
from quanheng.desk.office import COUNT, GROW, HASH, STATE, Act, Column, Field, Page, Sheet
from quanheng.desk.people import admin, posts, review
from quanheng.desk.people.rules import FIRM, all_names, is_view
from quanheng.desk.people.schema import CREDENTIAL
from quanheng.desk.people.store import Store, appointments, personal_of
from quanheng.desk.people.writers import BACKUP, MAIN
from quanheng.desk.ports import Reply, SourceError

TABS = ("appointments", "staffing", "sessions", "reviews", "rights")
PEOPLE = (
    Column("appointment", COUNT, 60), Column("person", width=70), Column("name_zh", width=90),
    Column("post", width=150), Column("holder", STATE, 60), Column("account", width=110),
    Column("classes", GROW, 120), Column("since", width=150), Column("standing", STATE, 80),
)  # fmt: skip
REQUESTS = (
    Column("number", COUNT, 60), Column("kind", STATE, 90), Column("person", width=70),
    Column("content", GROW, 260), Column("by", width=70), Column("at", width=150),
)  # fmt: skip
STAFFING = (
    Column("post", width=180), Column("account", width=110), Column("main", GROW, 160),
    Column("backup", GROW, 160), Column("standing", STATE, 110),
)  # fmt: skip
SESSIONS = (
    Column("session", width=120), Column("person", width=70), Column("place", GROW, 200),
    Column("since", width=150), Column("seen", width=150),
)  # fmt: skip
REVIEWS = (
    Column("number", COUNT, 60), Column("at", width=150), Column("by", width=70),
    Column("findings", COUNT, 70), Column("standing", STATE, 80), Column("signed_by", width=70),
    Column("signed", width=150), Column("decision", GROW, 240), Column("sha256", HASH, 110),
)  # fmt: skip
FINDINGS = (Column("finding", GROW, 500),)
RIGHTS = (Column("right", width=220), Column("kind", STATE, 70), Column("posts", GROW, 500))


def page(house: Peopled, who: Session, ask: Mapping[str, str]) -> Page:
    """See the module."""
    store = house.store
    if store is None:
        return Page([], NO_STORE, every=0)
    tabs = tuple(one for one in TABS if one != "sessions" or who.permits("people.sessions"))
    tab = ask.get("of") or tabs[0]
    if tab not in tabs:
        raise SourceError(f"there is no part {tab!r} for you")
    return Page(_PARTS[tab](store, who), tabs=tabs, tab=tab)


def _may(who: Session, *acts: tuple[str, Act]) -> tuple[Act, ...]:
    return tuple(act for need, act in acts if who.permits(need))


def _appointments(store: Store, who: Session) -> list[Sheet]:
    now = store.clock()
    with store.reading() as connection:
        held = [dict(row) for row in appointments(connection)]
        locked = {
            row.person: row.locked_until > now for row in connection.execute(CREDENTIAL.select())
        }
        names = {row["person"]: personal_of(connection, row["person"]) for row in held}
    rows = []
    for row in held:
        person, mine = row["person"], names[row["person"]]
        shut = locked.get(person, False)
        able = ["people.revoke", "people.lock", "people.enrol"]
        rows.append({
            "key": str(row["number"]), "appointment": row["number"], "person": person,
            "name_zh": mine["name_zh"] if mine else "",
            "post_zh": store.rules.post(row["post"]).words,
            "post_en": store.rules.post(row["post"]).english,
            "holder": row["holder"], "account": row["account"], "classes": row["classes"] or "*",
            "since": when(row["since"]), "standing": "locked" if shut else "in_force",
            "acts": [*able, *(["people.unlock"] if shut else [])],
            "fields": {"number": row["number"], "person": person},
        })  # fmt: skip
    post_names = tuple(one.post for one in store.rules.posts)
    acts = _may(
        who,
        ("people.add", Act("people.add", _NEW, row=False)),
        ("people.propose", Act("people.grant", _grant(post_names), row=False)),
        ("people.revoke", Act("people.revoke", sure=True)),
        ("people.revoke", Act("people.lock", sure=True)),
        ("people.propose", Act("people.enrol", sure=True)),
        ("people.unlock", Act("people.unlock")),
    )
    none = ("尚无任职", "nobody holds a post yet")
    return [Sheet("appointments", PEOPLE, rows, none, acts, 2), _requests(store, who)]


_NEW = (Field("person"), Field("name_zh"), Field("department", optional=True))


def _grant(names: tuple[str, ...]) -> tuple[Field, ...]:
    holder = Field("holder", choices=(MAIN, BACKUP))
    classes = Field("classes", optional=True)
    account = Field("account", value=FIRM)
    return (Field("person"), Field("post", choices=names), account, holder, classes)


def _requests(store: Store, who: Session) -> Sheet:
    rows = []
    for row in posts.requests(store):
        mine = row["by"] == who.user
        body = {} if row["kind"] == posts.ENROL else msgspec.json.decode(row["body"])
        content = " ".join(str(body[name]) for name in ("post", "account", "holder") if body)
        rows.append({
            "key": str(row["number"]), "number": row["number"], "kind": row["kind"],
            "person": row["person"], "content": content, "by": row["by"], "at": when(row["at"]),
            "acts": ["people.withdraw"] if mine else ["people.confirm"],
            "fields": {"number": row["number"]},
        })  # fmt: skip
    acts = _may(
        who,
        ("people.confirm", Act("people.confirm", sure=True)),
        ("people.propose", Act("people.withdraw")),
    )
    return Sheet("requests", REQUESTS, rows, ("没有待复核的申请", "no request waits"), acts)


def _staffing(store: Store, who: Session) -> list[Sheet]:
    with store.reading() as connection:
        found = posts.staffing(store.rules, connection)
    rows = [
        {
            "key": f"{row['post'].post} {row['account']}",
            "post_zh": row["post"].words,
            "post_en": row["post"].english, "account": row["account"],
            "main": " ".join(row[MAIN]), "backup": " ".join(row[BACKUP]),
            "standing": f"lacks_{row['lacks'][0]}" if row["lacks"] else "staffed",
            "tone": "amber" if row["lacks"] else "",
        }
        for row in found
    ]  # fmt: skip
    return [Sheet("staffing", STAFFING, rows, ("尚无岗位", "no post"))]


def _sessions(store: Store, who: Session) -> list[Sheet]:
    actor: Any = getattr(who, "actor", None)
    rows = [
        {
            "key": row["session"], "session": row["session"], "person": row["person"],
            "place": row["place"], "since": when(row["at"]), "seen": when(row["seen"]),
            "acts": ["people.end_session"], "fields": {"session": row["session"]},
        }
        for row in admin.open_sessions(store, actor)
    ]  # fmt: skip
    acts = (Act("people.end_session", sure=True),)
    return [Sheet("sessions", SESSIONS, rows, ("没有打开的会话", "no open session"), acts)]


def _reviews(store: Store, who: Session) -> list[Sheet]:
    rows = [
        {
            "key": str(row["number"]), "number": row["number"], "at": when(row["at"]),
            "by": row["by"], "findings": row["findings"],
            "standing": "signed" if row["signed"] else "waiting", "signed_by": row["signed_by"],
            "signed": when(row["signed"]), "decision": row["decision"], "sha256": row["sha256"],
            "acts": [] if row["signed"] else ["people.review_sign"],
            "fields": {"number": row["number"]},
        }
        for row in reversed(review.reviews(store))
    ]  # fmt: skip
    acts = _may(
        who,
        ("people.review", Act("people.review", row=False, sure=True)),
        ("people.review_sign", Act("people.review_sign", (Field("decision", "long"),))),
    )
    found = [{"key": line, "finding": line} for line in review.look(store).findings]
    never, calm = ("从未审核", "never reviewed"), ("无待处理事项", "nothing to decide")
    return [
        Sheet("reviews", REVIEWS, rows, never, acts), Sheet("findings", FINDINGS, found, calm),
    ]  # fmt: skip


def _rights(store: Store, who: Session) -> list[Sheet]:
    rows = []
    for name in all_names():
        held = [
            post.post for post in store.rules.posts
            if name in {one for one, _ in store.rules.rights(post.post, "*")}
        ]  # fmt: skip
        kind = "view" if is_view(name) else "command"
        rows.append({"key": name, "right": name, "kind": kind, "posts": " ".join(held) or "—"})
    return [Sheet("rights", RIGHTS, rows, ("没有权限", "no right"))]


_PARTS: Mapping[str, Callable[[Store, Session], list[Sheet]]] = {
    "appointments": _appointments, "staffing": _staffing, "sessions": _sessions,
    "reviews": _reviews, "rights": _rights,
}  # fmt: skip


def add(house: Peopled, who: Session, fields: Mapping[str, Any]) -> Reply:
    """A new person, without any right."""
    person, name = text(fields, "person"), text(fields, "name_zh")
    with acting(house, who) as (store, actor):
        given = {"name_zh": name}
        admin.add_person(store, actor, person, text(fields, "department", ""), given)
    return done(f"{person} 已登记", f"{person} added")


def grant(house: Peopled, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Ask that a person hold a post."""
    classes = tuple(text(fields, "classes", "").replace("*", "").split())
    person, post, account, holder = (
        text(fields, name) for name in ("person", "post", "account", "holder")
    )
    with acting(house, who) as (store, actor):
        asked = posts.ask_appointment(store, actor, person, post, account, holder, classes)
    return done("已提交，待复核", "waits for a second person", number=asked.number)


def enrol(house: Peopled, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Ask for a one-time code; half of it is said here, once."""
    with acting(house, who) as (store, actor):
        asked = posts.ask_enrolment(store, actor, text(fields, "person"))
    return done("已提交，待复核；代码前半", "to be confirmed; first half", asked.half, asked.number)


def confirm(house: Peopled, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Confirm another person's request."""
    with acting(house, who) as (store, actor):
        half = posts.confirm(store, actor, number(fields, "number"))
    if half:
        return done("已复核；代码后半", "confirmed; second half of the code", half)
    return done("已复核", "confirmed")


def withdraw(house: Peopled, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Take one's own request back."""
    with acting(house, who) as (store, actor):
        posts.withdraw(store, actor, number(fields, "number"))
    return done("已撤回", "withdrawn")


def revoke(house: Peopled, who: Session, fields: Mapping[str, Any]) -> Reply:
    """End an appointment."""
    with acting(house, who) as (store, actor):
        posts.revoke(store, actor, number(fields, "number"))
    return done("任职已终止", "appointment ended")


def _simple(act: Callable[[Store, Any, str], None], name: str, zh: str, en: str) -> Any:
    def handler(house: Peopled, who: Session, fields: Mapping[str, Any]) -> Reply:
        with acting(house, who) as (store, actor):
            act(store, actor, text(fields, name))
        return done(zh, en)

    return handler


def make_review(house: Peopled, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Make the periodic review; another person signs it."""
    with acting(house, who) as (store, actor):
        made = review.keep(store, actor, review.look(store))
    return done("审核已编制，待签批", "review made, to be signed", number=made)


def sign_review(house: Peopled, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Sign a review with what was decided."""
    with acting(house, who) as (store, actor):
        review.sign(store, actor, number(fields, "number"), text(fields, "decision"))
    return done("已签批", "signed")


ACTS: Mapping[str, Callable[[Peopled, Session, Mapping[str, Any]], Reply]] = {
    "people.add": add, "people.grant": grant, "people.enrol": enrol, "people.confirm": confirm,
    "people.withdraw": withdraw, "people.revoke": revoke, "people.review": make_review,
    "people.review_sign": sign_review,
    "people.lock": _simple(admin.lock, "person", "已停用", "locked"),
    "people.unlock": _simple(admin.unlock, "person", "已解锁", "unlocked"),
    "people.end_session": _simple(admin.revoke_session, "session", "会话已结束", "session ended"),
}  # fmt: skip
