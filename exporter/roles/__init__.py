"""Roles: what metrics of one kind of service are called, whichever vendor they come from."""
