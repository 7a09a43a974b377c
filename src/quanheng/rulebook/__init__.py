"""What the exchange and the agreements demand: dated data and pure functions that read it.

Read `model` first: `Rulebook` is everything in force on one day. `load` builds it from TOML texts
under `data/sse`, where every row names its day, its source and, where the text is open, its
reading. Nothing outside this room may know a number of the exchange.
"""
