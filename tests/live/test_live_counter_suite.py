"""The gateway's own tests again, with a broker's counter behind the port in place of TDGW: fence,
dead-man, pull, take-over, restart do not know what carries their orders (scope 10, I-20, T-01).
"""

from collections.abc import Callable

import pytest
import test_live_gateway as suite
import test_live_kill as kill
from counter_rig import CounterRig

SAME: tuple[Callable[[], None], ...] = (
    suite.test_synchronised_engine_trades,
    suite.test_lower_epoch_is_fenced_and_highest_is_kept_first,
    suite.test_silent_engine_is_withdrawn_within_half_a_second,
    suite.test_beating_engine_is_left_alone,
    suite.test_pull_works_without_an_engine_and_bars_only_its_scope,
    suite.test_a_new_leader_hears_of_pulls,
    suite.test_refused_cancels_are_asked_again,
    suite.test_bye_leaves_nothing_open,
    suite.test_restarted_gateway_knows_what_rests_and_pulls_it,
    suite.test_ids_of_others_and_repeated_ids_do_not_pass,
)


@pytest.mark.parametrize("test", SAME, ids=lambda test: test.__name__.removeprefix("test_"))
def test_live_counter_is_a_port_like_the_others(
    test: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What holds over TDGW holds over a counter."""
    monkeypatch.setattr(suite, "Rig", CounterRig)
    monkeypatch.setattr(kill, "Rig", CounterRig)
    test()
