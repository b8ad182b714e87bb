"""The demo: an embedded company whose figures are seeded, whose life goes on, and whose incidents start by name."""
