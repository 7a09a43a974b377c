"""Numbers only: compiled functions over scalars and arrays, no types of ours, no I/O.

`math` elementary functions; `desk` pricing, implied volatility and curves; `independent` a
second model that shares nothing with `desk`; `pack` compact bytes for integer tables.
"""
