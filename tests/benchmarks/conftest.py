# Doctest collection imports every module; these need the peers' interpreters, or one another.
collect_ignore = ["tracker_bench"]
collect_ignore_glob = ["bench_*.py"]
