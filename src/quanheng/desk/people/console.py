"""The people store as the web console asks it: its names of pages and commands, its answers.

The console asks for a page or a kind of command; a person may use it who has one of the store's
rights behind it. The authority judges each command again by its own policy.
"""

from collections.abc import Callable, Mapping

from quanheng.authority.policy import RULES, Act
from quanheng.desk.people.access import EXPIRED, NEVER_BLOCKED, Refused, Session, StoreAccess
from quanheng.desk.people.rules import FIRM, SECOND
from quanheng.desk.people.store import Store
from quanheng.desk.people.tokens import token_session

_ACTS = tuple(str(rule.act) for rule in RULES)

NEEDS: Mapping[str, tuple[str, ...]] = {
    "trade": ("board",), "duty": ("duties",), "rfq": ("inquiries",), "approve": ("approvals",),
    "kill": ("pull",),
    "quoting": ("lower_state", "raise_state"),
    "parameter": ("parameter_in_band", "parameter_outside_band", "tighten_limit", "loosen_limit"),
    "order": ("order", "large_order", "cancel"),
    "second": tuple(f"{SECOND}{act}" for act in _ACTS),
    "withdraw": tuple(act for act in _ACTS if act != NEVER_BLOCKED),
    "auction": ("board",), "daily": ("health",), "accounts": ("orders", "risk"),
    "dayend": ("orders",),
    "reports": ("duties", "orders", "oversight"),
    "health": ("health", "health_of_systems"), "admin": ("people",),
    "inspection": ("registers",), "exchange": ("duties",),
    "reports.make": ("documents.draft", str(Act.SETTLEMENT)), "settle": (str(Act.SETTLEMENT),),
    "settle_second": (f"{SECOND}{Act.SETTLEMENT}",), "firm": (str(Act.RELEASE),),
    "firm_answer": (str(Act.TIGHTEN_LIMIT),), "firm_second": (f"{SECOND}{Act.RELEASE}",),
    "daily.sign": (str(Act.TIGHTEN_LIMIT),), "note": (str(Act.TIGHTEN_LIMIT), str(Act.RELEASE)),
}  # fmt: skip
"""The console's name -> rights of which one is needed; any other name stands for itself."""

CODES = {EXPIRED: "login_expired"}
"""What the console calls a refusal; every other one is WRONG."""
WRONG = "login_wrong"


class ConsoleSession:
    """A session with the console's names."""

    def __init__(self, session: Session) -> None:
        self._session = session
        accounts = {account for _, account in session.rights if account != FIRM}
        self._here = not accounts or session.account in accounts

    @property
    def user(self) -> str:
        """Opaque id of the person."""
        return self._session.user

    @property
    def name_zh(self) -> str:
        """What the screen calls the person."""
        return self._session.name_zh

    @property
    def roles(self) -> frozenset[str]:
        """Posts of the person."""
        return self._session.roles

    @property
    def csrf(self) -> str:
        """What every command has to repeat."""
        return self._session.csrf

    @property
    def actor(self) -> Session:
        """The store's own session, in whose name it is asked to change something."""
        return self._session

    def permits(self, what: str) -> bool:
        """May this session use a page or a kind of command? Who works for other accounts alone is
        nobody here, also for what touches none (O-06).
        """
        return self._here and any(map(self._session.permits, NEEDS.get(what, (what,))))


class ConsoleAccess:
    """The store behind the console of one account. `refused` makes the console's refusal of a code,
    which is raised.
    """

    def __init__(self, store: Store, account: str, refused: Callable[[str], Exception]) -> None:
        self._store, self._account = store, account
        self._access = StoreAccess(store, account)
        self._refused = refused

    def login(self, name: str, password: str, code: str, where: str) -> tuple[str, ConsoleSession]:
        """The token of a new session, and it."""
        found = self._access.login(name, password, code, where)
        if isinstance(found, Refused):
            raise self._refused(CODES.get(found.code, WRONG))
        return found.token, ConsoleSession(found)

    def session(self, token: str, active: bool = True) -> ConsoleSession | None:
        """The session of a token, None when there is none or it is over; `active` false when the
        screen asks by itself.
        """
        found = self._access.session(token, active)
        return None if found is None else ConsoleSession(found)

    def bearer(self, token: str) -> ConsoleSession | None:
        """What a program's token opens, None for nothing."""
        found = token_session(self._store, self._account, token)
        return None if found is None else ConsoleSession(found)

    def logout(self, token: str) -> None:
        """End a session."""
        self._access.logout(token)
