# Doctest collection imports every module; these need the peers' interpreters.
collect_ignore = ["tracker_bench"]
