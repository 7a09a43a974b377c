"""Positions, cash, profit and margin use as pure folds over trades (borders.md 5).

Whoever keeps an account (the maker, clearing, oversight) keeps one `positions.Book` in its own
state and folds the trades it saw into it; two accounts agree because they fold the same way.
"""
