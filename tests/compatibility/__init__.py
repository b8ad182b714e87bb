"""Bellwether beside the exporters whose names it serves: both sides started in one run, compared family by family.

`python -m tests.compatibility` prints what is found and writes `docs/compatibility.md`.
"""
