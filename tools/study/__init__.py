"""The study over every published close of the 510050 options; run by `tools/study_closes.py`."""
