"""Alerts under promtool. For each alert, NAME in a file of this folder:

fires       series that make it fire, `at` when, with which `labels` and `description`; `pending_at` is the last evaluation
            before its delay is over; `ends` is the first at which it no longer fires, its time of being kept firing over too,
            and one before, it still does
fires_too   other ways to fire, by name, each as `fires`
quiet       what keeps it quiet, by name: series, and `at` which times

Samples and evaluations are 15s apart; a case says `interval` where it needs days. In one that does, a rule that has no delay
and reads no records is evaluated only when it asks, unless it says when it `ends` or how often it is `evaluated`.

Rules are those that the sources make now.
"""
