"""Reports that come late to an inquiry: found by the small worlds."""

from inquiry_world import SLOT, asked, both, live, stage, start
from maker_world import cancel_ack

from quanheng.maker.inquiry_life import Stage
from quanheng.terms.commands import Pull
from quanheng.terms.market import Inquiry
from quanheng.terms.units import SECOND


def test_an_answer_that_was_gone_before_the_question_is_none():
    """A late report says that the quote had been withdrawn when the inquiry came: it waits again,
    and nothing moves against the table (seed 2013 of the small worlds).
    """
    world = start()
    world.run(2)
    assert both(world)
    code = world.chain.contracts[SLOT].code
    world.put(Inquiry("RQ1", code, 0, 0, world.at, world.at + 30 * SECOND))
    assert stage(world) == Stage.ANSWERED
    world.answer = False
    found = world.cancels(world.put(Pull(code, "q01")))
    (request,) = [one for one in found if one.contract == code]
    world.resting.clear()
    world.report(cancel_ack(request, asked(world).arrived))
    assert stage(world) == Stage.WAITING
    live(world, 40)
    assert stage(world) == Stage.MISSED
    assert world.state.inquiries.forbidden == 0 and asked(world).breaks == 0
