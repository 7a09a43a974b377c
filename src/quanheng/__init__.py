"""Quanheng (权衡): an options market-making system for the Shanghai Stock Exchange."""
