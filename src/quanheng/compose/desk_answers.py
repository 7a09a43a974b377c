"""The people of a simulated desk answer its monitors: they acknowledge alerts and, where the
scenario says so, confirm risk prompts (I-42, `scenarios.Habits`).
"""

from quanheng.compose.scenarios import Scenario, clock
from quanheng.runtime.envelope import RaiseAlert, Source
from quanheng.runtime.sim import Simulation
from quanheng.terms.codes import Alert
from quanheng.terms.commands import Acknowledge, Confirm
from quanheng.terms.days import day_nanos
from quanheng.terms.units import SECOND, Nanos

_TRADER, _RISK = "trader", "risk"


class DeskAnswers:
    """A sink for the maker's alerts that posts what people answer."""

    def __init__(self, simulation: Simulation, scenario: Scenario) -> None:
        self._simulation, self._scenario = simulation, scenario
        self._due: dict[int, Nanos] = {}

    def hear(self, effect: RaiseAlert, at: Nanos, cause: int) -> None:
        """Take one alert; only those of monitors and prompts are answered."""
        habits, args = self._scenario.habits, effect.args
        if effect.code in (Alert.MONITOR_RAISED, Alert.MONITOR_ESCALATED) and habits.acknowledge_s:
            post = str(args[6 if effect.code == Alert.MONITOR_RAISED else 3])
            by = self._present(post, at) or self._present(_TRADER, at)
            number, later = int(args[1]), at + habits.acknowledge_s * SECOND
            # One answer is enough for an alert that rises before it was given.
            if by and self._due.get(number, at) <= at:
                self._due[number] = later
                answer = Acknowledge(number, by)
                self._simulation.post("maker", answer, later, Source.DESK, cause)
        elif effect.code == Alert.PROMPT_PROPOSED and habits.confirm_s:
            opens = bool(args[4])
            by, second = self._present(_TRADER, at), self._present(_RISK, at) if opens else ""
            if by and (second or not opens):
                confirmed = Confirm(int(args[1]), True, opens, by, second)
                later = at + habits.confirm_s * SECOND
                self._simulation.post("maker", confirmed, later, Source.DESK, cause)

    def _present(self, post: str, at: Nanos) -> str:
        """Who is on a post at an instant, "" when nobody is."""
        scenario, now = self._scenario, day_nanos(at)
        return next(
            (
                one.main
                for one in scenario.roster
                if one.post == post
                and clock(scenario.name, one.start) <= now < clock(scenario.name, one.stop)
            ),
            "",
        )
