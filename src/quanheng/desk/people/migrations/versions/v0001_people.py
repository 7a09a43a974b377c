"""The first tables of the people store, and the triggers that keep three of them append-only."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = ("audit", "register", "document")

_REFUSE_SQLITE = """
CREATE TRIGGER {table}_{verb_small} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
"""
_FUNCTION_POSTGRESQL = """
CREATE FUNCTION quanheng_append_only() RETURNS trigger AS $$
BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$ LANGUAGE plpgsql
"""
_REFUSE_POSTGRESQL = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION quanheng_append_only()
"""


def _text(name: str, length: int = 0, **more: bool) -> sa.Column[str]:
    kind = sa.String(length) if length else sa.Text()
    return sa.Column(name, kind, nullable=False, **more)  # type: ignore[arg-type]


def _at(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _number() -> sa.Column[int]:
    return sa.Column("number", sa.Integer, primary_key=True)


def _person(key: bool = False, index: bool = False) -> sa.Column[str]:
    return sa.Column(
        "person", sa.String(8), sa.ForeignKey("person.person"),
        primary_key=key, nullable=False, index=index,
    )  # fmt: skip


def upgrade() -> None:
    """Make the tables, then the triggers."""
    _people()
    _trails()
    sqlite = op.get_context().dialect.name == "sqlite"
    if not sqlite:
        op.execute(_FUNCTION_POSTGRESQL)
    for table in APPEND_ONLY:
        if not sqlite:
            op.execute(_REFUSE_POSTGRESQL.format(table=table))
            continue
        for verb in ("UPDATE", "DELETE"):
            small = verb.lower()
            op.execute(_REFUSE_SQLITE.format(table=table, verb=verb, verb_small=small))


def _people() -> None:
    op.create_table(
        "person", _text("person", 8, primary_key=True), _text("department", 80),
        _text("other_lines", 200), sa.Column("outsourced", sa.Boolean, nullable=False),
        _at("added"), _at("ended"),
    )  # fmt: skip
    op.create_table(
        "personal", _person(key=True), _text("name_zh", 80), _text("duty"), _text("phone", 40),
        _text("mobile", 40), _text("email", 120), _text("history"),
    )  # fmt: skip
    op.create_table(
        "credential", _person(key=True), _text("password", 200), _text("past"), _at("changed"),
        _text("secret", 200), _at("step"), sa.Column("fails", sa.Integer, nullable=False),
        _at("locked_until"), _text("enrol", 64), _at("enrol_until"),
    )  # fmt: skip
    op.create_table("account", _text("account", 20, primary_key=True), _text("line", 20))
    op.create_table(
        "appointment", _number(), _person(index=True), _text("post", 20), _text("account", 20),
        _text("holder", 6), _text("classes", 200), _at("since"), _at("ended"),
    )  # fmt: skip
    op.create_table(
        "request", _number(), _text("kind", 10), _text("person", 8), _text("body"), _text("by", 8),
        _at("at"), _text("state", 10), _text("second", 8),
    )  # fmt: skip
    op.create_table(
        "session", _text("token", 64, primary_key=True), _person(index=True), _text("place", 80),
        _text("csrf", 64), _at("at"), _at("seen"), _at("ended"), _text("reason", 20),
    )  # fmt: skip
    op.create_table(
        "review", _number(), _at("at"), _text("by", 8), _text("sha256", 64),
        sa.Column("findings", sa.Integer, nullable=False), _text("signed_by", 8), _at("signed"),
        _text("decision"),
    )  # fmt: skip


def _trails() -> None:
    op.create_table(
        "audit", _number(), _at("at"), _text("who", 8), _text("place", 80), _text("what", 40),
        _text("subject", 80), _text("before"), _text("after"), _text("previous", 64),
        _text("hash", 64),
    )  # fmt: skip
    op.create_table(
        "register", _number(), _text("register", 20, index=True), _text("step", 10),
        sa.Column("refers", sa.Integer, nullable=False), _at("at"), _text("by", 8), _text("body"),
        sa.Column("audit", sa.Integer, nullable=False),
    )  # fmt: skip
    op.create_table(
        "document", _number(), _text("name", 120, index=True), _text("stage", 10),
        _text("sha256", 64), _at("at"), _text("by", 8), _text("body"),
        sa.Column("audit", sa.Integer, nullable=False),
    )  # fmt: skip
