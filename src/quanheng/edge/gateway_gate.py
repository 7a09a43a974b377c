"""The gateway's own re-check of what an engine sends: letter, pulls, repeated ids, flow."""

from quanheng.edge.gateway_parts import Flow, SeenIds, Who
from quanheng.edge.gateway_pull import GatewayPlan, Puller
from quanheng.terms.business import (
    BusinessCancel,
    CombinationRequest,
    ExerciseRequest,
    LockRequest,
    MarginInquiry,
    MergedExercise,
)
from quanheng.terms.orders import AnyRequest, NewOrder, OrderCancel, Quote, QuoteCancel, Send
from quanheng.terms.units import Nanos

NEVER_BARRED = (OrderCancel, QuoteCancel, BusinessCancel, MarginInquiry)
"""What takes away and what only asks passes whatever was pulled."""


def securities(request: AnyRequest) -> tuple[str, ...]:
    """Contracts or the underlying that a request is about, for the scopes of a pull."""
    match request:
        case Quote() | NewOrder() | ExerciseRequest():
            return (request.contract,)
        case LockRequest():
            return (request.underlying,)
        case MergedExercise() | CombinationRequest():
            return tuple(leg.contract for leg in request.legs)
        case _:
            return ()


class Gate:
    """Sorts requests into those that pass and those that do not, with the reason.

    `business` is an instant on the clock by which the exchange counts its flow.
    """

    def __init__(self, plan: GatewayPlan, puller: Puller, business: Nanos) -> None:
        self.flow = Flow(plan.messages_per_second, business, plan.pairs)
        self._plan = plan
        self._puller = puller
        self._ids = SeenIds()
        self._low = False

    def sort(
        self, send: Send, leaving: bool, business: Nanos
    ) -> tuple[list[AnyRequest], dict[str, list[str]]]:
        """(requests that pass, client ids that do not by reason)."""
        passed: list[AnyRequest] = []
        refused: dict[str, list[str]] = {}
        who = (send.stamp.trader, send.stamp.strategy)
        for request in send.requests:
            problem = self._problem(request, who, leaving, business)
            if problem:
                refused.setdefault(problem, []).append(request.client_id)
            else:
                passed.append(request)
        return passed, refused

    def low(self, business: Nanos) -> int:
        """Tokens left for quotes when they have just fallen below the soft limit, else 0."""
        low = self.flow.is_low(business)
        news = low and not self._low
        self._low = low
        return max(self.flow.quotes.left(business), 1) if news else 0

    def _problem(self, request: AnyRequest, who: Who, leaving: bool, business: Nanos) -> str:
        name = request.client_id
        if name[:1] != self._plan.engine_letter:
            return f"client id {name} does not begin with {self._plan.engine_letter}"
        if not isinstance(request, NEVER_BARRED):
            for security in securities(request):
                by = self._puller.killer(security, who)
                if by:
                    self._puller.barred(security, who)
                    return f"pulled by {by}"
            if leaving:
                return "the engine said it leaves"
        problem = self._ids.add(name)
        if not problem and not self.flow.allow(request, business):
            problem = f"over {self._plan.messages_per_second} messages a second"
        return problem
