"""How other systems are spoken to: one file each, raising `PollError` when they do not answer."""
