"""What `bench_tracker.py` measures, and the contenders it measures side by side."""
