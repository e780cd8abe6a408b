"""The suites of tools/benchmark.py, one per file, and what they share."""
