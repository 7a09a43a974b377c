"""Stands in for vnpy in tests: its public names and fields as of 4.x, none of its code.

`tools/check_vnpy_stub.py` compares it with the real package where that is installed.
"""
