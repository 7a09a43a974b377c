"""The firm's acts clicked in a running day: restrain, notice, answer, follow up, close, release by
two; each is in the overseer's journal, and the desk's screen shows it (R-02 to R-06).
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

sys.path.append(str(Path(__file__).parents[1] / "desk"))

from desk_world import PASSWORDS, Visit, chromium, people_file, serving, visit, wait_for
from office_world import act, ready, rows, shows

from quanheng.desk.file_access import add_person

FIRM = {"F01": "firm_risk", "H01": "head"}
PASSWORD = "a person's 12"
LIMIT = """
[[limits]]
scope = "510050"
name = "delta"
value = 1
since = 20150101
version = 1
basis = "drill"
by = "F01"
seconded_by = "H01"
answer_min = 300
escalate = ["REDUCING"]
"""
"""One yuan of delta: breached by whatever trades first."""


class Day(NamedTuple):
    """A running day, and who looks at it."""

    run: Path
    trader: Visit
    head: Visit
    firm: Visit

    def written(self, words: str) -> bool:
        """Does the overseer's journal have these words?"""
        found = (self.run / "journal" / "oversight").glob("*.seg")
        return any(words.encode() in path.read_bytes() for path in found)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    root = tmp_path_factory.mktemp("firm")
    shipped = Path("src/quanheng/data/oversight.toml").read_text("utf-8")
    file = root / "oversight.toml"
    file.write_text(shipped.replace("every_s = 60", "every_s = 20") + LIMIT, "utf-8")
    options = ("--live", "--speed", "4", "--contracts", "12", "--from", "09:31", "--seed", "3",
               "--oversight", str(file))  # fmt: skip
    python = ("env", "--default-signal=INT", sys.executable)
    command = [*python, "-m", "quanheng", "demo", *options, "--out", str(root)]
    with (root / "log").open("wb") as log:
        demo = subprocess.Popen(command, stdout=log, stderr=log, env=dict(os.environ))
    try:
        run = wait_for(lambda: next(iter(root.glob("*-live")), None), 60.0)
        journal = run / "journal" / "maker"
        wait_for(lambda: sum(p.stat().st_size for p in journal.glob("*.seg")) > 200_000, 120.0)
        people = people_file(root)
        for person, post in FIRM.items():
            add_person(people, person, (post,), "", PASSWORD, False)
            PASSWORDS[person] = PASSWORD
        with serving(run, people, "--hz", "5") as base, chromium() as browser:
            yield Day(run, *(visit(browser, base, who) for who in ("T01", "H01", "F01")))
    finally:
        for person in FIRM:
            PASSWORDS.pop(person, None)
        demo.send_signal(signal.SIGINT)
        demo.wait(60)


def cases(day: Day) -> Visit:
    """The firm's page with its cases."""
    one = day.firm
    ready(one, "oversight")
    one.page.click("[data-tab=cases]")
    one.page.wait_for_selector("[data-ready=cases]")
    return one


def standing(one: Visit) -> str:
    """The state of 510050 on the page of risk."""
    for line in one.page.locator(".pane .stop").all():
        if line.locator("b").inner_text() == "510050":
            return str(line.locator("span").first.inner_text())
    return ""


def test_a_restraint_lowers_the_desk_and_a_release_takes_two(day: Day):
    """F01 restrains, the trader's screen shows the state; F01 asks to release, the head agrees,
    and only then it is open again (R-03).
    """
    one = cases(day)
    act(one, "[data-act='firm.restrain']", scope="510050", lower="REDUCING", text="演练限制")
    day.trader.open("risk")
    wait_for(lambda: standing(day.trader) == "只减", 60)
    wait_for(lambda: day.written("演练限制"))
    act(one, "[data-act='firm.release']", scope="510050", text="演练解除")
    wait_for(lambda: day.written("演练解除"))
    assert standing(day.trader) == "只减"
    ready(day.head, "daily")
    shows(day.head, "firm_proposals", "演练解除", 60)
    assert day.trader.page.query_selector("[data-act='firm.second']") is None
    act(day.head, "[data-testid=sheet-firm_proposals] [data-act='firm.second']")
    wait_for(lambda: standing(day.trader) == "正常", 60)


def test_a_notice_is_answered_by_the_desk_and_followed_by_the_firm(day: Day):
    """The breach lasts, the desk is told on its own page and answers; the firm sends it back, is
    answered again, follows up, and cannot close while the figure is over its limit (R-05).
    """
    one, desk = cases(day), day.trader
    ready(desk, "daily")
    shows(desk, "firm_cases", "510050", 180)
    noticed = wait_for(lambda: [row for row in rows(desk, "firm_cases") if "已提示" in row], 180)
    assert noticed and desk.page.query_selector("[data-act='firm.follow']") is None
    sheet = "[data-testid=sheet-firm_cases]"
    act(desk, f"{sheet} [data-act='firm.answer']", text="对冲中，十五分钟内恢复")
    wait_for(lambda: day.written("对冲中，十五分钟内恢复"))
    shows(one, "cases", "对冲中", 60)
    line = one.page.locator("[data-testid=sheet-cases] .grid-row", has_text="对冲中")
    for accepted, text in (("no", "请写明数量"), ("yes", "继续跟进")):
        act(one, "[data-testid=sheet-cases] [data-act='firm.follow']", accepted=accepted, text=text)
        wait_for(lambda said=text: day.written(said))
        if accepted == "no":
            shows(desk, "firm_cases", "已提示", 60)
            act(desk, f"{sheet} [data-act='firm.answer']", text="卖出二十张")
            shows(one, "cases", "卖出二十张", 60)
    assert line.count() >= 1
    shows(one, "cases", "继续跟进", 60)
    act(one, "[data-testid=sheet-cases] [data-act='firm.close']", text="结案")
    wait_for(lambda: day.written("the figure is still over its limit"))
    one.clean()
    desk.clean()


def test_the_systems_page_shows_the_processes_of_the_day(day: Day):
    """Processes that are up with their figures, the clocks, and the alarm that people are owed."""
    one = day.head
    ready(one, "health")
    for role in ("exchange", "gateway", "overseer", "maker", "watch"):
        shows(one, "processes", role)
    assert sum("运行" in row for row in rows(one, "processes")) >= 5
    wait_for(lambda: any("feed_offset_ms" in row for row in rows(one, "processes")))
    wait_for(lambda: rows(one, "alarms"))
    facts = one.page.inner_text(".office-bar")
    assert "校时" in facts and "距交易所时间" in facts
    info = json.loads((day.run / "run.json").read_text("utf-8"))
    shows(one, "versions", info["version"])
    one.clean()
