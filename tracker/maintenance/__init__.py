"""Looking after databases: import, export, backup, garbage collection, checks."""
