"""Who may come in and what they may do: the protocol between the console and a store of people.

The store decides (users, passwords, second factors, sessions, roles); the console asks it at every
route, at every channel and at every command, and shows nothing without an answer.
"""

from typing import Protocol

DESK_VIEWS = (
    "trade", "duty", "risk", "orders", "rfq", "alerts", "approve", "replay", "accounts", "auction",
)  # fmt: skip
"""Pages over the machine's pictures."""
OFFICE_VIEWS = (
    "daily", "dayend", "reports", "documents", "registers", "inspection", "oversight", "health",
    "admin", "audit", "exchange",
)  # fmt: skip
"""Pages over records, registers and files (`desk.office`); `exchange` is what the exchange
published of this maker."""
SITE_VIEWS = ("makers", "ratings", "publication", "admin")
"""Pages of the exchange's own site; `admin` is its own people store's."""
VIEWS = (*DESK_VIEWS, *OFFICE_VIEWS)
"""Pages and their channels, by the name that `permits` is asked for."""
RIGHTS = ("export", "people")
"""What is neither a page nor a command: to take tables and reports away, to read posts and
rights."""
DESK_COMMANDS = (
    "kill", "quoting", "parameter", "order", "inquiry", "acknowledge", "sign_on", "second",
    "withdraw",
)  # fmt: skip
OFFICE_COMMANDS = (
    "reports.make", "documents.review", "documents.sign", "documents.file", "people.add",
    "people.propose", "people.confirm", "people.revoke", "people.unlock", "people.sessions",
    "people.review", "people.review_sign", "register.add", "register.approve", "settle",
    "settle_second", "firm", "firm_answer", "firm_second", "daily.sign", "note",
)  # fmt: skip
SITE_COMMANDS = ("registry.propose", "registry.second")
"""The exchange's own acts: one proposes, another seconds."""
COMMANDS = (*DESK_COMMANDS, *OFFICE_COMMANDS)
"""What a person can ask for, by the name that `permits` is asked for; the authority's own policy
comes on top and has the last word."""


class Session(Protocol):
    """A person who is in. `user` is the opaque id that commands carry."""

    @property
    def user(self) -> str:
        """Opaque id of the person."""

    @property
    def name_zh(self) -> str:
        """What the screen calls the person."""

    @property
    def roles(self) -> frozenset[str]:
        """Posts of the person."""

    @property
    def csrf(self) -> str:
        """What every command has to repeat in its header."""

    def permits(self, what: str) -> bool:
        """May this session use a view or a command?"""


class Refused(Exception):  # noqa: N818 — an answer, not a fault
    """A login that was not let in. `code` is one of words.toml's `login_*`; it never says whether
    the name or the password was wrong.
    """

    def __init__(self, code: str, wait_s: int = 0) -> None:
        super().__init__(code)
        self.code = code
        self.wait_s = wait_s


class Access(Protocol):
    """A store of people."""

    def login(self, name: str, password: str, code: str, where: str) -> tuple[str, Session]:
        """The token of a new session, and it. Refused when the door stays closed; `code` is the
        second factor, `where` the address it came from.
        """

    def session(self, token: str, active: bool = True) -> Session | None:
        """The session of a token, None when there is none or it is over. `active` false for what
        a screen asks by itself: only a person's acts keep a session awake (reliability.md 3.2).
        """

    def bearer(self, token: str) -> Session | None:
        """The session of a program's token (`people token`), None when it opens nothing."""

    def logout(self, token: str) -> None:
        """End a session."""
