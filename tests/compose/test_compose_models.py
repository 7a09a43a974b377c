"""Test records of models: what they say, and that a broken model fails (I-08 to I-10, R-05)."""

import math
import sys

import msgspec
import numpy as np
import pytest

from quanheng.compose import model_checks, model_checks_trees, model_sources
from quanheng.compose.model_record import FAILED, NOT_RUN, PASSED, TestRecord, render
from quanheng.edge import quantlib_bridge
from quanheng.kernels.desk import black
from quanheng.kernels.independent import tree


@pytest.fixture(scope="module")
def records():
    return model_checks.record_black(), model_checks_trees.record_trees()


def outcomes(record):
    return {check.name: check.outcome for check in record.checks}


def test_both_models_pass_their_batteries(records):
    """Every check of black76 and of the trees passes here, QuantLib included if installed."""
    for record in records:
        assert record.passed, [check for check in record.checks if check.outcome == FAILED]
        names = [check.name for check in record.checks]
        assert len(set(names)) == len(names) >= 7
        for check in record.checks:
            assert check.outcome == NOT_RUN or (check.cases >= 10 and check.worst <= check.allowed)


def test_the_same_sources_give_the_same_record(records):
    """No chance and no clock: run again, every figure is the same; it survives JSON."""
    assert model_checks_trees.record_trees() == records[1]
    for record in records:
        text = msgspec.json.encode(record)
        assert msgspec.json.decode(text, type=TestRecord) == record


def test_the_record_is_readable_in_both_languages(records):
    """Markdown with a row per check, Chinese first, and the hash of the sources."""
    for record in records:
        text = render(record)
        assert text.startswith("# 模型测试记录 / Model test record")
        assert text.count("\n| ") >= len(record.checks) + 7
        assert record.source_hash in text and "通过 / passed" in text
        assert all(check.title_zh in text and check.title_en in text for check in record.checks)
        assert set(record.libraries) >= {"Python", "numpy", "numba", "llvmlite"}


def test_the_hash_follows_names_contents_and_order():
    """Another file or another order is another model."""
    one, two = "kernels/desk/black.py", "kernels/independent/tree.py"
    found = {model_sources.source_hash(files) for files in ((one,), (two,), (one, two), (two, one))}
    assert len(found) == 4
    assert all(len(text) == 64 for text in found)


@pytest.mark.parametrize(
    ("break_it", "caught"),
    [
        (
            lambda out: out[black.PRICE].__iadd__(1e-5),
            {"parity": PASSED, "tree-leisen-reimer": FAILED},
        ),
        (lambda out: out[black.PRICE, ::7].__iadd__(1e-9), {"parity": FAILED}),
        (lambda out: out[black.VEGA].__imul__(1.05), {"greeks-bumped": FAILED}),
        (lambda out: out[black.PRICE, 5:6].fill(math.nan), {"bounds": FAILED, "tree-crr": FAILED}),
        (lambda out: np.nan_to_num(out, copy=False), {"refusals": FAILED}),
    ],
)
def test_a_broken_model_fails(monkeypatch, break_it, caught):
    """Small errors put into the model's outputs are found by the checks they should break."""
    whole = black.price_chain

    def broken(*args):
        whole(*args)
        break_it(args[-1])

    monkeypatch.setattr(black, "price_chain", broken)
    monkeypatch.setattr(model_checks, "VOLS", (0.1, 0.3))
    monkeypatch.setattr(model_checks, "TAUS", (1 / 243, 0.1, 0.5))
    record = model_checks.record_black()
    assert not record.passed
    assert outcomes(record).items() >= caught.items()
    assert "不通过 / failed" in render(record)


def test_a_broken_tree_fails(monkeypatch):
    """An early exercise that never happens is found by the rights of the American option."""
    whole = tree.option_price
    monkeypatch.setattr(tree, "option_price", lambda *args: whole(*args[:-1], False))
    found = outcomes(model_checks_trees.record_trees())
    assert found["rights-crr"] == found["rights-leisen-reimer"] == FAILED


@pytest.fixture
def without_quantlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "QuantLib", None)
    quantlib_bridge._quantlib.cache_clear()
    yield
    quantlib_bridge._quantlib.cache_clear()


def test_without_quantlib_the_comparison_is_not_run(without_quantlib, monkeypatch):
    """Its checks are listed as not run, the others decide; a call names the missing extra."""
    monkeypatch.setattr(model_checks, "VOLS", (0.3,))
    monkeypatch.setattr(model_checks_trees, "VOLS", (0.25,))
    for record in (model_checks.record_black(), model_checks_trees.record_trees()):
        assert record.passed
        found = [check for check in record.checks if check.name.startswith("quantlib-")]
        assert found and all(check.outcome == NOT_RUN and check.cases == 0 for check in found)
        assert "未运行 / not run" in render(record)
    assert quantlib_bridge.version() is None
    with pytest.raises(quantlib_bridge.QuantLibMissingError, match=r"quanheng\[quantlib\]"):
        quantlib_bridge.european_price(1.0, 3.0, 3.0, 0.2, 0.1, 1.0)


def test_nothing_run_is_not_passed(records):
    """A record without a check that ran does not pass."""
    empty = msgspec.structs.replace(records[0], checks=())
    assert not empty.passed


def test_quantlib_agrees_where_it_answers():
    """Prices, implied vols and SVI parameters come back; what has no answer is NaN or refused."""
    pytest.importorskip("QuantLib")
    price = quantlib_bridge.european_price(1.0, 3.0, 3.2, 0.23, 0.2, 0.99)
    assert quantlib_bridge.implied_vol(1.0, price, 3.0, 3.2, 0.2, 0.99) == pytest.approx(0.23)
    assert math.isnan(quantlib_bridge.implied_vol(1.0, 5.0, 3.0, 3.2, 0.2, 0.99))
    with pytest.raises(ValueError, match="sign"):
        quantlib_bridge.european_price(0.0, 3.0, 3.2, 0.23, 0.2, 0.99)
    a, b, rho, m, sigma = 0.004, 0.03, -0.3, 0.01, 0.1
    k = np.linspace(-0.3, 0.3, 13)
    w = a + b * (rho * (k - m) + np.sqrt((k - m) ** 2 + sigma**2))
    strikes, vols = (3.0 * np.exp(k)).tolist(), np.sqrt(w / 0.2).tolist()
    smile = quantlib_bridge.svi_fit(3.0, 73, strikes, vols)
    assert smile[:5] == pytest.approx((a, b, rho, m, sigma), rel=1e-6)
    assert smile.rms < 1e-9


def test_quantlib_tree_is_not_the_judge():
    """QuantLib's own tree is off its boundary method by more than ours is."""
    pytest.importorskip("QuantLib")
    worst = {"theirs": 0.0, "ours": 0.0}
    for days in (33, 77, 155, 250):
        args = (-1.0, 3.0, 3.1, 0.3, 0.03, 0.01, days)
        true = quantlib_bridge.american_price(*args)
        ours = model_checks_trees.Option(*args).price(tree.LEISEN_REIMER, True)
        theirs = quantlib_bridge.american_tree_price(*args, 501)
        worst["ours"] = max(worst["ours"], abs(ours - true))
        worst["theirs"] = max(worst["theirs"], abs(theirs - true))
    assert worst["ours"] < 5e-5 < worst["theirs"] * 10
