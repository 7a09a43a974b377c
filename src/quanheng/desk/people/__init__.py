"""The people store: persons, posts, rights, sessions, registers, audit (docs/people.md).

Read `rules` for what is allowed, `store` for how it is kept, `access` for who gets in.
"""
