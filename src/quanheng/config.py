"""Configuration of a node: one TOML file of frozen structs, unknown keys forbidden (house.md 11).

There are no defaults for anything that can lose money: the shipped `data/desk.toml` states every
value, and `quanheng check-config` prints the tree with its hash.
"""

import hashlib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

import msgspec

from quanheng.edge.alarm_channels import ChannelConfig
from quanheng.edge.alarm_channels import problem as channel_problem
from quanheng.edge.clock_state import ClockRules
from quanheng.edge.line_config import LineConfig
from quanheng.edge.line_config import problem as line_problem
from quanheng.edge.nats_config import MessagingConfig
from quanheng.edge.nats_config import problem as messaging_problem
from quanheng.edge.pair_config import StandbyConfig
from quanheng.edge.pair_config import problem as pair_problem
from quanheng.edge.pg_config import DatabaseConfig
from quanheng.edge.pg_config import problem as database_problem
from quanheng.terms.codes import ROLES

SHIPPED = "data/desk.toml"

FileT = TypeVar("FileT")


class ConfigError(Exception):
    """A configuration that cannot be used; the message names the file, the key and the reason."""


class MemberConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who we are at the exchange."""

    maker: str
    pbu: str
    account: str
    branch: str
    kind: str  # primary or general
    letter: str  # first character of client order ids, never Q or C


class FundsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Money the market-making account starts the first day with, and how much of it is kept at the
    underlyings' market for hedges; 0: no line there. `etf_base_units` of every underlying are held
    as working inventory from the first day on, so that units can be sold on the day they are
    needed (T+1); their own risk is hedged outside and counts neither as delta nor as profit.
    """

    cash_yuan: int
    etf_cash_yuan: int = 0
    etf_base_units: int = 0


class LimitConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Position limits the exchange granted for one underlying, contracts."""

    underlying: str
    long: int
    total: int
    daily_buy_open: int


class ParameterConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One quote parameter of a scope: house, class, expiry, delta bucket or contract."""

    scope: str
    name: str
    value: int


class AgreementConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A signed agreement about one underlying, in force from a day to before another (L-10)."""

    underlying: str
    reference: str
    since: int
    until: int = 0  # 0: without a confirmed end


class AccountConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account reported to the exchange for an underlying or "*"; `old` while it is left."""

    scope: str
    account: str
    reported: int
    old: bool = False


class StrategyConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A strategy's version: its filing for program trading, who made and who checked it (I-10)."""

    strategy: str
    version: str
    filed: int
    maker: str
    checker: str
    until: int = 0


class ApprovalConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An approved limit (R-03) from a day to before another; 0: without end. Looser than the
    default it needs a second person.
    """

    scope: str
    name: str
    value: int
    since: int
    until: int
    basis: str
    by: str
    seconded_by: str = ""


class OvernightConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An approved overnight limit of an underlying or of the desk, "*" (I-35, R-03): the largest
    loss over the gaps of a night and, for "*", the largest share of equity that margin may take.
    """

    scope: str
    loss_yuan: int
    since: int
    basis: str
    by: str
    seconded_by: str
    usage_percent: int = 0
    until: int = 0  # 0: without end


class FigureConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure of another system that is good until HH:MM of the day; money in yuan."""

    scope: str
    name: str
    value: int
    source: str
    until: str


class RateConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An approved interest rate (continuous, 1e-6 per year) from a day on. With any record the
    newest one is in force, and `rate_ppm` is not.
    """

    since: int
    ppm: int
    source: str
    by: str
    seconded_by: str


class RoleConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What we are in an underlying where not primary: general, designated (designated contracts
    only) or none (O-01).
    """

    underlying: str
    role: str


class JournalConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How inputs are kept. `release`: written (simulation only), synced."""

    release: str
    sync_ms: int
    snapshot_s: int


class OperationsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The watch of a live run (T-08): where /metrics is, whether the day begins with an alarm that
    tests every channel, the channels (`edge.alarm_channels`), and when a clock that is off is
    told. `archive_key`, `approved` (the approved configuration list) and `certificates` are files
    that the self-test looks at.
    """

    host: str = "127.0.0.1"
    port: int = 0
    test: bool = True
    channels: tuple[ChannelConfig, ...] = ()
    archive_key: str = ""
    approved: str = ""
    certificates: tuple[str, ...] = ()
    clock: ClockRules = ClockRules()


class IsolationConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of the firm this node serves (T-04, O-06): securities accounts and trading units, empty
    for the member's own, and the hosts that may connect or be connected to.
    """

    accounts: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    peers: tuple[str, ...] = ("127.0.0.1",)


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole tree."""

    node: str
    gateway: str  # none (simulation) or tcp
    rate_ppm: int  # continuous growth rate of forwards before any market
    member: MemberConfig
    funds: FundsConfig
    journal: JournalConfig
    line: LineConfig
    limits: tuple[LimitConfig, ...]
    permitted: tuple[str, ...] = ()
    parameters: tuple[ParameterConfig, ...] = ()
    agreements: tuple[AgreementConfig, ...] = ()
    accounts: tuple[AccountConfig, ...] = ()
    strategies: tuple[StrategyConfig, ...] = ()
    operations: OperationsConfig = OperationsConfig()
    approvals: tuple[ApprovalConfig, ...] = ()
    figures: tuple[FigureConfig, ...] = ()
    overnight: tuple[OvernightConfig, ...] = ()
    rates: tuple[RateConfig, ...] = ()
    roles: tuple[RoleConfig, ...] = ()
    designated: tuple[str, ...] = ()
    isolation: IsolationConfig = IsolationConfig()
    standby: StandbyConfig = StandbyConfig()
    messaging: MessagingConfig = MessagingConfig()
    database: DatabaseConfig = DatabaseConfig()


def read_toml(
    kind: type[FileT], path: Path | None, shipped: str, problem: Callable[[FileT], str]
) -> FileT:
    """The content of a TOML file, or of the package's own `shipped` one.

    ConfigError names the file and what cannot be read, what a key holds, or what `problem` says.
    """
    name = str(path) if path else shipped
    source = path if path else files("quanheng") / shipped
    try:
        found = msgspec.toml.decode(source.read_text(encoding="utf-8"), type=kind)
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise ConfigError(f"{name}: {error}") from error
    wrong = problem(found)
    if wrong:
        raise ConfigError(f"{name}: {wrong}")
    return found


def read_config(path: Path | None = None) -> Config:
    """The configuration of a file, or the shipped one. ConfigError says what is wrong."""
    return read_toml(Config, path, SHIPPED, _problem)


def _problem(config: Config) -> str:
    member, journal = config.member, config.journal
    own = config.isolation
    rules = (
        (
            not own.accounts or member.account in own.accounts,
            f"isolation.accounts: the member's account {member.account} is not among them",
        ),
        (
            not own.units or member.pbu in own.units,
            f"isolation.units: the member's trading unit {member.pbu} is not among them",
        ),
        (bool(own.peers), "isolation.peers: at least one host must be listed"),
        (config.gateway in ("none", "tcp"), f"gateway: {config.gateway!r} is not none or tcp"),
        (
            journal.release in ("written", "synced"),
            f"journal.release: {journal.release!r} is not written or synced",
        ),
        (
            not (config.gateway == "tcp" and journal.release == "written"),
            'journal.release: "written" with a TCP gateway would let orders out before the '
            "journal is safe",
        ),
        (
            len(member.letter) == 1 and member.letter.isalnum() and member.letter not in "QC",
            f"member.letter: {member.letter!r} is not one letter or digit other than Q and C",
        ),
        (
            member.kind in ("primary", "general"),
            f"member.kind: {member.kind!r} is not primary or general",
        ),
        *(
            (role.role in ROLES, f"roles[{number}].role: {role.role!r} is not one of {ROLES}")
            for number, role in enumerate(config.roles)
        ),
        *(
            (len(code) == 8 and code.isdigit(), f"designated: {code!r} is no contract code")
            for code in config.designated
        ),
        (config.funds.cash_yuan > 0, "funds.cash_yuan: must be positive"),
        (
            0 <= config.funds.etf_cash_yuan <= config.funds.cash_yuan // 2,
            "funds.etf_cash_yuan: must be 0 to half of funds.cash_yuan",
        ),
        (
            config.funds.etf_base_units >= 0 and config.funds.etf_base_units % 100 == 0,
            "funds.etf_base_units: must be whole lots of 100 units",
        ),
        (
            not config.funds.etf_base_units or config.funds.etf_cash_yuan > 0,
            "funds.etf_base_units: without funds.etf_cash_yuan there is no line to trade them on",
        ),
        (1 <= journal.sync_ms <= 5, "journal.sync_ms: must be 1 to 5 (borders.md 2)"),
        (not (why := line_problem(config.line)), f"line.{why}"),
        *_operations_rules(config.operations),
        *(_overnight_rule(number, one) for number, one in enumerate(config.overnight)),
        *(_rate_rule(number, one) for number, one in enumerate(config.rates)),
        (not (why := _messaging_rule(config)), why),
        (not (why := pair_problem(config.standby)), f"standby.{why}"),
        (not (why := database_problem(config.database, own.peers)), f"database.{why}"),
    )
    return next((text for good, text in rules if not good), "")


def _messaging_rule(config: Config) -> str:
    pair, peers = config.standby, config.isolation.peers
    return messaging_problem(config.messaging, pair.lease, pair.lease_ms, peers)


def _operations_rules(one: OperationsConfig) -> list[tuple[bool, str]]:
    clock = one.clock
    channels = enumerate(one.channels)
    found = [(channel_problem(row), f"operations.channels[{number}]") for number, row in channels]
    return [
        *((not why, f"{key}.{why}") for why, key in found),
        (
            0 < clock.offset_amber_ms <= clock.offset_red_ms,
            "operations.clock.offset_amber_ms: must be above 0 and at most offset_red_ms",
        ),
    ]


def _overnight_rule(number: int, one: OvernightConfig) -> tuple[bool, str]:
    key = f"overnight[{number}]"
    if one.loss_yuan < 0 or not 0 <= one.usage_percent <= 100:
        return False, f"{key}: loss_yuan is below 0 or usage_percent not 0 to 100"
    if one.scope == "*" and not one.usage_percent:
        return False, f'{key}.usage_percent: the desk\'s record ("*") must name it'
    two = one.by and one.seconded_by and one.by != one.seconded_by
    return bool(two and one.basis), f"{key}: names no basis or not two people (R-03)"


def _rate_rule(number: int, one: RateConfig) -> tuple[bool, str]:
    key = f"rates[{number}]"
    if not -50_000 <= one.ppm <= 200_000:
        return False, f"{key}.ppm: {one.ppm} is outside -50000 to 200000"
    two = one.by and one.seconded_by and one.by != one.seconded_by
    return bool(two and one.source), f"{key}: names no source or not two people"


def config_hash(config: Config) -> str:
    """SHA-256 of the effective configuration, hex."""
    return hashlib.sha256(msgspec.json.encode(config, order="sorted")).hexdigest()


def lines_of(config: Config) -> list[tuple[str, str]]:
    """(key, value) of every leaf, for printing."""
    out: list[tuple[str, str]] = []

    def walk(prefix: str, value: object) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                walk(f"{prefix}.{key}" if prefix else str(key), item)
        elif isinstance(value, list | tuple):
            for number, item in enumerate(value):
                walk(f"{prefix}[{number}]", item)
            if not value:
                out.append((prefix, "[]"))
        else:
            out.append((prefix, str(value)))

    walk("", msgspec.to_builtins(config))
    return out
