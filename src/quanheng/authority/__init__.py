"""The authority: who may do what, and who must second it. Read `policy` first, then `authority`."""
