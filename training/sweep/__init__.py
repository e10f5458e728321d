"""Hyperparameter search for the study's configurations: `python -m training.sweep`."""
