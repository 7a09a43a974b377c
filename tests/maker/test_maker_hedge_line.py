"""The maker's side of the line to the underlyings' market: gaps, repeats, orders kept back."""

from hedge_world import long_calls, opened, watch

from quanheng.maker.messages import Resync
from quanheng.runtime.envelope import NotSent
from quanheng.terms.codes import Alert, Side
from quanheng.terms.etf import ETF_SET, EtfAnswers, EtfDone, EtfFill


def test_answers_are_taken_once_and_in_order():
    """A stream that begins again brings nothing twice, a hole waits for its replay (I-12)."""
    world = opened()
    long_calls(world, 30)
    (sent,) = watch(world)
    order = sent.requests[0]
    amount = order.qty * order.price
    fill = EtfFill(order.client_id, "510050", order.side, order.price, order.qty, 0, 1, amount, 0)
    done = EtfDone(order.client_id, "", 0, 1)
    held = int(world.state.etf.units[0])
    signed = order.qty if order.side == Side.BUY else -order.qty
    effects = world.put(EtfAnswers([done], 2))
    assert order.client_id and world.state.etf.working and int(world.state.etf.units[0]) == held
    assert world.alerts(Alert.REPORT_GAP)[-1].args == (1, 2)
    (asked,) = [effect for effect in effects if isinstance(effect, Resync)]
    assert asked.next_index == {ETF_SET: 1}
    world.put(EtfAnswers([fill, done], 1))
    world.put(EtfAnswers([fill, done], 1))
    assert int(world.state.etf.units[0]) == held + signed
    assert not world.state.etf.working
    assert world.state.next_index[ETF_SET] == 3


def test_an_order_that_never_left_is_over():
    """What the gateway kept back is no open question: the class may be hedged again (P35)."""
    world = opened()
    long_calls(world, 30)
    (sent,) = watch(world)
    assert world.state.etf.working
    world.put(NotSent([sent.requests[0].client_id], "the hedge line is not connected"))
    assert not world.state.etf.working
    assert world.state.audit.unexpected == 0
