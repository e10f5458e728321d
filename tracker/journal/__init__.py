"""The journal in front of the database: one file a process, for metrics logged one by one.

A call appends a record and returns; a thread folds the records into SQLite a moment later. After
a kill, whoever opens the database for writing folds what is left (`recovery`).
"""
