"""Artifacts of runs, read for the pages and sent to the browser."""
