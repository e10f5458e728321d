"""The command line `python -m tracker`, one module a group of verbs."""
