"""The exchange's own site: its people, its acts by two, what goes out, nothing of a firm (S-05)."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from litestar.exceptions import WebSocketException
from office_world import Firm
from ratings_world import OTHER, THIRD, write_ratings
from register_world import Exchange
from test_desk_door import ORIGIN

from quanheng.compose import registry_run
from quanheng.compose.ratings_read import read_ratings
from quanheng.compose.registry_files import RATINGS, TABLES, Data
from quanheng.desk import office
from quanheng.desk.people.errors import StoreError
from quanheng.desk.ports import SourceError
from quanheng.edge.dataset_files import read_table
from quanheng.registry.acts import KINDS, SECONDED_STEPS
from quanheng.registry.errors import RegistryError

OWN = "OURS01"
WAY = ("applied", "incomplete", "accepted", "reviewed", "granted", "agreement", "admitted")
TERMS = {
    "accepted": ("2024-07-15", "amber"), "reviewed": ("2024-07-15", "amber"),
    "granted": ("2024-07-01", "amber"),
}  # fmt: skip
"""15 trading days from Monday 2024-06-24 for the decision, 5 for the agreement; the day is later.
"""


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    made = Exchange(tmp_path_factory.mktemp("exchange"))
    write_ratings(made.folder / RATINGS / "202406", OWN)
    with made.client:
        yield made
    made.close()


def standing(exchange: Exchange, maker: str = "NEW1") -> str:
    rows = exchange.rows("X03", "makers", "makers")
    return next((row["standing"] for row in rows if row["maker"] == maker), "")


def test_a_maker_goes_from_application_to_cancellation(exchange: Exchange):
    """Each step follows the one before; what decides waits for the reviewer; the class that loses a
    maker is named (chapter 2 十).
    """
    assert "不能 agreement" in exchange.step("X01", step="agreement")["zh"]
    for number, step in enumerate(WAY, 1):
        before = standing(exchange)
        made = exchange.step("X01", step=step, reference=f"文 {number}")
        assert made["ok"], made
        if step in SECONDED_STEPS:
            assert made["status"] == "proposed" and standing(exchange) == before
            assert exchange.act("X02", "registry.second", number=made["number"])["ok"]
        rows = exchange.rows("X01", "makers", "makers")
        entry = next(row for row in rows if row["maker"] == "NEW1")
        assert (entry["due"], entry["tone"]) == TERMS.get(step, ("", "")), step
    assert (entry["standing"], entry["since"], entry["agreement"], entry["kind"]) == (
        "admitted", "2024-06-24", "文 6", "primary",
    )  # fmt: skip
    for change, said in (
        ({"step": "cancelled", "day": "2024-06-21", "clause": "9-2-2"}, "早于"),
        ({"step": "cancelled", "day": "2024-07-01"}, "条款"),
        ({"step": "cancelled", "day": "2024-07-40"}, "day: "),
        ({"step": "approved"}, "step: "), ({"maker": " "}, "maker: "),
    ):  # fmt: skip
        assert said in exchange.step("X01", **change)["zh"]
    for step, clause in (("cancelled", "9-2-2"), ("announced", "")):
        made = exchange.step("X01", step=step, day="2024-07-02", clause=clause)
        exchange.act("X02", "registry.second", number=made["number"])
    facts = exchange.page("X01", "makers")["facts"]
    assert ["lacking", "510300", "warn"] in facts
    assert "1年内不得重新申请" in exchange.step("X01", step="applied", day="2025-06-30")["zh"]
    steps = exchange.rows("X01", "makers", "maker_steps")
    assert [(row["event"], row["seconded_by"]) for row in steps][:2] == [
        ("announced", "X02"), ("cancelled", "X02"),
    ]  # fmt: skip
    table = read_table(exchange.folder / TABLES, "makers")
    assert table is not None and len(table["since"]) == 4


def test_one_person_alone_decides_nothing(exchange: Exchange):
    """Who proposes has no right to second, who seconds none to propose; a session that had both
    would be refused by the journal for its own act.
    """
    made = exchange.act("X01", "registry.measure", maker=OTHER, measure="lowering", steps="1",
                        underlying="510050", day="2024-07-01", reference="监 1", reason="中断",
                        )  # fmt: skip
    assert made["status"] == "proposed", made
    number = made["number"]
    assert exchange.act("X01", "registry.second", number=number)["code"] == 403
    assert exchange.step("X02", maker="N9")["code"] == 403
    for act in office.SITE_ACTS:
        assert exchange.act("X03", act)["code"] == 403, act
    mine = next(row for row in exchange.rows("X01", "makers", "waiting_acts"))
    other = next(row for row in exchange.rows("X02", "makers", "waiting_acts"))
    assert mine["acts"] == ["registry.withdraw"] and other["acts"] == ["registry.second"]

    class Both:
        user = "X01"

        def permits(self, what: str) -> bool:
            return True

    keep = exchange.app.state.console.office
    with pytest.raises(SourceError, match="nobody seconds his own act"):
        keep.act("registry.second", Both(), {"number": number})
    letters = exchange.folder / TABLES / "letters.csv"
    assert OTHER not in letters.read_text("utf-8")
    assert exchange.act("X02", "registry.second", number=number)["ok"]
    assert f"2024-07-01,{OTHER},lowering,510050,1" in letters.read_text("utf-8")
    assert read_table(exchange.folder / TABLES, "letters") is not None
    entry = next(row for row in exchange.rows("X03", "makers", "makers") if row["maker"] == OTHER)
    assert (entry["letters"], entry["lowerings"]) == (1, 1)  # of the rating, and of the register


def test_a_designation_needs_three_and_two(exchange: Exchange):
    """Three primary makers (L-07) and a second person."""
    fields = {"contract": "10006001", "since": "2024-07-01", "reference": "指 1"}
    said = exchange.act("X01", "registry.designate", makers=f"{OWN} {OTHER}", **fields)
    assert not said["ok"] and "至少 3" in said["zh"]
    said = exchange.act("X01", "registry.designate", makers=f"{OWN}, {OTHER} {THIRD}", **fields)
    assert THIRD in said["zh"]  # a general maker


def test_a_publication_goes_out_when_it_was_seconded(exchange: Exchange):
    """And as it was when it was proposed, whatever became of the rating meanwhile; a name that is
    none of a rating, or leads out, is none.
    """
    for name in ("nothing", "../people", ""):
        assert not exchange.act("X01", "registry.publish", rating=name)["ok"], name
    made = exchange.act("X01", "registry.publish", rating="202406")
    out = exchange.published / "202406"
    assert made["status"] == "proposed" and not out.exists()
    drafts = exchange.rows("X01", "publication", "drafts")
    assert (drafts[0]["standing"], drafts[0]["acts"]) == ("waiting", [])
    path = exchange.folder / RATINGS / "202406" / "period.csv"
    kept = path.read_text("utf-8")
    path.write_text(kept.replace(",B,B,", ",A,A,", 1), "utf-8")
    assert exchange.rows("X01", "publication", "drafts")[0]["standing"] == "changed"
    assert exchange.act("X02", "registry.second", number=made["number"])["ok"]
    assert (out / "period.csv").read_text("utf-8") == kept
    files = [row["file"] for row in exchange.rows("X03", "publication", "published")]
    assert "register.csv" in files and "202406/publication/monthly.csv" in files
    one = "/api/office/publication/file?of=202406/publication/monthly.csv"
    assert OTHER in exchange.get("X03", one).text
    for name in ("../acts.jsonl", "../../people.sqlite", "202406/period.csv"):
        assert exchange.get("X03", f"/api/office/publication/file?of={name}").status_code == 404
    assert exchange.get("X03", f"/api/office/makers/file?of={files[0]}").status_code == 404
    path.write_text(kept, "utf-8")
    again = exchange.act("X01", "registry.publish", rating="202406")
    assert not again["ok"] and "已公布" in again["zh"]


def test_a_draft_that_was_changed_does_not_go_out(exchange: Exchange):
    """What people agreed to is what goes out, or nothing does."""
    write_ratings(exchange.folder / RATINGS / "late", OWN)
    (exchange.folder / RATINGS / "late" / "note.csv").write_text("a\n", "utf-8")
    made = exchange.act("X01", "registry.publish", rating="late")
    drafts = sorted((exchange.folder / "drafts").glob("*/note.csv"))
    drafts[0].write_text("b\n", "utf-8")
    said = exchange.act("X02", "registry.second", number=made["number"])
    assert not said["ok"] and "与提出时不同" in said["zh"]
    assert not (exchange.published / "late").exists()
    drafts[0].write_text("a\n", "utf-8")
    exchange.data.publish(exchange.data.book.acts())
    assert (exchange.published / "late" / "period.csv").exists()
    assert len(read_ratings(exchange.published).folders) == 2


def test_results_are_shown_as_rated(exchange: Exchange):
    """Exact ratios as percentages, the newest month first, reasons in both languages (E-05)."""
    page = exchange.page("X03", "ratings", "monthly")
    monthly, designated = page["sheets"]
    first = next(row for row in monthly["rows"] if row["maker"] == OTHER)
    assert (first["to_day"], first["grade_zh"], first["reasons_zh"], first["reasons_en"]) == (
        "2024-06-20", "D", "书面监管函下调", "lowered for a letter",
    )  # fmt: skip
    assert (first["spread_ratio"], first["weighted"], first["volume_ratio"]) == (
        "42.86", "96.40", "125.00",
    )  # fmt: skip
    general = next(row for row in monthly["rows"] if row["maker"] == THIRD)
    assert general["spread_ratio"] is None and general["answers"] == "90.00"
    assert designated["rows"][0]["duty_met"] == "duty_missed"
    yearly, overall = exchange.page("X03", "ratings", "yearly")["sheets"]
    assert [row["score"] for row in yearly["rows"]] == ["3.50", "0.33", "2.00"]
    assert [row["rank"] for row in overall["rows"]] == [1, 2]
    out, near, places, decided = exchange.page("X03", "ratings", "chapter9")["sheets"]
    assert [row["maker"] for row in out["rows"]] == [OTHER]
    assert near["rows"][0]["standing"] == "near_met" and near["rows"][0]["barred"] == "2025-06"
    assert places["rows"][0]["maker"] == THIRD
    assert decided["rows"][0]["decided"] == "decided_letter"
    assert exchange.get("X03", "/api/office/ratings?of=published").status_code == 404
    csv = exchange.get("X03", "/api/office/ratings/csv?of=monthly&sheet=monthly").text
    assert OTHER in csv and OWN in csv


def test_the_site_has_nothing_of_a_desk(exchange: Exchange):
    """No table, no command, no page of a firm: the routes are not there at all; who has not signed
    in gets nothing but the door.
    """
    headers = exchange.enter("X01")
    me = exchange.client.get("/api/me", headers=headers).json()
    assert me["views"] == ["makers", "ratings", "publication"]
    assert me["commands"] == ["registry.propose"]
    for path in ("/api/table/board", "/api/csv/orders", "/api/office/reports",
                 "/api/office/exchange", "/api/v1/tables", "/api/value"):  # fmt: skip
        assert exchange.client.get(path, headers=headers).status_code == 404, path
    for path in ("/api/pull", "/api/second/1", "/api/command/state", "/api/act/settle.run"):
        assert exchange.client.post(path, json={}, headers=headers).status_code == 404, path
    exchange.client.cookies.clear()
    for path in ("/api/office/makers", "/api/schema"):
        assert exchange.client.get(path).status_code == 401, path
    schema = exchange.client.get("/api/schema", headers=headers).json()
    assert (schema["site"], schema["classes"], schema["open"]) == ("exchange", [], False)
    with (
        pytest.raises(WebSocketException),
        exchange.client.websocket_connect("/ws", headers=ORIGIN),
    ):
        pass


def test_security_administrators_keep_its_people(exchange: Exchange):
    """Its own store, by its own page: posts of its house and none of a firm's."""
    exchange.enter("S01")
    rows = exchange.rows("S01", "admin", "appointments")
    assert {row["post_zh"] for row in rows} == {"安全管理员", "名册经办岗", "名册复核岗", "稽核岗"}
    assert exchange.get("S01", "/api/office/makers").status_code == 403
    made = exchange.act("S01", "people.add", person="X09", name_zh="人九", department="上市部")
    assert made["ok"], made
    refused = exchange.act("S01", "people.grant", person="X09", post="trader", account="firm",
                           holder="main", classes="")  # fmt: skip
    assert not refused["ok"] and "trader" in refused["zh"]
    both = exchange.act("S01", "people.grant", person="X01", post="reviewer", account="firm",
                        holder="main", classes="")  # fmt: skip
    assert not both["ok"] and "经办与复核" in both["zh"]


def test_a_firms_store_or_run_is_refused(tmp_path: Path, exchange: Exchange):
    """Firm and exchange never meet in one process (borders.md 5)."""
    firm = Firm(tmp_path, "A123456789", {})
    try:
        with pytest.raises(StoreError, match="a firm's"):
            registry_run.opened_store(firm.where, None, Path("src/quanheng/data/posts.toml"))
    finally:
        firm.close()
    (tmp_path / "run.json").write_text("{}", "utf-8")
    with pytest.raises(RegistryError, match="a run of a firm"):
        Data(tmp_path)


def test_the_site_loads_no_machine_of_a_firm():
    """Its process has no maker, no gateway, no read model of a run."""
    code = (
        "import sys; import quanheng.compose.registry_run; "
        "print(*(name for name in sys.modules if name.startswith('quanheng.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    banned = ("quanheng.maker", "quanheng.edge.gateway", "quanheng.oversight",
              "quanheng.compose.console_source", "quanheng.compose.console_commands",
              "quanheng.exchange", "quanheng.clearing")  # fmt: skip
    assert [name for name in loaded if name.startswith(banned)] == []
    assert "quanheng.compose.registry_site" in loaded


def test_the_verb_serves_a_site_of_its_own(exchange: Exchange, tmp_path: Path):
    """`quanheng registry` as a process: the page, nobody in; with a firm's rules it does not
    start.
    """
    command = [sys.executable, "-m", "quanheng", "registry", str(tmp_path / "data"),
               "--store", exchange.people.where, "--port", "0"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        assert "registry http://127.0.0.1:" in said, said
        base = said.split()[2].rstrip("/")
        with urlopen(f"{base}/api/session", timeout=30) as answer:
            assert answer.read() == b'{"ok":false}'
        with urlopen(f"{base}/", timeout=30) as answer:
            assert b"app.js" in answer.read()
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert (tmp_path / "data" / "published" / "register.csv").exists()
    rules = Path(registry_run.__file__).parents[1] / "data" / "posts.toml"
    done = subprocess.run([*command, "--rules", str(rules)], capture_output=True, text=True,
                          check=False, timeout=60)  # fmt: skip
    assert done.returncode == 3 and "a firm's" in done.stderr


def test_every_kind_of_act_has_a_form(exchange: Exchange):
    """What the journal knows can be entered, and the page has it for who may."""
    acts = {one["name"] for one in exchange.page("X01", "makers")["sheets"][0]["acts"]}
    assert acts == {"registry.step", "registry.measure", "registry.designate"}
    assert set(KINDS) == {"step", "measure", "designation", "publication"}
    assert exchange.page("X02", "makers")["sheets"][0]["acts"] == []
    journal = exchange.rows("X03", "makers", "register_acts", "register_acts")
    assert len(journal) >= 10 and {row["standing"] for row in journal} <= {
        "in_force", "waiting", "withdrawn",
    }  # fmt: skip
    assert exchange.data.book.acts()[0].at > 0
