"""The archive's receipt in a run: `reports/archive.csv`, which the daily report prints."""

RECEIPT = "archive"
RECEIPT_COLUMNS = ("number", "day", "name", "records", "root", "size", "log_root", "public_key")
"""Entry, day, name, records, the day's root, entries of the archive, its root, its public key."""
