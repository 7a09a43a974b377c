"""Runtime: what a machine is, how its inputs are journaled, and the hosts that feed it.

Read `machine` first, then `envelope`.
"""
