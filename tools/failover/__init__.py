"""Parts of the fail-over drill (`tools/drill_failover.py`): hosts, costs, record."""
