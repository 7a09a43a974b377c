"""Tables of the people store (SQLAlchemy Core). A migration makes them; this is how they are read.

`audit`, `register` and `document` only grow: triggers refuse every other statement on them.
Instants are Nanos (UTC), days YYYYMMDD.
"""

import sqlalchemy as sa

META = sa.MetaData()

APPEND_ONLY = ("audit", "register", "document")

PERSON = sa.Table(
    "person", META,
    sa.Column("person", sa.String(8), primary_key=True),
    sa.Column("department", sa.String(80), nullable=False),
    sa.Column("other_lines", sa.String(200), nullable=False),  # business lines, comma between
    sa.Column("outsourced", sa.Boolean, nullable=False),
    sa.Column("added", sa.BigInteger, nullable=False),
    sa.Column("ended", sa.BigInteger, nullable=False),  # 0: still with the firm
)  # fmt: skip

PERSONAL = sa.Table(  # personal data; deleted when a person has left, the trail stays whole
    "personal", META,
    sa.Column("person", sa.String(8), sa.ForeignKey("person.person"), primary_key=True),
    sa.Column("name_zh", sa.String(80), nullable=False),
    sa.Column("duty", sa.Text, nullable=False),
    sa.Column("phone", sa.String(40), nullable=False),
    sa.Column("mobile", sa.String(40), nullable=False),
    sa.Column("email", sa.String(120), nullable=False),
    sa.Column("history", sa.Text, nullable=False),  # JSON: [[years, unit, duty], ...]
)  # fmt: skip

CREDENTIAL = sa.Table(
    "credential", META,
    sa.Column("person", sa.String(8), sa.ForeignKey("person.person"), primary_key=True),
    sa.Column("password", sa.String(200), nullable=False),  # argon2id; "" before enrolment
    sa.Column("past", sa.Text, nullable=False),  # JSON: hashes that may not come again
    sa.Column("changed", sa.BigInteger, nullable=False),
    sa.Column("secret", sa.String(200), nullable=False),  # second factor, sealed with the key
    sa.Column("step", sa.BigInteger, nullable=False),  # last time step a code was taken for
    sa.Column("fails", sa.Integer, nullable=False),
    sa.Column("locked_until", sa.BigInteger, nullable=False),
    sa.Column("enrol", sa.String(64), nullable=False),  # SHA-256 of a one-time code, ""
    sa.Column("enrol_until", sa.BigInteger, nullable=False),
)  # fmt: skip

ACCOUNT = sa.Table(
    "account", META,
    sa.Column("account", sa.String(20), primary_key=True),
    sa.Column("line", sa.String(20), nullable=False),  # rules.LINES
)  # fmt: skip

APPOINTMENT = sa.Table(
    "appointment", META,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("person", sa.String(8), sa.ForeignKey("person.person"), nullable=False, index=True),
    sa.Column("post", sa.String(20), nullable=False),
    sa.Column("account", sa.String(20), nullable=False),  # of an account, or rules.FIRM
    sa.Column("holder", sa.String(6), nullable=False),  # main or backup (备岗)
    sa.Column("classes", sa.String(200), nullable=False),  # a trader's underlyings; "" all
    sa.Column("since", sa.BigInteger, nullable=False),
    sa.Column("ended", sa.BigInteger, nullable=False),  # 0: in force
)  # fmt: skip

REQUEST = sa.Table(  # what needs a second person: appointments, enrolments
    "request", META,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("person", sa.String(8), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("by", sa.String(8), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),  # open, confirmed, withdrawn, lapsed
    sa.Column("second", sa.String(8), nullable=False),
)  # fmt: skip

SESSION = sa.Table(
    "session", META,
    sa.Column("token", sa.String(64), primary_key=True),  # SHA-256 of the token, never itself
    sa.Column("person", sa.String(8), sa.ForeignKey("person.person"), nullable=False, index=True),
    sa.Column("place", sa.String(80), nullable=False),
    sa.Column("csrf", sa.String(64), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("seen", sa.BigInteger, nullable=False),
    sa.Column("ended", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.String(20), nullable=False),
)  # fmt: skip

TOKEN = sa.Table(  # of a program; narrower than its owner, never a second person
    "token", META,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("token", sa.String(64), nullable=False, unique=True),  # SHA-256, never itself
    sa.Column("person", sa.String(8), sa.ForeignKey("person.person"), nullable=False, index=True),
    sa.Column("post", sa.String(20), nullable=False),
    sa.Column("account", sa.String(20), nullable=False),
    sa.Column("proposes", sa.Boolean, nullable=False),
    sa.Column("purpose", sa.String(80), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("until", sa.BigInteger, nullable=False),
    sa.Column("seen", sa.BigInteger, nullable=False),
    sa.Column("ended", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.String(20), nullable=False),
)  # fmt: skip

REVIEW = sa.Table(
    "review", META,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("by", sa.String(8), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("findings", sa.Integer, nullable=False),
    sa.Column("signed_by", sa.String(8), nullable=False),
    sa.Column("signed", sa.BigInteger, nullable=False),
    sa.Column("decision", sa.Text, nullable=False),
)  # fmt: skip

AUDIT = sa.Table(
    "audit", META,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("who", sa.String(8), nullable=False),
    sa.Column("place", sa.String(80), nullable=False),
    sa.Column("what", sa.String(40), nullable=False),
    sa.Column("subject", sa.String(80), nullable=False),
    sa.Column("before", sa.Text, nullable=False),
    sa.Column("after", sa.Text, nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)  # fmt: skip

REGISTER = sa.Table(
    "register", META,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("register", sa.String(20), nullable=False, index=True),
    sa.Column("step", sa.String(10), nullable=False),  # record, approve, reverse
    sa.Column("refers", sa.Integer, nullable=False),  # 0, or the record it is about
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("by", sa.String(8), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("audit", sa.Integer, nullable=False),  # its row of the trail
)  # fmt: skip

DOCUMENT = sa.Table(
    "document", META,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(120), nullable=False, index=True),
    sa.Column("stage", sa.String(10), nullable=False),  # draft, reviewed, signed, filed
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("by", sa.String(8), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("audit", sa.Integer, nullable=False),
)  # fmt: skip
