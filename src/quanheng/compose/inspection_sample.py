"""A sample firm for a first look at an inspection: every post held twice, papers signed (L-04).

    DIR/people.sqlite   the store, made through the same doors as a real one
        papers/         appendices 2 and 3, reviewed and signed, what people would write marked 示例
        drills/         the two drills of the firm's risk department, the switch of the order line

Nobody is invented: persons are named by their posts. Passwords and second factors are drawn and
thrown away, so nobody can sign in to the store.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec

from quanheng.compose.drill import DRILLS, LINE_SWITCH, RECORD, Drilled
from quanheng.compose.inspection_sample_papers import write_papers
from quanheng.compose.inspection_sample_people import Staffed
from quanheng.compose.run_folder import RunError, read_info
from quanheng.compose.settle_job import FOLDER, Job
from quanheng.compose.wall import clock
from quanheng.config import read_config
from quanheng.desk.people import papers as life
from quanheng.desk.people import registers, review
from quanheng.desk.people.access import Session
from quanheng.terms.days import day_of


class SampleFirm(msgspec.Struct, frozen=True):
    """Where the parts of the sample lie."""

    store: str
    papers: Path
    drills: Path


STORE = "people.sqlite"
_WHOLE = "whole"


def sample_firm(run: Path, out: Path, drills: Path | None = None) -> SampleFirm:
    """Make the sample of a run, or take the one that is there whole.

    Settles the run when nobody has, as far as its journal allows. RunError for a folder that
    holds something else, or a sample that was interrupted.
    """
    made = SampleFirm(str(out / STORE), out / "papers", drills or _drills_of(run, out))
    if not (out / _WHOLE).is_file():
        if out.exists() and any(out.iterdir()):
            raise RunError(f"{out}: is not empty and no whole sample; remove it and try again")
        out.mkdir(parents=True, exist_ok=True)
        _store(made, run)
        (out / _WHOLE).touch()
    for name, rehearse in _rehearsals().items():
        folder = made.drills / name
        if not (folder / RECORD).is_file():
            folder.mkdir(parents=True, exist_ok=True)
            rehearse(folder)
    if not (run / FOLDER).exists():
        _settle(run)
    return made


def _drills_of(run: Path, out: Path) -> Path:
    """The firm's own drills when it has them all, else the sample's."""
    own = run.parent / "drills"
    names = (*DRILLS, LINE_SWITCH)
    return own if all((own / name / RECORD).is_file() for name in names) else out / "drills"


def _rehearsals() -> dict[str, Callable[[Path], Drilled]]:
    """Every drill by its name; that of the line runs the processes of a live day."""
    from quanheng.compose.line_drill import line_switch  # their code is for it alone

    return {**DRILLS, LINE_SWITCH: line_switch}


def _settle(run: Path) -> None:
    """The day's end; a run that kept no whole journal stays unsettled, and the item says so."""
    try:
        Job(run).run()
    except RunError:
        return


def _store(made: SampleFirm, run: Path) -> None:
    """Persons, accounts, decisions, papers, a reviewed list of rights."""
    member, day = read_config().member, read_info(run).day
    with Staffed(made.store, member.account) as firm:
        risk, compliance = firm.login("risk"), firm.login("compliance")
        today = day_of(clock())
        number = registers.add(firm.store, risk, "account", {
            "account": member.account, "securities_account": "示例证券账户", "scope": "*",
            "reported": today, "unit": member.pbu,
        })  # fmt: skip
        registers.approve(firm.store, compliance, number)
        number = registers.add(firm.store, risk, "decision", {
            "subject": "strategy", "scope": "lean", "content": "示例：启用 lean 策略",
            "proposer": firm.holder("quant"), "since": today, "until": today + 10_000,
            "basis": "示例会议纪要",
        })  # fmt: skip
        registers.approve(firm.store, firm.login("decision"), number)
        head = firm.login("head")
        for path, digest in write_papers(firm.store, day, run, made.papers):
            _signed(firm, path.stem, digest, (risk, compliance, head))
        held = review.keep(firm.store, firm.admin, review.look(firm.store))
        review.sign(firm.store, compliance, held, "示例：已逐项核对，同意")


def _signed(
    firm: Staffed, name: str, digest: str, people: tuple[Session, Session, Session]
) -> None:
    """Draft, review and signature by three people."""
    stages = (life.DRAFT, life.REVIEWED, life.SIGNED)
    for stage, who in zip(stages, people, strict=True):
        life.enter(firm.store, who, name, stage, digest, 0, "示例")
