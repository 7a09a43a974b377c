"""exp, log and the normal distribution as branch-free kernels with our own coefficients.

Coefficients come from tools/derive_elementary.py. Every multiply-add that matters is an explicit
fma, nothing may be contracted or reassociated, so bits do not depend on the CPU or on the width of
the vectors LLVM chooses. Arguments and results are plain doubles; NaN in gives NaN out.
"""

from quanheng.kernels.jit import inlined
from quanheng.kernels.math.bits import bits_of, float_of, fused

INV_ROOT_TWO_PI = 0.3989422804014327
ROOT_TWO_PI = 2.5066282746310007
_LOG2_E = 1.4426950408889634
_LN2_HIGH = 0.6931471803691238
_LN2_LOW = 1.9082149292705877e-10
# Adding 1.5 * 2^52 rounds to an integer and leaves it in the low bits.
_ROUND = 6755399441055744.0
_ROUND_BITS = 0x4338000000000000
# Offset of the bits of sqrt(1/2): the mantissa of log's argument falls in [sqrt(1/2), sqrt(2)).
_HALF_ROOT_BITS = 0x3FE6A09E667F3BCD
_SMALLEST_NORMAL = 2.2250738585072014e-308
_TWO_54 = 18014398509481984.0
_INFINITY = float("inf")
_NAN = float("nan")
# Beyond this the density is zero in double precision and the Mills polynomial ends.
_FAR = 60.0

# (exp(r) - 1 - r) / r^2 for |r| <= ln(2)/2.
_EXP_0 = 0.5
_EXP_1 = 0.1666666666666667
_EXP_2 = 0.04166666666666667
_EXP_3 = 0.008333333333326141
_EXP_4 = 0.0013888888888883752
_EXP_5 = 0.00019841269874800493
_EXP_6 = 2.4801587325533363e-05
_EXP_7 = 2.755725542574618e-06
_EXP_8 = 2.755727366134845e-07
_EXP_9 = 2.5105206374063314e-08
_EXP_10 = 2.0914679376659845e-09

# (2 atanh(s) - 2 s) / s^3 in z = s^2, for |s| <= (sqrt(2) - 1)/(sqrt(2) + 1).
_LOG_0 = 0.6666666666666666
_LOG_1 = 0.4000000000000088
_LOG_2 = 0.28571428570803614
_LOG_3 = 0.2222222239171392
_LOG_4 = 0.18181795640132814
_LOG_5 = 0.15386239702819687
_LOG_6 = 0.1326877313852219
_LOG_7 = 0.13086626149248715

# (z + 1) * (1 - Phi(z)) / phi(z) in t = (z - 5)/(z + 5), for 0 <= z <= 60.
_MILLS_0 = 1.1568486282918946
_MILLS_1 = -0.22948753825211257
_MILLS_2 = 0.07778159886874683
_MILLS_3 = 0.025072179301580958
_MILLS_4 = -0.06617760077958822
_MILLS_5 = 0.061505045841834576
_MILLS_6 = -0.038026592175467416
_MILLS_7 = 0.01634823126011477
_MILLS_8 = -0.004201290441926302
_MILLS_9 = 1.9530778224923977e-05
_MILLS_10 = 0.00045704464132207946
_MILLS_11 = -0.0001343748008627825
_MILLS_12 = -2.4808697451469832e-05
_MILLS_13 = 2.2710649115338443e-05
_MILLS_14 = -1.6899602925870778e-07
_MILLS_15 = -3.2779483230727094e-06
_MILLS_16 = 3.084180483122582e-07
_MILLS_17 = 4.905461863927154e-07
_MILLS_18 = -5.3418614498768766e-08
_MILLS_19 = -7.403756154983169e-08
_MILLS_20 = 1.830195995209695e-09
_MILLS_21 = 8.00911193637318e-09
_MILLS_22 = 1.1216785401092016e-09


@inlined
def fma(a: float, b: float, c: float) -> float:
    """a*b + c with one rounding."""
    return float(fused(a, b, c))


@inlined
def exp(x: float) -> float:
    """e^x, within 1 eps; 0 below -745.2, infinity above 709.8."""
    x = x if not (x > 710.0) else 710.0
    x = x if not (x < -746.0) else -746.0
    shifted = fused(x, _LOG2_E, _ROUND)
    turns = shifted - _ROUND
    r = fused(-turns, _LN2_HIGH, x)
    low = -turns * _LN2_LOW
    r = r + low
    p = fused(_EXP_10, r, _EXP_9)
    p = fused(p, r, _EXP_8)
    p = fused(p, r, _EXP_7)
    p = fused(p, r, _EXP_6)
    p = fused(p, r, _EXP_5)
    p = fused(p, r, _EXP_4)
    p = fused(p, r, _EXP_3)
    p = fused(p, r, _EXP_2)
    p = fused(p, r, _EXP_1)
    p = fused(p, r, _EXP_0)
    value = 1.0 + fused(r * r, p, r)
    power = bits_of(shifted) - _ROUND_BITS
    half = power >> 1
    # Two factors, so that results near the ends of the range neither overflow nor flush early.
    return float(value * float_of((half + 1023) << 52) * float_of((power - half + 1023) << 52))


@inlined
def _log_reduced(f: float, s: float) -> float:
    """log(1 + f) - f for s = f / (2 + f)."""
    z = s * s
    p = fused(_LOG_7, z, _LOG_6)
    p = fused(p, z, _LOG_5)
    p = fused(p, z, _LOG_4)
    p = fused(p, z, _LOG_3)
    p = fused(p, z, _LOG_2)
    p = fused(p, z, _LOG_1)
    p = fused(p, z, _LOG_0)
    half = 0.5 * f * f
    return float(s * fused(z, p, half) - half)


@inlined
def log(x: float) -> float:
    """Natural logarithm, within 1 eps; -infinity at 0, NaN below."""
    tiny = x < _SMALLEST_NORMAL
    bits = bits_of(x * _TWO_54 if tiny else x)
    top = (bits - _HALF_ROOT_BITS) >> 52
    f = float_of(bits - (top << 52)) - 1.0
    # An integer below 2^51 to double, as vector units without that conversion can.
    turns = float_of(top + _ROUND_BITS) - _ROUND - (54.0 if tiny else 0.0)
    tail = _log_reduced(f, f / (2.0 + f))
    value = fused(turns, _LN2_HIGH, f + fused(turns, _LN2_LOW, tail))
    value = value if x < _INFINITY else x
    value = value if x != 0.0 else -_INFINITY
    return value if not (x < 0.0) else _NAN


@inlined
def log_ratio(a: float, b: float) -> float:
    """log(a / b) of positive numbers with a small relative error even when a is close to b."""
    s = (a - b) / (a + b)
    z = s * s
    p = fused(_LOG_7, z, _LOG_6)
    p = fused(p, z, _LOG_5)
    p = fused(p, z, _LOG_4)
    p = fused(p, z, _LOG_3)
    p = fused(p, z, _LOG_2)
    p = fused(p, z, _LOG_1)
    p = fused(p, z, _LOG_0)
    near = fused(s * z, p, 2.0 * s)
    far = log(a / b)
    return near if z < 0.029 else far


@inlined
def mills_scaled(t: float) -> float:
    """(z + 1) * mills(z) for t = (z - 5)/(z + 5): lets callers share the two divisions."""
    p = fused(_MILLS_22, t, _MILLS_21)
    p = fused(p, t, _MILLS_20)
    p = fused(p, t, _MILLS_19)
    p = fused(p, t, _MILLS_18)
    p = fused(p, t, _MILLS_17)
    p = fused(p, t, _MILLS_16)
    p = fused(p, t, _MILLS_15)
    p = fused(p, t, _MILLS_14)
    p = fused(p, t, _MILLS_13)
    p = fused(p, t, _MILLS_12)
    p = fused(p, t, _MILLS_11)
    p = fused(p, t, _MILLS_10)
    p = fused(p, t, _MILLS_9)
    p = fused(p, t, _MILLS_8)
    p = fused(p, t, _MILLS_7)
    p = fused(p, t, _MILLS_6)
    p = fused(p, t, _MILLS_5)
    p = fused(p, t, _MILLS_4)
    p = fused(p, t, _MILLS_3)
    p = fused(p, t, _MILLS_2)
    p = fused(p, t, _MILLS_1)
    p = fused(p, t, _MILLS_0)
    return float(p)


@inlined
def mills(z: float) -> float:
    """(1 - Phi(z)) / phi(z) for z >= 0 (constant beyond 60, where phi is zero)."""
    z = z if not (z > _FAR) else _FAR
    t = (z - 5.0) / (z + 5.0)
    return float(mills_scaled(t) / (z + 1.0))


@inlined
def norm_pdf(x: float) -> float:
    """Standard normal density; relative error below 1e-15 down to |x| = 37."""
    x = x if not (x > _FAR) else _FAR
    x = x if not (x < -_FAR) else -_FAR
    square = x * x
    # The rounding of the square matters once it is in the hundreds.
    lost = fused(x, x, -square)
    return float(INV_ROOT_TWO_PI * exp(-0.5 * square) * fused(-0.5, lost, 1.0))


@inlined
def norm_cdf(x: float) -> float:
    """Standard normal distribution function; relative error below 1e-15 down to x = -37."""
    tail = norm_pdf(x) * mills(abs(x))
    return tail if x < 0.0 else 1.0 - tail
