"""The inverse of the normal distribution function to full double precision.

Two polynomials of our own (tools/derive_elementary.py), both evaluated and one chosen, so there is
no branch and loops vectorise: an odd one in p - 1/2 for the middle half, and for a tail one in
(r - 4)/(r + 4) with r = sqrt(-2 ln p), which is nearly linear in the answer.
"""

import math

from quanheng.kernels.jit import inlined
from quanheng.kernels.math.bits import fused
from quanheng.kernels.math.elementary import log

_NAN = float("nan")
_INFINITY = float("inf")
_MIDDLE = 0.25

# x / q in z = q^2, Phi(x) = 1/2 + q, for |q| <= 1/4.
_CENTRE_0 = 2.5066282746310007
_CENTRE_1 = 2.624934990953737
_CENTRE_2 = 5.772533538611313
_CENTRE_3 = 15.66760896351037
_CENTRE_4 = 47.035787417048894
_CENTRE_5 = 149.82980768363345
_CENTRE_6 = 496.2724050164053
_CENTRE_7 = 1689.9554230449958
_CENTRE_8 = 5869.148813748928
_CENTRE_9 = 20935.929541063215
_CENTRE_10 = 68811.18712775879
_CENTRE_11 = 379798.65687711205
_CENTRE_12 = -663144.1578978377
_CENTRE_13 = 20102176.65866769
_CENTRE_14 = -91385907.13128303
_CENTRE_15 = 390302565.0120408

# -x / r in t = (r - 4)/(r + 4), ln Phi(x) = -r^2 / 2, from p = 1/4 to the smallest double.
_TAIL_0 = 0.8502981640361664
_TAIL_1 = 0.4861960814530831
_TAIL_2 = -0.7586604273274289
_TAIL_3 = 0.9095018369203483
_TAIL_4 = -1.0171285338571368
_TAIL_5 = 1.0948931352831615
_TAIL_6 = -1.1569626780950948
_TAIL_7 = 1.2075859322714477
_TAIL_8 = -1.2509412073253066
_TAIL_9 = 1.288297787838797
_TAIL_10 = -1.321352177136677
_TAIL_11 = 1.3507179481335732
_TAIL_12 = -1.377286972374909
_TAIL_13 = 1.40138055334306
_TAIL_14 = -1.4234818560412803
_TAIL_15 = 1.4438721163125225
_TAIL_16 = -1.463249827292629
_TAIL_17 = 1.4809894876037097
_TAIL_18 = -1.493396573231312
_TAIL_19 = 1.5044277979180196
_TAIL_20 = -1.5435490298188341
_TAIL_21 = 1.6044835360718879
_TAIL_22 = -1.530915368605368
_TAIL_23 = 1.2584831988762264
_TAIL_24 = -1.3590536612672701
_TAIL_25 = 2.3915737981468697
_TAIL_26 = -3.03456304333672
_TAIL_27 = 1.126246306474951
_TAIL_28 = 1.805205145400409
_TAIL_29 = -1.0629663040454633
_TAIL_30 = -3.6572513639653677
_TAIL_31 = 6.7851049321326675
_TAIL_32 = -5.259060294922316
_TAIL_33 = 2.0532880788333947
_TAIL_34 = -0.33272279218144196


@inlined
def inverse_cdf(p: float) -> float:
    """x with norm_cdf(x) = p; relative error below 1e-15. -inf at 0, inf at 1, NaN outside [0, 1].

    Near p = 1 the answer is that of the double p: 1 - p is exact, but p has lost its tail's digits.
    """
    q = p - 0.5
    z = q * q
    middle = fused(_CENTRE_15, z, _CENTRE_14)
    middle = fused(middle, z, _CENTRE_13)
    middle = fused(middle, z, _CENTRE_12)
    middle = fused(middle, z, _CENTRE_11)
    middle = fused(middle, z, _CENTRE_10)
    middle = fused(middle, z, _CENTRE_9)
    middle = fused(middle, z, _CENTRE_8)
    middle = fused(middle, z, _CENTRE_7)
    middle = fused(middle, z, _CENTRE_6)
    middle = fused(middle, z, _CENTRE_5)
    middle = fused(middle, z, _CENTRE_4)
    middle = fused(middle, z, _CENTRE_3)
    middle = fused(middle, z, _CENTRE_2)
    middle = fused(middle, z, _CENTRE_1)
    middle = fused(middle, z, _CENTRE_0)
    share = p if p < 0.5 else 1.0 - p
    share = share if share > 0.0 else 1.0
    r = math.sqrt(-2.0 * log(share))
    t = (r - 4.0) / (r + 4.0)
    tail = fused(_TAIL_34, t, _TAIL_33)
    tail = fused(tail, t, _TAIL_32)
    tail = fused(tail, t, _TAIL_31)
    tail = fused(tail, t, _TAIL_30)
    tail = fused(tail, t, _TAIL_29)
    tail = fused(tail, t, _TAIL_28)
    tail = fused(tail, t, _TAIL_27)
    tail = fused(tail, t, _TAIL_26)
    tail = fused(tail, t, _TAIL_25)
    tail = fused(tail, t, _TAIL_24)
    tail = fused(tail, t, _TAIL_23)
    tail = fused(tail, t, _TAIL_22)
    tail = fused(tail, t, _TAIL_21)
    tail = fused(tail, t, _TAIL_20)
    tail = fused(tail, t, _TAIL_19)
    tail = fused(tail, t, _TAIL_18)
    tail = fused(tail, t, _TAIL_17)
    tail = fused(tail, t, _TAIL_16)
    tail = fused(tail, t, _TAIL_15)
    tail = fused(tail, t, _TAIL_14)
    tail = fused(tail, t, _TAIL_13)
    tail = fused(tail, t, _TAIL_12)
    tail = fused(tail, t, _TAIL_11)
    tail = fused(tail, t, _TAIL_10)
    tail = fused(tail, t, _TAIL_9)
    tail = fused(tail, t, _TAIL_8)
    tail = fused(tail, t, _TAIL_7)
    tail = fused(tail, t, _TAIL_6)
    tail = fused(tail, t, _TAIL_5)
    tail = fused(tail, t, _TAIL_4)
    tail = fused(tail, t, _TAIL_3)
    tail = fused(tail, t, _TAIL_2)
    tail = fused(tail, t, _TAIL_1)
    tail = fused(tail, t, _TAIL_0)
    far = -r * tail if q < 0.0 else r * tail
    x = q * middle if abs(q) <= _MIDDLE else far
    x = x if p > 0.0 else -_INFINITY
    x = x if p < 1.0 else _INFINITY
    return x if p >= 0.0 and p <= 1.0 else _NAN
