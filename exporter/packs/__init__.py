"""Business packs: SQL as data, each metric declared beside the query that feeds it. `docs/writing-a-pack.md` is the format."""
