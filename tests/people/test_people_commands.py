"""`quanheng people` and `quanheng register` as their users type them, and what a run takes."""

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import pyotp
import pytest
from click.testing import CliRunner, Result
from people_world import ACCOUNT, FAST, PASSWORD, Clock, World

from quanheng import cli
from quanheng.compose import people_access
from quanheng.compose.authority_desk import AuthorityDesk, state_command
from quanheng.compose.lazy_verb import LazyGroup
from quanheng.compose.people import opening, read_people, traders
from quanheng.compose.people_access import write_token
from quanheng.config import ConfigError, read_config
from quanheng.desk.people import passwords
from quanheng.desk.people.errors import NotAllowedError, StoreError
from quanheng.edge.dataset_files import read_table
from quanheng.terms.units import SECOND


class Terminal:
    """Somebody at a terminal, with a session file and a clock of the test."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        passwords.HASHER = FAST
        self.folder, self.clock = folder, Clock()
        self.secrets: dict[str, str] = {}
        monkeypatch.setattr(people_access, "clock", self.clock)
        monkeypatch.setenv("QUANHENG_PEOPLE", str(folder / "people.sqlite"))
        self.monkeypatch = monkeypatch

    def sit(self, person: str) -> None:
        self.monkeypatch.setenv("QUANHENG_SESSION", str(self.folder / f"session-{person}"))

    def run(self, *words: object, typed: str = "") -> Result:
        return CliRunner().invoke(cli.cli, [str(one) for one in words], input=typed)

    def say(self, *words: object, typed: str = "") -> str:
        done = self.run(*words, typed=typed)
        assert done.exit_code == 0, (words, done.output, done.exception)
        return done.output

    def json(self, *words: object) -> Any:
        done = self.run(*words, "--json")
        return json.loads(done.stdout)

    def refused(self, *words: object, kind: type[Exception] = NotAllowedError) -> str:
        done = self.run(*words)
        assert isinstance(done.exception, kind), (words, done.output, done.exception)
        return str(done.exception)

    def code(self, person: str) -> str:
        self.clock.forward(30 * SECOND)
        return pyotp.TOTP(self.secrets[person]).generate_otp(self.clock.now // (30 * SECOND))

    def activate(self, person: str, code: str) -> str:
        secret = passwords.new_secret()
        self.secrets[person] = secret
        self.monkeypatch.setattr(passwords, "new_secret", lambda: secret)
        lines = (code, PASSWORD, PASSWORD, self.code(person))
        return self.say("people", "activate", person, typed="\n".join(lines) + "\n")

    def login(self, person: str) -> str:
        self.sit(person)
        lines = (PASSWORD, self.code(person))
        return self.say("people", "login", person, typed="\n".join(lines) + "\n")

    def grant(self, person: str, post: str, *more: object) -> None:
        """Two administrators give a post."""
        self.sit("S01")
        number = self.json("people", "grant", person, post, *more)["request"]
        self.sit("S02")
        self.say("people", "confirm", number)

    def enrol(self, person: str) -> None:
        self.sit("S01")
        asked = self.json("people", "enrol", person)
        self.sit("S02")
        half = self.json("people", "confirm", asked["request"])["half"]
        self.activate(person, f"{asked['half']}-{half}")


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A new store made by the command line, with both administrators signed in."""
    made = Terminal(tmp_path, monkeypatch)
    found = made.json("people", "init", "S01=安一", "S02=安二")
    for person, code in found["codes"].items():
        shown = made.activate(person, code)
        assert made.secrets[person] in shown and PASSWORD not in shown
        assert "security_admin" in made.login(person)
    made.sit("S01")
    made.say("people", "account", ACCOUNT, "market_making")
    return made


def test_people_commands_from_an_empty_folder_to_a_run(terminal: Terminal, tmp_path: Path) -> None:
    """Bootstrap, four eyes, roster, export: the authority is opened with the store's people."""
    for person, post in (("T01", "trader"), ("R01", "risk"), ("C01", "compliance")):
        terminal.sit("S01")
        terminal.say("people", "add", person, "--name", f"甲{person}", "--department", "做市业务部")
        more = ("--class", "510050") if post == "trader" else ()
        terminal.grant(person, post, "--account", ACCOUNT, *more)
    terminal.enrol("C01")
    terminal.sit("S01")
    assert "甲T01" in terminal.say("people", "list")
    staffed = terminal.run("people", "posts")
    assert staffed.exit_code == 1 and "backup" in staffed.output
    assert terminal.json("people", "sessions")["sessions"][0]["person"] == "S01"
    assert "T01" not in terminal.say("people", "requests")
    assert "second.raise_state" in terminal.say("people", "rights")
    out = tmp_path / "people.toml"
    terminal.say("people", "export", "--out", out, "--account", ACCOUNT)
    text = out.read_text(encoding="utf-8")
    assert "甲" not in text and "audit" in text.splitlines()[0]
    store = tmp_path / "people.sqlite"
    Path(f"{store}.key").unlink()  # a run needs no key
    for path in (out, store):
        people = read_people(path)
        assert [(row.person, row.posts, row.classes) for row in people.people] == [
            ("C01", ("compliance",), ()), ("R01", ("risk",), ()), ("T01", ("trader",), ("510050",)),
        ]  # fmt: skip
        assert [(one.person, one.underlyings) for one in traders(people)] == [("T01", ("510050",))]
    folder = tmp_path / "authority"
    with AuthorityDesk(folder, store, begin=True) as desk:
        assert desk.state.posts == {"C01": ["compliance"], "R01": ["risk"], "T01": ["trader"]}
        halted = desk.propose(state_command("*", "HALTED", "drill", "T01"), "T01")
        unknown = desk.propose(state_command("*", "HALTED", "drill", "R02"), "R02")
    assert halted.status == "issued" and unknown.code == "unknown_person"
    opened = opening(read_people(store), 20240627)
    assert [row.person for row in opened.people] == ["C01", "R01", "T01"]


def test_people_commands_say_no_to_who_may_not(terminal: Terminal) -> None:
    terminal.sit("nobody")
    assert "未登录" in terminal.refused("people", "list")
    terminal.sit("S01")
    terminal.say("people", "add", "T01", "--name", "人")
    terminal.grant("T01", "trader", "--account", ACCOUNT)
    terminal.enrol("T01")
    terminal.login("T01")
    for words in (
        ("people", "list"), ("people", "posts"), ("people", "requests"), ("people", "rights"),
        ("people", "audit"), ("people", "sessions"), ("people", "review"), ("people", "reviews"),
        ("people", "add", "X1", "--name", "x"), ("people", "lock", "S01"),
        ("people", "leave", "S01"),
        ("people", "unlock", "S01"), ("people", "grant", "X1", "risk"), ("people", "enrol", "S01"),
        ("people", "confirm", "1"), ("people", "revoke", "1"), ("people", "withdraw", "1"),
        ("people", "account", "Z1", "brokerage"), ("people", "data", "S01", "phone=1"),
        ("people", "export", "--out", terminal.folder / "x.toml"),
        ("register", "add", "evidence"), ("register", "approve", "1"),
        ("register", "reverse", "1", "--reason", "x"), ("register", "show", "decision"),
        ("register", "calendar"), ("register", "export", "account", "--out", "x"),
    ):  # fmt: skip
        said = terminal.refused(*words, kind=Exception)
        assert "无权限" in said or "Missing" in said or "evidence" in said, (words, said)
    assert not (terminal.folder / "x.toml").exists()
    wrong = terminal.run("people", "login", "T01", typed=f"wrong\n{terminal.code('T01')}\n")
    assert isinstance(wrong.exception, NotAllowedError)
    terminal.say("people", "logout")
    assert "未登录" in terminal.refused("people", "list")


def test_people_a_session_file_is_for_its_owner_only(terminal: Terminal) -> None:
    path = terminal.folder / "session-S01"
    assert path.stat().st_mode & 0o777 == 0o600
    assert (terminal.folder / "people.sqlite").stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    terminal.sit("S01")
    assert "chmod 600" in terminal.refused("people", "list", kind=StoreError)
    write_token(path, "a token")
    assert path.stat().st_mode & 0o777 == 0o600


def test_people_reviews_and_the_trail_from_the_command_line(terminal: Terminal) -> None:
    terminal.sit("S01")
    for person, post in (("G01", "audit_admin"), ("C01", "compliance")):
        terminal.sit("S01")
        terminal.say("people", "add", person, "--name", "审")
        where = ("--account", ACCOUNT) if post == "compliance" else ()
        terminal.grant(person, post, *where)
        terminal.enrol(person)
    terminal.login("G01")
    report = terminal.folder / "review.xlsx"
    made = terminal.json("people", "review", "--out", report)
    assert made["findings"] and report.read_bytes().startswith(b"PK")
    assert "sha256" in terminal.say("people", "review", "--out", terminal.folder / "review.txt")
    assert "sha256" in (terminal.folder / "review.txt").read_text(encoding="utf-8")
    terminal.refused("people", "review", "--sign", made["review"], "--decision", "保留")
    terminal.login("C01")
    terminal.say("people", "review", "--sign", made["review"], "--decision", "保留")
    first, second = terminal.json("people", "reviews")["reviews"]
    assert (first["signed_by"], first["sha256"]) == ("C01", made["sha256"])
    assert second["signed_by"] == "" and "保留" in terminal.say("people", "reviews")
    found = terminal.json("people", "audit", "--out", terminal.folder / "trail.jsonl")
    lines = (terminal.folder / "trail.jsonl").read_text(encoding="utf-8").splitlines()
    assert found["ok"] and len(lines) == found["rows"]
    assert json.loads(lines[-1])["what"] == "audit.read"
    assert terminal.run("people", "audit", "--head", found["head"]).exit_code == 0
    lost = terminal.run("people", "audit", "--head", "f" * 64)
    assert lost.exit_code == 1 and "cut off" in lost.output


def test_register_commands_feed_the_rating_and_the_configuration(
    terminal: Terminal, tmp_path: Path
) -> None:
    """Letters reach the evaluation (S-04, E-07), agreements and accounts the ladder (L-10)."""
    for person, post in (("R01", "risk"), ("C01", "compliance")):
        terminal.sit("S01")
        terminal.say("people", "add", person, "--name", "人")
        terminal.grant(person, post, "--account", ACCOUNT)
        terminal.enrol(person)
    terminal.login("R01")
    letters = (
        ("reference=函1", "measure=letter"),
        ("reference=函2", "measure=lowering", "underlying=510050", "steps=2"),
        ("reference=函3", "measure=other", "due=2024-07-05"),
    )
    for one in letters:
        terminal.say(
            "register", "add", "letter", "day=2024-06-27", "sender=上交所", "content=略", *one
        )
    agreement = ("underlying=510050", "kind=primary", "signed=2024-01-02", "since=2024-01-03")
    first = terminal.json("register", "add", "agreement", "form=agreement", "reference=协议1",
                          *agreement)["number"]  # fmt: skip
    more = terminal.json("register", "add", "agreement", "form=supplement", "reference=补1",
                         "parameters=spread.near.ratio:0.08", *agreement)["number"]  # fmt: skip
    account = terminal.json("register", "add", "account", f"account={ACCOUNT}",
                            "securities_account=D1", "scope=*", "reported=2024-01-02")  # fmt: skip
    terminal.say("register", "export", "agreement", "--out", tmp_path / "none.toml")
    assert not (tmp_path / "none.toml").read_text()  # nothing is in force before its approval
    terminal.login("C01")
    for number in (first, more, account["number"]):
        terminal.say("register", "approve", number)
    assert "有效 C01" in terminal.say("register", "show", "agreement")
    for name in ("letter", "agreement", "account"):
        out = tmp_path / f"{name}.out"
        terminal.say("register", "export", name, "--maker", "MM01", "--out", out)
    folder = tmp_path / "dataset"
    folder.mkdir()
    (tmp_path / "letter.out").rename(folder / "letters.csv")
    table = read_table(folder, "letters")
    assert table is not None
    rows = list(csv.DictReader(io.StringIO((folder / "letters.csv").read_text())))
    assert [row["measure"] for row in rows] == ["letter", "lowering"] and len(table["day"]) == 2
    shipped = Path(__file__).parents[2] / "src" / "quanheng" / "data" / "desk.toml"
    kept = shipped.read_text(encoding="utf-8").split("[[agreements]]")[0]
    desk = tmp_path / "desk.toml"
    desk.write_text(
        kept + (tmp_path / "agreement.out").read_text() + (tmp_path / "account.out").read_text(),
        encoding="utf-8",
    )
    config = read_config(desk)
    assert [(one.underlying, one.reference) for one in config.agreements] == [("510050", "协议1")]
    assert [(one.account, one.reported) for one in config.accounts] == [(ACCOUNT, 20240102)]
    terminal.refused("register", "calendar", "--on", "soon", kind=StoreError)
    late = terminal.run("register", "calendar", "--on", "2024-07-08")
    assert late.exit_code == 1 and "函3" in late.output
    assert terminal.run("register", "calendar", "--on", "2024-07-05").exit_code == 0
    assert "decision" in terminal.say("register", "kinds")
    terminal.say("register", "reverse", first, "--reason", "笔误")
    assert "已冲销" in terminal.say("register", "show", "agreement")


def test_people_commands_name_what_is_wrong(terminal: Terminal) -> None:
    terminal.sit("S01")
    for words, said in (
        (("people", "init", "S01", "S02=b"), "not ID=NAME"),
        (("people", "list", "--store", "none.sqlite"), "no people store"),
        (("people", "data", "S01", "history=[1]"), "history"),
        (("people", "data", "S01", "shoe=44"), "shoe"),
        (("people", "review", "--out", "x.pdf"), ".xlsx or .txt"),
        (("register", "add", "decision", "since=yesterday"), "since"),
        (("register", "add", "decision", "nothing"), "FIELD=TEXT"),
        (("register", "export", "letter", "--out", "x"), "--maker"),
    ):
        assert said in terminal.refused(*words, kind=StoreError)


def test_people_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "other.sqlite"
    raw = sqlite3.connect(path)
    raw.execute("CREATE TABLE x(y)")
    raw.commit()
    raw.close()
    with pytest.raises(ConfigError, match="no people store"):
        read_people(path)


def test_people_an_empty_store_opens_no_run(world: World) -> None:
    with pytest.raises(ConfigError, match="nobody"):
        read_people(Path(world.where))


def test_people_verbs_name_the_extra_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    for name in [one for one in sys.modules if one.startswith("quanheng.desk.people.")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("people_cli", "people_access", "people_view"):
        monkeypatch.delitem(sys.modules, f"quanheng.compose.{name}", raising=False)
    group = LazyGroup("people", "quanheng.compose.people_cli", "console", "x")
    done = CliRunner().invoke(group, ["list"])
    assert done.exit_code != 0 and "quanheng[console]" in done.output


def test_people_migrate_needs_a_store_and_prints_sql(terminal: Terminal) -> None:
    assert "version" in terminal.say("people", "migrate")
    assert "CREATE TABLE" in terminal.say("people", "migrate", "--sql")
    nowhere = terminal.folder / "x.sqlite"
    said = terminal.refused("people", "migrate", "--store", nowhere, kind=StoreError)
    assert "init" in said and not nowhere.exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("people", "list", "--store", "none.sqlite"), 3, "no people store"),
        (("people", "list"), 1, "未登录"),
        (("documents", "gaps", "none.docx"), 2, "none.docx"),
        (("register", "add", "lunch"), 2, "lunch"),
    ],
)
def test_people_errors_are_one_line_and_an_exit_code(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...], code: int, said: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("QUANHENG_PEOPLE", world.where)
    monkeypatch.setattr(sys, "argv", ["quanheng", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    err = capsys.readouterr().err
    assert ended.value.code == code and said in err
    assert err.startswith("quanheng: ") and err.count("\n") == 1
