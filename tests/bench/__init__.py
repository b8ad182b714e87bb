"""Bellwether beside its peers, on one machine and in one run: `python -m tests.bench`, or `make bench`."""
