"""One file through the stages: the only writer of state changes.

The ledger decides and the disk follows: a state is committed first, then the desk brings
share and data volume in line with it. What must be safe before a state is entered (the zip, the
original, the report) is written and synced before the commit.
"""
