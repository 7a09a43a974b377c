"""The notebook's names: broadcasting, scalars, out, refusals, and the very bits of the kernels."""

import math
import subprocess
import sys

import numpy as np
import pytest

import quanheng.kernels as qk
from quanheng.kernels.desk import black, greeks, implied

STRIKES = np.array([2.8, 2.9, 3.0, 3.1])


def full(*values, n=4):
    return [
        np.ascontiguousarray(np.broadcast_to(value, (n,)), dtype=np.float64) for value in values
    ]


def test_floats_in_floats_out():
    """Scalars give a float; the kind may be a letter or a sign; rate and discount agree."""
    value = qk.price("C", 2.96, 3.0, 0.2, 0.1, 0.99)
    assert type(value) is float and value == black.price_one(1.0, 2.96, 3.0, 0.2, 0.1, 0.99)
    assert qk.price(1, 2.96, 3, 0.2, 0.1, 0.99) == value
    assert qk.price(np.float64(1.0), np.float64(2.96), np.array(3.0), 0.2, 0.1, 0.99) == value
    assert qk.price("P", 2.96, 3.0, 0.2, 0.1) == qk.price(-1, 2.96, 3.0, 0.2, 0.1, 1.0)
    by_rate = qk.price("C", 2.96, 3.0, 0.2, 0.1, rate=0.02)
    assert by_rate == qk.price("C", 2.96, 3.0, 0.2, 0.1, black.discount_factor(0.02, 0.1))
    all_nine = qk.greeks("C", 2.96, 3.0, 0.2, 0.1, 0.99)
    assert all(type(one) is float for one in all_nine) and all_nine.price == value
    assert qk.implied_vol("C", value, 2.96, 3.0, 0.1, 0.99) == pytest.approx(0.2, rel=1e-14)
    assert qk.implied_reason("C", value, 2.96, 3.0, 0.1, 0.99) == 0
    assert type(qk.implied_reason("C", value, 2.96, 3.0, 0.1)) is int


def test_arrays_broadcast_and_keep_the_bits_of_the_chain():
    """A (2, 1) kind with 4 strikes gives (2, 4), each row the kernel's own bits."""
    kinds = np.array([["C"], ["P"]])
    vol, tau = [0.2, 0.19, 0.18, 0.19], 0.1
    prices = qk.price(kinds, 2.96, STRIKES, vol, tau, 0.99)
    table = qk.greeks(kinds, 2.96, STRIKES, vol, tau, 0.99)
    vols = qk.implied_vol(kinds, prices, 2.96, STRIKES, tau, 0.99)
    codes = qk.implied_reason(kinds, prices, 2.96, STRIKES, tau, 0.99)
    assert prices.shape == table.gamma.shape == vols.shape == codes.shape == (2, 4)
    for row, sign in enumerate((1.0, -1.0)):
        columns = full(sign, 2.96, STRIKES, vol, tau, 0.99)
        nine, six, found = np.empty((9, 4)), np.empty((6, 4)), np.empty(4)
        greeks.greeks_chain(*columns, nine)
        black.price_chain(*columns, six)
        implied.implied_chain(columns[0], six[0].copy(), *full(2.96, STRIKES, tau, 0.99), found)
        assert prices[row].tobytes() == six[0].tobytes()
        assert np.array([one[row] for one in table]).tobytes() == nine.tobytes()
        assert vols[row].tobytes() == found.tobytes()
    assert codes.tolist() == [[0] * 4] * 2 and codes.dtype == np.int64
    rates = qk.price("C", 2.96, STRIKES, vol, [[0.1], [0.2]], rate=0.02)
    assert rates[1].tolist() == [
        qk.price("C", 2.96, k, v, 0.2, rate=0.02) for k, v in zip(STRIKES, vol, strict=True)
    ]


def test_lists_empty_arrays_strides_and_read_only_arrays_work():
    """Anything numpy calls an array of numbers; inputs are never written."""
    strikes = np.linspace(2.5, 3.5, 8)
    frozen = strikes[::2].copy()
    frozen.flags.writeable = False
    true = qk.price("C", 2.96, strikes[::2].copy(), 0.2, 0.1)
    assert qk.price("C", 2.96, strikes[::2], 0.2, 0.1).tobytes() == true.tobytes()
    assert qk.price("C", 2.96, frozen, 0.2, 0.1).tobytes() == true.tobytes()
    assert qk.price("C", 2.96, list(frozen), 0.2, 0.1).tobytes() == true.tobytes()
    grid = np.asfortranarray(strikes.reshape(2, 4))
    assert np.array_equal(
        qk.price("C", 2.96, grid, 0.2, 0.1).ravel(), qk.price("C", 2.96, strikes, 0.2, 0.1)
    )
    assert qk.price("C", 2.96, np.empty((0, 3)), 0.2, 0.1).shape == (0, 3)
    assert qk.greeks("C", 2.96, [], 0.2, 0.1).vega.shape == (0,)
    assert qk.price("C", 3, np.array([3]), 0.2, 1).dtype == np.float64
    column = np.array(["C", "P"], dtype=object)
    assert (
        qk.price(column, 3.0, 2.9, 0.2, 0.1).tolist()
        == qk.price([1, -1], 3.0, 2.9, 0.2, 0.1).tolist()
    )
    assert np.array_equal(strikes, np.linspace(2.5, 3.5, 8))


def test_out_is_filled_and_returned():
    """out= of the right shape, strided or aliasing an input, holds the result."""
    true = qk.price("P", 2.96, STRIKES, 0.2, 0.1)
    out = np.empty(4)
    assert qk.price("P", 2.96, STRIKES, 0.2, 0.1, out=out) is out and np.array_equal(out, true)
    wide = np.zeros(8)
    assert np.array_equal(qk.price("P", 2.96, STRIKES, 0.2, 0.1, out=wide[::2]), true)
    assert np.array_equal(wide[::2], true) and not wide[1::2].any()
    strikes = STRIKES.copy()
    assert np.array_equal(qk.price("P", 2.96, strikes, 0.2, 0.1, out=strikes), true)
    rows = np.empty((9, 4))
    named = qk.greeks("P", 2.96, STRIKES, 0.2, 0.1, out=rows)
    assert named.theta.base is rows and np.array_equal(rows[0], true)
    scalar = np.empty(())
    qk.price("P", 2.96, 3.0, 0.2, 0.1, out=scalar)
    assert scalar == true[2]


def test_desk_greeks_are_those_of_the_kernel():
    """Units broadcast; yuan per contract as desk_chain states them."""
    desk = qk.desk_greeks("C", 2.96, STRIKES, 0.2, 0.1, 0.99, unit=[10_000, 10_000, 10_265, 10_265])
    table, columns = np.empty((9, 4)), full(1.0, 2.96, STRIKES, 0.2, 0.1, 0.99)
    greeks.greeks_chain(*columns, table)
    units = np.array([1e4, 1e4, 10_265.0, 10_265.0])
    greeks.desk_chain(table, columns[1], units, table)
    assert np.array(desk).tobytes() == table.tobytes()
    single = qk.desk_greeks("C", 2.96, 2.8, 0.2, 0.1, 0.99, unit=10_000)
    assert list(single) == table[:, 0].tolist()
    out = np.empty((9, 4))
    assert np.array_equal(
        qk.desk_greeks("C", 2.96, STRIKES, 0.2, 0.1, unit=1, out=out).delta, out[1]
    )


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (ValueError, lambda: qk.price("X", 3.0, 3.0, 0.2, 0.1)),
        (ValueError, lambda: qk.price(0, 3.0, 3.0, 0.2, 0.1)),
        (ValueError, lambda: qk.price(["C", "call"], 3.0, 3.0, 0.2, 0.1)),
        (ValueError, lambda: qk.price([1, 2], 3.0, 3.0, 0.2, 0.1)),
        (ValueError, lambda: qk.price(math.nan, 3.0, 3.0, 0.2, 0.1)),
        (TypeError, lambda: qk.price(None, 3.0, 3.0, 0.2, 0.1)),
        (TypeError, lambda: qk.price([None, "C"], 3.0, 3.0, 0.2, 0.1)),
        (TypeError, lambda: qk.price("C", "3.0", 3.0, 0.2, 0.1)),
        (TypeError, lambda: qk.price("C", 3.0, None, 0.2, 0.1)),
        (TypeError, lambda: qk.price("C", 3.0, 3.0, True, 0.1)),
        (TypeError, lambda: qk.price("C", 3.0, 3.0, 0.2, 1j)),
        (TypeError, lambda: qk.price("C", 3.0, 3.0, 0.2, 0.1, 0.99, rate=0.01)),
        (ValueError, lambda: qk.price("C", [3.0, 3.0], [1.0, 2.0, 3.0], 0.2, 0.1)),
        (ValueError, lambda: qk.price("C", 3.0, STRIKES, 0.2, 0.1, out=np.empty(3))),
        (ValueError, lambda: qk.greeks("C", 3.0, STRIKES, 0.2, 0.1, out=np.empty((6, 4)))),
        (TypeError, lambda: qk.price("C", 3.0, STRIKES, 0.2, 0.1, out=[0.0] * 4)),
        (TypeError, lambda: qk.price("C", 3.0, STRIKES, 0.2, 0.1, out=np.empty(4, np.float32))),
        (ValueError, lambda: qk.reason_words(99)),
        (ValueError, lambda: qk.reason_words(-1)),
        (AttributeError, lambda: qk.nothing),
    ],
)
def test_wrong_arguments_are_refused(error, call):
    """Unknown kinds, shapes, types and names raise what Python users expect."""
    with pytest.raises(error, match=r"\w"):
        call()


def test_a_read_only_out_is_refused():
    """out= must be writable."""
    out = np.empty(4)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="writable"):
        qk.price("C", 3.0, STRIKES, 0.2, 0.1, out=out)


def test_bad_values_are_nan_with_words():
    """A bad value is an answer, not an exception: NaN, a code, a sentence."""
    assert math.isnan(qk.price("C", -3.0, 3.0, 0.2, 0.1))
    vols = qk.implied_vol("C", [0.1, -0.1, math.nan, 5.0], 3.0, 3.0, 0.1)
    assert np.isnan(vols).tolist() == [False, True, True, True]
    codes = qk.implied_reason("C", [0.1, -0.1, math.nan, 5.0], 3.0, 3.0, 0.1)
    assert [qk.reason_words(code).split()[0] for code in codes] == ["solved", "the", "an", "the"]


def test_importing_one_kernel_loads_no_other():
    """Machines that import a kernel of one room do not pay for the notebook's names."""
    code = (
        "import sys; import quanheng.kernels.pack; import quanheng.kernels as qk;"
        "print('quanheng.kernels.desk' in sys.modules, 'quanheng.kernels.api' in sys.modules);"
        "print('price' in dir(qk)); qk.price; print('quanheng.kernels.api' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "True", "True"]
