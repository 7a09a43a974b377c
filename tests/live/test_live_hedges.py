"""The gateway's hedge line: fence, pulls, answers that survive lost lines and engines."""

from quanheng.edge.gateway_etf import HedgeLine
from quanheng.runtime.envelope import NotSent
from quanheng.terms.codes import Side
from quanheng.terms.days import midnight
from quanheng.terms.etf import EtfAnswer, EtfAnswers, EtfDone, EtfOrder, EtfRequest, EtfSend
from quanheng.terms.orders import Stamp
from quanheng.terms.units import HOUR
from quanheng.wire.auction_session import AuctionServer, ReportStream
from quanheng.wire.profile import Profile

DAY = 20240627
AT = midnight(DAY) + 10 * HOUR
PROFILE = Profile("A123456789", "12345")
STAMP = Stamp("T01", "hedge", "1", 1, 1)


def order(number: int, underlying: str = "510050") -> EtfOrder:
    return EtfOrder(f"M{number:09d}", underlying, Side.BUY, 24_560, 500, True)


class Rig:
    """A hedge line and the exchange's side, whose reports stay while connections come and go."""

    def __init__(self) -> None:
        self.stream = ReportStream()
        self.line = HedgeLine("QH", PROFILE, DAY)
        self.heard: list[EtfRequest] = []
        self.connect()

    def connect(self) -> None:
        self.server = AuctionServer(PROFILE, self.stream, DAY, 0)
        self.line.connected(0)
        self.turn()

    def turn(self) -> None:
        for _ in range(3):
            self.heard += self.server.receive(self.line.out_wire(), 0)
            self.line.from_wire(self.server.output(), 0)

    def send(self, *orders: EtfRequest, fenced: str = "", pulled: str = "") -> None:
        def killer(underlying: str) -> str:
            return "R01" if underlying == pulled else ""

        self.line.send(EtfSend(1, STAMP, [*orders]), fenced, killer, AT, 0)
        self.turn()

    def report(self, *answers: EtfAnswer) -> None:
        self.stream.answers += answers
        self.server.deliver(0)
        self.turn()

    def told(self) -> list[EtfAnswers]:
        return [one for one in self.line.out_engine() if isinstance(one, EtfAnswers)]

    def not_sent(self) -> list[tuple[list[str], str]]:
        out = self.line.out_engine()
        return [(one.client_ids, one.why) for one in out if isinstance(one, NotSent)]


def done(number: int) -> EtfDone:
    return EtfDone(f"M{number:09d}", "", 0, AT)


def test_an_order_passes_and_its_answer_comes_back() -> None:
    rig = Rig()
    rig.line.sync(1, 0)
    rig.send(order(1))
    assert rig.heard == [order(1)]
    rig.report(done(1))
    assert rig.told() == [EtfAnswers([done(1)], 1)]


def test_the_fence_and_a_pull_let_nothing_out() -> None:
    """What does not pass is proof for the engine; orders of other classes go on."""
    rig = Rig()
    rig.send(order(1), order(2), fenced="epoch 1 is not 2")
    assert rig.not_sent() == [
        (["M000000001"], "epoch 1 is not 2"),
        (["M000000002"], "epoch 1 is not 2"),
    ]
    rig.send(order(3), order(4, "510300"), pulled="510050")
    assert rig.not_sent() == [(["M000000003"], "pulled by R01")]
    assert rig.heard == [order(4, "510300")]


def test_a_dead_line_refuses_and_brings_what_it_missed() -> None:
    """Nothing is sent on a line that is down; answers given meanwhile come with the next one."""
    rig = Rig()
    rig.line.sync(1, 0)
    rig.send(order(1))
    rig.report(done(1))
    assert len(rig.told()) == 1
    rig.line.disconnected(0, "cut")
    rig.stream.answers.append(done(2))
    rig.send(order(3))
    assert rig.not_sent() == [(["M000000003"], "the hedge line is not connected")]
    rig.connect()
    assert rig.told() == [EtfAnswers([done(2)], 2)]


def test_a_new_engine_gets_what_the_old_one_did_not_take() -> None:
    """Until it says from where on, it is told nothing."""
    rig = Rig()
    rig.line.sync(1, 0)
    rig.report(done(1))
    rig.told()
    rig.line.new_leader()
    rig.report(done(2))
    assert rig.told() == []
    rig.line.sync(1, 0)
    rig.turn()
    assert rig.told() == [EtfAnswers([done(1), done(2)], 1)]
    rig.report(done(3))
    assert rig.told() == [EtfAnswers([done(3)], 3)]
