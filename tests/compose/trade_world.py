"""A day on which a desk trades by hand: the authority in front of the maker, one step at a time."""

from pathlib import Path
from typing import Any

from quanheng.authority.authority import Authority
from quanheng.authority.messages import Issue, Propose, Second
from quanheng.books.combinations import tied
from quanheng.compose.closing import DayResult, finish
from quanheng.compose.day import DayPlan, World
from quanheng.compose.people import opening, read_people
from quanheng.compose.run_folder import write_info
from quanheng.compose.scenarios import load
from quanheng.compose.settle_job import Job
from quanheng.config import Config
from quanheng.exchange import layout as lay
from quanheng.maker import columns as c
from quanheng.maker.guard_state import G_LOCKED
from quanheng.maker.inventory import totals_now
from quanheng.runtime.envelope import Envelope, Source
from quanheng.settlement import carry
from quanheng.terms.business import ExerciseRequest, MergedExercise
from quanheng.terms.commands import Command, SignOn
from quanheng.terms.days import from_clock
from quanheng.terms.orders import Report, Send
from quanheng.terms.units import SECOND

TRADER, RISK = "T01", "R01"


class Office:
    """The authority with the shipped people; what it issues goes to the maker."""

    def __init__(self, day: int) -> None:
        self.machine = Authority()
        self.number = self.seq = 0
        self._say(opening(read_people(None), day))
        for person, post in ((TRADER, "trader"), (RISK, "risk")):
            assert self.issue(SignOn(post, person, True), person)

    def _say(self, body: Any) -> list[Any]:
        self.seq += 1
        return list(self.machine.apply(Envelope(self.seq, 0, Source.DESK, 0, body)))

    def issue(self, command: Command, by: str = TRADER, second: str = "") -> Command | None:
        """The command as issued, None while it waits for a second person."""
        self.number += 1
        said = self._say(Propose(self.number, "maker", command, by))
        if second:
            assert not any(isinstance(one, Issue) for one in said), "it needed nobody else"
            said = self._say(Second(self.number, second))
        return next((one.command for one in said if isinstance(one, Issue)), None)


class TradingDay:
    """A world that runs step by step, with maker and venue compared after each."""

    def __init__(self, carried: carry.Carry, config: Config, **plan: Any) -> None:
        given = {"scenario": load("calm"), "config": config, "seed": 3, "day": carried.day}
        given |= {"cadence": 3 * SECOND, "pick": "12", "journal": "digest", "opening": carried}
        self.world = World(DayPlan(**(given | {"until": "09:45"} | plan)))
        self.office = Office(carried.day)
        self.sends: list[Send] = []
        self.world.simulation.sink("maker", [Send], lambda send, at, cause: self.sends.append(send))
        self.now = from_clock("09:30:05")
        self.run(0)

    @property
    def maker(self) -> Any:
        return self.world.maker.state

    @property
    def venue(self) -> Any:
        return self.world.venue.state

    def run(self, seconds: int = 2) -> None:
        self.now += seconds * SECOND
        self.world.simulation.run(self.world.midnight + self.now)

    def act(self, command: Command, by: str = TRADER, second: str = "") -> list[Any]:
        """A command through the authority, and what the exchange reported until it was quiet."""
        issued = self.office.issue(command, by, second)
        assert issued is not None
        before = self.reports()
        self.world.simulation.post("maker", issued, self.world.midnight + self.now, Source.DESK)
        self.run()
        self.agree()
        return [report.body for report in self.reports()[len(before) :]]

    def end(self) -> DayResult:
        """Run to the end, compare once more, clear."""
        self.world.run()
        self.agree()
        return finish(self.world, 0.0)

    def settled(self, run: Path) -> Job:
        """The finished day settled from its files."""
        write_info(run, self.world.info("ended"))
        job = Job(run)
        job.run()
        return job

    def reports(self) -> list[Report]:
        """What was reported, in order of time."""
        rows = [report for part in self.world.line.stored() for report in part]
        return sorted(rows, key=lambda report: report.body.at)

    def agree(self) -> None:
        """Every position and everything frozen, on both sides."""
        maker, venue, book = self.maker, self.venue, self.maker.book
        acct, desk, risk = venue.acct[0], venue.desks[0], venue.risk[0]
        assert (book.long_qty == acct[lay.LONG]).all()
        assert (book.short_qty == acct[lay.SHORT]).all()
        assert (book.covered_qty == acct[lay.COVERED]).all()
        locked = maker.guards.standing[:, G_LOCKED]
        assert locked.tolist() == risk[:, lay.R_LOCKED].tolist()
        mine, theirs = maker.business.held, desk.combinations
        assert {n: (h.strategy, h.slots, h.units) for n, h in mine.items()} == {
            n: (h.strategy, h.slots, h.units) for n, h in theirs.items()
        }
        long, short = tied(book.long_qty.size, theirs)
        for claim in desk.claims.values():
            for slot in (claim.slot, claim.put):
                long[slot] += claim.qty * (slot >= 0)
        assert maker.desk[:, c.D_TIED_LONG].tolist() == long.tolist()
        assert maker.desk[:, c.D_TIED_SHORT].tolist() == short.tolist()
        standing = [
            one.request.client_id
            for one in maker.business.working.values()
            if isinstance(one.request, ExerciseRequest | MergedExercise)
        ]
        assert sorted(standing) == sorted(desk.claims)

    def free(self) -> int:
        """Money the maker counts as free in the worst case."""
        totals = totals_now(self.maker, self.maker.opened, 0, self.world.midnight + self.now)
        return -int(totals[c.S_FUNDS])
