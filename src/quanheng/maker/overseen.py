"""What the desk does without the firm's overseer (reliability.md 2.6, fault F67; R-01).

The engine's process counts the beats; the machine only hears what that means. A late overseer lets
nothing through that adds risk, until it is back. A lost one halts the desk by a trip, which stands
until two people end it, whether the overseer is back or not.
"""

from quanheng.maker.commands import plan_scope
from quanheng.maker.feed import refresh_states
from quanheng.maker.guards import trip
from quanheng.maker.messages import Effects, MakerOpen
from quanheng.maker.state import State
from quanheng.maker.states import OVERSEEN_CAP
from quanheng.runtime.envelope import OverseerSeen, RaiseAlert
from quanheng.terms.codes import Alert, Overseen, TradingState
from quanheng.terms.units import Nanos

BY = "overseer"
"""Who changed the state, in the alert, and the reason of the trip."""
SCOPE = "*"


def overseer_seen(
    state: State, opened: MakerOpen, body: OverseerSeen, at: Nanos, effects: Effects
) -> None:
    """Take a change; the same state twice is no change."""
    scopes = state.scopes
    if body.state == scopes.overseen:
        return
    scopes.overseen = body.state
    refresh_states(state, opened)
    args = (int(OVERSEEN_CAP[body.state]), BY, body.state.name)
    effects.append(RaiseAlert(Alert.STATE_CHANGED, SCOPE, args))
    if body.state == Overseen.LOST:
        trip(state, opened, BY, SCOPE, TradingState.HALTED, (), effects)
    plan_scope(state, opened, SCOPE, at, effects)
