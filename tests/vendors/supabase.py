"""Supabase in the common tests. It asks to be scraped once a minute and publishes no limit."""

from exporter.demo.vendors.supabase import Supabase
from tests.vendors.case import Case

CASE = Case(
    kind="supabase",
    settings=lambda url: {"url": url + Supabase.PATH, "secret_key": Supabase.KEY},
    limit_per_hour=None,
)
