"""Probes: endpoints asked as their users ask them, each time over a connection of its own. One file per kind.

Nothing is imported here, so that a kind of probe takes no other's dependencies along.
"""
