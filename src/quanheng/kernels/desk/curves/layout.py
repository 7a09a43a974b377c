"""A fitted smile of one expiry as float64[ROW]: the same columns for every model.

k = ln(strike / forward); vol per 1.00; total variance w = vol^2 * tau. A row is data: machines keep
it as bits, and a version of a curve is the bytes of its rows.
"""

MODEL = 0
"""One of the model codes below, as a float; NO_MODEL rows have no vol (NaN)."""
TAU = 1
"""Variance time to expiry at the fit, years; vols are a function of k, so they outlive it."""
FORWARD = 2
"""Forward at the fit, yuan: where a sticky-strike curve stays."""
P = 3
"""First of the model's parameters."""
PARAMETERS = 10
K_LOW = 13
K_HIGH = 14
"""Range of k that was quoted at the fit, zero included."""
RMS = 15
"""Weighted root mean square residual (vol) of the points kept."""
KEPT = 16
"""Points with a positive weight at the end."""
AT_BOUND = 17
"""Parameters that ended on a bound of their box."""
MIN_G = 18
"""Least butterfly density factor g(k) of the check (rules.md 8.4); NaN before the check."""
STATUS = 19
"""One of the statuses below, as a float."""
FLAT = 20
"""Share by which vols are drawn to the vol at the money: the repair of last resort, 0 = none."""
LIFT = 21
"""Total variance added everywhere: the calendar repair of last resort, 0 = none."""
ITERATIONS = 22
TAIL_LOW = 23
TAIL_HIGH = 24
"""Length in k over which the slope of a tail fades to zero; not positive = the model's own wing."""
FROM_LOW = 25
FROM_HIGH = 26
"""k where a tail takes over from the model: the outermost quote, or inside of it."""
SLOPE_LOW = 27
SLOPE_HIGH = 28
"""d vol / d k with which a tail begins; never a bend downwards from the model's own slope."""
ROW = 29

NO_MODEL = 0
WING = 1
"""P = vc, sc, pc, cc, dc, uc, dsm, usm (rules.md 8.3)."""
SVI = 2
"""P = a, b, rho, m, sigma (rules.md 8.4)."""
SSVI = 3
"""P = theta, rho, phi: a slice of a surface (rules.md 8.4); then eta and gamma of its phi."""
CUBIC = 4
"""P = five knots in k ascending, then the five vols there."""
KNOTS = 5
MODELS = ("none", "wing", "svi", "ssvi", "cubic")

OK = 0
TOO_FEW = 1
"""Fewer usable points than the model needs."""
SINGULAR = 2
"""No solution, or a level outside the clip range."""
NOT_CONVERGED = 3
"""The iteration limit was reached; the row holds the best curve found."""
FALLBACK = 4
"""The model's own fit was degenerate; the row holds a simpler curve through the points."""

VOL_LOW = 0.0005
VOL_HIGH = 4.0
"""Vols are clipped to this range (rules.md 8.3)."""
