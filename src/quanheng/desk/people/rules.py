"""Posts, incompatible posts, permissions, sessions and passwords as data (O-01 to O-06).

`data/posts.toml` is the table; what the authority's policy lets a post propose or second is added
to its commands, so the console and the machine never say two things. Deny by default.
"""

from functools import cache
from importlib.resources import files
from itertools import combinations
from pathlib import Path

import msgspec

from quanheng.authority.policy import POSTS as AUTHORITY_POSTS
from quanheng.authority.policy import RULES
from quanheng.desk.people.errors import StoreError

SHIPPED = "data/posts.toml"
EXCHANGE_RULES = "data/exchange_posts.toml"
"""Rules of the exchange's own store (`--rules exchange`): its posts, none of a firm's."""
FIRM = "firm"
"""Where rights stand that touch no account."""
MARKET_MAKING = "market_making"
EXCHANGE = "exchange"
"""Name of the exchange's rules, and of its house."""
LINES = (MARKET_MAKING, "proprietary", "brokerage", "asset_management", "advisory")
"""Business lines whose accounts are told apart (chapter 7, 2)."""

VIEW_WORDS = {
    "board": "报价", "curve": "波动率曲线", "duties": "义务", "risk": "风险", "orders": "委托成交",
    "inquiries": "询价", "alerts": "报警", "limits": "限额", "health": "系统", "replay": "复盘",
    "approvals": "审批", "parameters": "参数", "oversight": "公司风控", "export": "导出",
    "documents": "文件", "registers": "登记", "people": "人员", "audit": "审计",
    "health_of_systems": "公司系统",
    "makers": "做市商名册", "ratings": "评价", "publication": "公布",
}  # fmt: skip
FIRM_VIEWS = ("documents", "registers", "people", "audit", "health_of_systems")
EXCHANGE_VIEWS = ("makers", "ratings", "publication", "people", "audit")
"""Views of the exchange's house."""
VIEWS = tuple(name for name in VIEW_WORDS if name not in (*FIRM_VIEWS, *EXCHANGE_VIEWS))
"""Views of one market-making account."""
FIRM_COMMANDS = (
    "people.add", "people.propose", "people.confirm", "people.revoke", "people.unlock",
    "people.sessions", "people.review", "people.review_sign", "people.export",
    "register.add", "register.approve",
    "documents.draft", "documents.review", "documents.sign", "documents.file",
)  # fmt: skip
EXCHANGE_COMMANDS = (
    "registry.propose", "registry.second",
    *(name for name in FIRM_COMMANDS if name.startswith("people.")),
)  # fmt: skip
SECOND = "second."
"""Begins the name of the right to second an act of the authority."""


class Post(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A post (岗位) and what its holders see and do; see the data file for each field."""

    post: str
    words: str
    english: str
    department: str
    other_lines: str
    admin: bool = False
    alone: bool = False
    required: bool = False
    history: bool = False  # appendix 3: the whole work history is mandatory
    accounts: str = MARKET_MAKING
    views: tuple[str, ...] = ()
    firm_views: tuple[str, ...] = ()
    firm_commands: tuple[str, ...] = ()

    @property
    def of_firm(self) -> bool:
        """Does the post touch no account?"""
        return self.accounts == FIRM


class Incompatible(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two posts that one person may not hold, with the reason and the rule's source."""

    posts: tuple[str, str]
    why: str
    english: str
    source: str


class Sessions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long a session lives: minutes of idleness, hours in all."""

    admin_idle_min: int
    idle_min: int
    admin_hours: int
    hours: int


class Passwords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lengths, days until a change, how many are remembered, wrong ones until a lock of minutes."""

    admin_length: int
    length: int
    admin_days: int
    days: int
    remembered: int
    fails: int
    lock_min: int


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    review_days: int
    request_hours: int
    enrol_hours: int
    dormant_days: int
    token_days: int
    sessions: Sessions
    passwords: Passwords
    posts: tuple[Post, ...]
    incompatible: tuple[Incompatible, ...]
    house: str = FIRM  # whose people these are: the firm's, or EXCHANGE

    def post(self, name: str) -> Post:
        """The post of a name. StoreError for one that does not exist."""
        for one in self.posts:
            if one.post == name:
                return one
        known = ", ".join(one.post for one in self.posts)
        raise StoreError(f"post {name!r} is not one of {known}")

    def clash(self, one: str, other: str) -> str:
        """Why one person may not hold both posts, with the source; "" when it may."""
        for name in (one, other):
            if one != other and self.post(name).alone:
                return f"{self.post(name).words}须专人专职 (a {name} holds no other post; O-02)"
        for row in self.incompatible:
            if {one, other} == set(row.posts):
                return f"{row.why} ({row.english}; {row.source})"
        return ""

    def commands(self, post: str) -> tuple[str, ...]:
        """What holders of a post propose and second at the authority of their account."""
        return _acts(post)

    def rights(self, post: str, account: str) -> frozenset[tuple[str, str]]:
        """(name, account or FIRM) of every view and command of a post held for an account."""
        row = self.post(post)
        own = () if row.of_firm else (*row.views, *_acts(post))
        firm = (*row.firm_views, *row.firm_commands)
        return frozenset([(name, account) for name in own] + [(name, FIRM) for name in firm])


@cache
def _acts(post: str) -> tuple[str, ...]:
    proposes = [str(rule.act) for rule in RULES if post in rule.proposers]
    return (*proposes, *(f"{SECOND}{rule.act}" for rule in RULES if post in rule.seconders))


_FIRM_NAMES = frozenset((*FIRM_VIEWS, *FIRM_COMMANDS))


def all_names() -> tuple[str, ...]:
    """Every view and command there is."""
    acts = [name for rule in RULES for name in (str(rule.act), f"{SECOND}{rule.act}")]
    exchange = [name for name in (*EXCHANGE_VIEWS, *EXCHANGE_COMMANDS) if name not in _FIRM_NAMES]
    return (*VIEWS, *acts, *FIRM_VIEWS, *FIRM_COMMANDS, *exchange)


def is_view(name: str) -> bool:
    """Does the name only show something?"""
    return name in VIEWS or name in FIRM_VIEWS or name in EXCHANGE_VIEWS


def read_rules(path: Path | None = None) -> Rules:
    """The rules of a file, or the shipped ones: of the firm, or with the name `exchange` for a file
    that is not there, of the exchange. StoreError names file, key and reason.
    """
    shipped = EXCHANGE_RULES if str(path) == EXCHANGE and not Path(EXCHANGE).exists() else SHIPPED
    named = path is not None and shipped == SHIPPED
    name = str(path) if named else shipped
    source = path if path is not None and named else files("quanheng") / shipped
    try:
        rules = msgspec.toml.decode(source.read_text(encoding="utf-8"), type=Rules)
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise StoreError(f"{name}: {error}") from error
    wrong = _problem(rules)
    if wrong:
        raise StoreError(f"{name}: {wrong}")
    return rules


def _problem(rules: Rules) -> str:
    known = [row.post for row in rules.posts]
    if rules.house not in (FIRM, EXCHANGE):
        return f"house: {rules.house!r} is not {FIRM} or {EXCHANGE}"
    ours = rules.house == FIRM
    missing = [post for post in AUTHORITY_POSTS if ours and post not in known]
    if missing or len(set(known)) != len(known):
        return f"posts: {missing[0] if missing else 'one stands twice'}"
    for row in rules.posts:
        tables = (
            (row.views, VIEWS if ours else ()),
            (row.firm_views, FIRM_VIEWS if ours else EXCHANGE_VIEWS),
            (row.firm_commands, FIRM_COMMANDS if ours else EXCHANGE_COMMANDS),
        )
        unknown = [name for names, table in tables for name in names if name not in table]
        if unknown:
            return f"posts.{row.post}: {unknown[0]!r} is no view or command"
        if row.accounts not in (FIRM, MARKET_MAKING) or row.other_lines not in (
            "no",
            "warn",
            "yes",
        ):
            return f"posts.{row.post}: accounts or other_lines has no such value"
    for pair in rules.incompatible:
        unknown = [name for name in pair.posts if name not in known]
        if unknown:
            return f"incompatible: {unknown[0]!r} is no post"
    for one, other in sides() if ours else ():
        if not rules.clash(one, other):
            return f"incompatible: {one} proposes what {other} seconds; one person must not be both"
    return ""


def sides() -> list[tuple[str, str]]:
    """Posts of which one proposes and another seconds the same act: never one person (O-04)."""
    return sorted(
        {
            (one, other)
            for rule in RULES
            for one, other in combinations(sorted({*rule.proposers, *rule.seconders}), 2)
            if (one in rule.proposers and other in rule.seconders)
            or (other in rule.proposers and one in rule.seconders)
        }
    )
