"""From draft to filing, and the conditions of an application (L-01, L-02, L-12)."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from papers_world import DAY, DESK, FIRM, order
from people_world import World

from quanheng import cli
from quanheng.compose import papers, people_access
from quanheng.compose.paper_eligibility import Condition, conditions, earliest
from quanheng.compose.people_access import write_token
from quanheng.compose.run_folder import RunError
from quanheng.compose.season import SeasonDay
from quanheng.desk.people import audit, registers
from quanheng.desk.people import papers as life
from quanheng.desk.people.errors import NotAllowedError, StoreError
from quanheng.edge.document_docx import Words, docx
from quanheng.rulebook.calendar import next_trading
from quanheng.terms.days import iso

ONE, TWO = "1" * 64, "2" * 64


def test_documents_go_from_draft_to_filing_by_the_hash_of_the_file(staff: World) -> None:
    risk, head, officer = (staff.login(one) for one in ("R01", "H01", "C01"))
    filing = registers.add(
        staff.store, risk, "filing", {"trigger": "stress", "subject": "2024Q2", "base": 20240628}
    )

    def enter(actor: Any, stage: str, sha: str = ONE, gaps: int = 0, **more: Any) -> None:
        life.enter(staff.store, actor, "压力测试报告", stage, sha, gaps, **more)

    with pytest.raises(NotAllowedError, match="draft first"):
        enter(head, life.REVIEWED)
    enter(risk, life.DRAFT)
    with pytest.raises(NotAllowedError, match="起草人不得审核"):
        enter(risk, life.REVIEWED)
    with pytest.raises(NotAllowedError, match="已变更"):
        enter(head, life.REVIEWED, TWO)
    with pytest.raises(NotAllowedError, match="缺项"):
        enter(head, life.REVIEWED, gaps=1)
    with pytest.raises(NotAllowedError, match="reviewed first"):
        enter(head, life.SIGNED)
    enter(officer, life.REVIEWED)
    with pytest.raises(NotAllowedError, match="无权限"):
        enter(officer, life.SIGNED)
    enter(head, life.SIGNED)
    with pytest.raises(NotAllowedError, match="已变更"):
        enter(officer, life.FILED, TWO)
    with pytest.raises(StoreError, match="no filing 99"):
        enter(officer, life.FILED, filing=99)
    enter(officer, life.FILED, filing=filing)
    assert [one.stage for one in life.stages(staff.store, "压力测试报告")] == list(life.LIFE)
    (step,) = registers.in_force(staff.store, "filing_step")
    assert (step.body.filing, step.body.step, step.body.text) == (filing, "sent", "压力测试报告")
    enter(risk, life.DRAFT, TWO)  # a changed file begins again
    assert life.standing(staff.store)["压力测试报告"].stage == life.DRAFT
    with staff.store.reading() as connection:
        assert not audit.verify(connection).wrong


def test_documents_a_drafter_does_not_sign(staff: World) -> None:
    head, officer = staff.login("H01"), staff.login("C01")
    life.enter(staff.store, head, "a", life.DRAFT, ONE, 0)
    life.enter(staff.store, officer, "a", life.REVIEWED, ONE, 0)
    with pytest.raises(NotAllowedError, match="起草人不得签署"):
        life.enter(staff.store, head, "a", life.SIGNED, ONE, 0)
    with pytest.raises(NotAllowedError, match="无权限"):
        life.enter(staff.store, staff.login("T01"), "a", life.DRAFT, ONE, 0)
    with pytest.raises(StoreError, match="1 to 120"):
        life.enter(staff.store, head, " ", life.DRAFT, ONE, 0)


class Office:
    """Verbs typed by people whose sessions are there already."""

    def __init__(self, world: World, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world, self.folder = world, folder
        monkeypatch.setattr(people_access, "clock", world.clock)
        monkeypatch.setenv("QUANHENG_PEOPLE", world.where)
        (folder / "firm.toml").write_text(FIRM, encoding="utf-8")

    def run(self, person: str, *words: object) -> Result:
        path = self.folder / f"session-{person}"
        write_token(path, self.world.login(person).token)
        args = [str(one) for one in words]
        return CliRunner().invoke(cli.cli, [*args, "--session", str(path)])

    def facts(self) -> tuple[object, ...]:
        return ("--firm", self.folder / "firm.toml", "--config", DESK, "--on", "2024-06-27")


@pytest.fixture
def office(firm: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(firm, tmp_path, monkeypatch)


def test_documents_verbs_make_review_sign_and_file(office: Office, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = office.run("C01", "documents", "make", "appendix1", "letter", "--out", out,
                      *office.facts(), "--json")  # fmt: skip
    assert made.exit_code == 0, (made.output, made.exception)
    result = json.loads(made.stdout)
    path = Path(result["documents"][0]["path"])
    assert papers.file_hash(path) == result["documents"][0]["sha256"]
    own = office.run("C01", "documents", "review", path)
    assert isinstance(own.exception, NotAllowedError)
    for person, verb in (("R01", "review"), ("H01", "sign"), ("C01", "file")):
        done = office.run(person, "documents", verb, path)
        assert done.exit_code == 0, (verb, done.output, done.exception)
    shown = office.run("R01", "documents", "list").output
    assert "报送" in shown and path.stem in shown
    stages = json.loads(
        office.run("R01", "documents", "list", "--name", path.stem, "--json").stdout
    )
    assert [one["by"] for one in stages["documents"]] == ["C01", "R01", "H01", "C01"]


def test_documents_gaps_stop_a_document_until_they_are_filled(
    office: Office, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    made = office.run("R01", "documents", "make", "emergency", "--out", out, *office.facts())
    assert made.exit_code == 1 and "由人撰写" in made.output
    path = out / "附件2-股票期权做市业务应急预案.docx"
    stopped = office.run("H01", "documents", "review", path)
    assert "缺项" in str(stopped.exception)
    assert CliRunner().invoke(cli.cli, ["documents", "gaps", str(path)]).exit_code == 1
    path.write_bytes(docx(order(office.world, tmp_path) and _written()))
    unknown = office.run("H01", "documents", "review", path)
    assert "已变更" in str(unknown.exception)
    assert office.run("R01", "documents", "draft", path, "--note", "已补齐").exit_code == 0
    assert office.run("H01", "documents", "review", path).exit_code == 0
    assert CliRunner().invoke(cli.cli, ["documents", "gaps", str(path)]).exit_code == 0


def _written() -> Any:
    from papers_world import paper

    return paper(Words("全部写完"))


def test_documents_verbs_refuse_who_may_not(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(docx(_written()))
    for words in (
        ("make", "letter", "--out", tmp_path / "x"), ("package", "first", "--out", tmp_path / "x"),
        ("draft", path), ("review", path), ("sign", path), ("file", path),
    ):  # fmt: skip
        done = office.run("T01", "documents", *words)
        assert isinstance(done.exception, NotAllowedError), words
    assert not (tmp_path / "x").exists()
    assert isinstance(office.run("D01", "documents", "list").exception, NotAllowedError)


def test_documents_verbs_write_a_package_and_a_template(office: Office, tmp_path: Path) -> None:
    out = tmp_path / "package"
    words = ("documents", "package", "repeat", "--out", out, *office.facts())
    done = office.run("C01", *words)
    assert done.exit_code == 1 and "缺" in done.output and (out / "checklist.md").is_file()
    again = office.run("C01", *words)
    assert isinstance(again.exception, StoreError)
    for bad in (("--on", "soon"), ("--effective", "soon")):
        refused = office.run("C01", "documents", "make", "letter", "--out", out, *bad)
        assert isinstance(refused.exception, StoreError)
    template = tmp_path / "new.toml"
    first = CliRunner().invoke(cli.cli, ["documents", "template", "--out", str(template)])
    second = CliRunner().invoke(cli.cli, ["documents", "template", "--out", str(template)])
    assert first.exit_code == 0 and isinstance(second.exception, StoreError)
    assert "appendix6" in CliRunner().invoke(cli.cli, ["documents", "kinds"]).output


def season(folder: Path, days: int, missed: int = -1, day: int = 20240102) -> Path:
    """Days of a rehearsal from a day on; on the day `missed` a class was not quoted."""
    from quanheng.edge.rulebook_files import read_rulebook

    calendar = read_rulebook(DAY).calendar
    (folder / "days").mkdir(parents=True)
    for number in range(days):
        share = "0" if number == missed else "9/10"
        line = {"underlying": "510050", "participation": share, "pnl": 12_345}
        one = SeasonDay(day=day, scenario="calm", digest="", carry="", contracts=1, seconds=0.0,
                        invariants={}, counts={}, classes=[line], listing={})  # fmt: skip
        (folder / "days" / f"{day}.json").write_bytes(msgspec.json.encode(one))
        day = next_trading(calendar, day)
    return folder


def by_number(found: list[Condition]) -> dict[str, Condition]:
    return {one.number: one for one in found}


def test_eligibility_counts_three_unbroken_months(world: World, tmp_path: Path) -> None:
    facts = order(world, tmp_path).facts
    short = by_number(conditions(facts, season(tmp_path / "a", 40)))["一-1"]
    assert (short.holds, short.earliest) == (False, 20240402)
    long = by_number(conditions(facts, season(tmp_path / "b", 60)))["一-1"]
    assert long.holds and "60 个交易日" in long.evidence
    broken = by_number(conditions(facts, season(tmp_path / "c", 60, missed=20)))["一-1"]
    assert not broken.holds and "39 个交易日" in broken.evidence and broken.earliest > 20240430
    none = by_number(conditions(facts, None))["一-1"]
    assert not none.holds and none.earliest == 0
    with pytest.raises(RunError, match="no season"):
        conditions(facts, tmp_path / "nowhere")


def test_eligibility_of_a_season_of_63_days(world: World, tmp_path: Path) -> None:
    """From 17 April 2017 on the 63rd trading day is three months on: 62 are too few (L-01)."""
    facts = order(world, tmp_path).facts
    short = by_number(conditions(facts, season(tmp_path / "a", 62, day=20170417)))["一-1"]
    assert not short.holds and "连续 62 个交易日" in short.evidence and short.earliest == 20170717
    whole = by_number(conditions(facts, season(tmp_path / "b", 63, day=20170417)))["一-1"]
    assert whole.holds and "2017-04-17 至 2017-07-17，连续 63 个交易日" in whole.evidence
    assert "核对不符 0 日，累计盈亏 77.77 元" in whole.evidence and whole.earliest == 20170717


def graded(folder: Path, to: int, *grades: tuple[str, str, str]) -> Path:
    """Tables of months as `season --dataset` leaves them: (month, maker, grade)."""
    for month, maker, grade in grades:
        (folder / "reports" / month).mkdir(parents=True, exist_ok=True)
        (folder / "reports" / month / "period.csv").write_text(
            f"from,to,maker,underlying,grade\n2024-01-02,{iso(to)},{maker},510050,{grade}\n",
            "utf-8",
        )
    return folder


def test_eligibility_takes_the_months_of_the_season(firm: World, tmp_path: Path) -> None:
    """No month may be graded D; older tables and another maker's do not count; a record decides."""
    facts = order(firm, tmp_path).facts
    days = season(tmp_path / "s", 70)
    last = max(int(path.stem) for path in (days / "days").iterdir())

    def metrics() -> Condition:
        return by_number(conditions(facts, days))["二"]

    assert not metrics().holds and "模拟月评级缺" in metrics().evidence
    graded(days, last, ("202402", "MM09", "D"))
    assert "模拟月评级缺" in metrics().evidence
    graded(days, last, ("202402", "MM01", "A"), ("202403", "MM01", "C"))
    good = metrics()
    assert good.holds and good.earliest == last
    assert good.evidence == "模拟月评级 202402 510050 A、202403 510050 C"
    graded(days, last, ("202403", "MM01", "D"))
    assert (metrics().holds, metrics().earliest) == (False, 0)
    graded(days, last - 1, ("202402", "MM01", "A"), ("202403", "MM01", "A"))
    assert not metrics().holds and "须重新评级" in metrics().evidence
    registers.add(firm.store, firm.login("R01"), "evidence", {
        "condition": "metrics", "day": 20240620, "text": "通过", "file": "a.pdf", "sha256": ONE,
    })  # fmt: skip
    assert metrics().holds and metrics().earliest == 20240620
    assert metrics().evidence.endswith("月评级 202402 510050 A、202403 510050 A")


def test_eligibility_takes_evidence_signed_plans_staff_and_sanctions(
    firm: World, tmp_path: Path
) -> None:
    facts = order(firm, tmp_path).facts
    before = by_number(conditions(facts, None))
    assert list(before) == ["一-1", "一-2", *"二三四五六七八"]
    assert [number for number, one in before.items() if one.holds] == ["七"]
    risk, head, officer = (firm.login(one) for one in ("R01", "H01", "C01"))
    for name in ("metrics", "laboratory", "inspection", "funds", "systems", "other"):
        registers.add(firm.store, risk, "evidence", {
            "condition": name, "day": 20240620, "text": "通过", "file": "a.pdf", "sha256": ONE,
        })  # fmt: skip
    for one in ("plan", "management", "risk", "emergency"):
        name = papers.KINDS[one].file
        life.enter(firm.store, risk, name, life.DRAFT, ONE, 0)
        life.enter(firm.store, officer, name, life.REVIEWED, ONE, 0)
        life.enter(firm.store, head, name, life.SIGNED, ONE, 0)
    rehearsed = season(tmp_path / "season", 70)
    found = conditions(facts, rehearsed)
    assert all(one.holds for one in found), [one for one in found if not one.holds]
    assert earliest(found) == DAY
    letter = {"day": 20240110, "reference": "措施1", "sender": "上交所", "measure": "penalty",
              "content": ""}  # fmt: skip
    registers.add(firm.store, risk, "letter", letter)
    after = conditions(facts, rehearsed)
    seventh = by_number(after)["七"]
    assert not seventh.holds and seventh.earliest == 20250110 and earliest(after) == 20250110
    life.enter(firm.store, risk, papers.KINDS["risk"].file, life.DRAFT, TWO, 3)
    assert not by_number(conditions(facts, rehearsed))["五"].holds
    failed = {"condition": "inspection", "day": 20240625, "text": "整改", "file": "b",
              "sha256": ONE, "holds": False}  # fmt: skip
    registers.add(firm.store, risk, "evidence", failed)
    last = conditions(facts, rehearsed)
    assert not by_number(last)["三"].holds and earliest(last) == 0


def test_eligibility_from_the_command_line(office: Office, tmp_path: Path) -> None:
    folder = season(tmp_path / "season", 3)
    done = office.run("R01", "documents", "eligibility", "--season", folder, *office.facts())
    assert done.exit_code == 1 and "不符合" in done.output and "未定" in done.output
