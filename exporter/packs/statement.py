"""What is refused of a pack's SQL when it is read: clocks, settings, several statements, anything bound that has no meaning.

A scan, not a parser: the same packs run on relatives of PostgreSQL, whose dialects no one parser knows. What slips through is
refused by the server or undone: a transaction is read-only, nothing of it is kept, and a statement with bound parameters may
not hold a second one.
Source: https://www.postgresql.org/docs/current/sql-syntax-lexical.html
"""

import re

_NOT_CODE = re.compile(
    r"""
    --[^\n]*
  | /\*.*?\*/
  | \be'(?P<escaped>(?:[^'\\]|\\.|'')*)'
  | '(?P<plain>(?:[^']|'')*)'
  | "(?P<identifier>(?:[^"]|"")*)"
  | \$(?P<tag>(?:[a-z_]\w*)?)\$(?P<dollar>.*?)\$(?P=tag)\$
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_UNCLOSED = re.compile(r"'|\"|/\*|\*/|\$\$")
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_PERCENT = re.compile(r"%%|%\((?:as_of|since|part)\)s|(?P<other>%(?:\(\w*\))?\w?)")
_BOUND = "%(as_of)s, %(since)s and %(part)s"
_CLOCK = re.compile(
    r"\b(?:current_(?:date|time|timestamp)|localtime|localtimestamp|sysdate)\b"
    r"|\b(?:now|(?:clock|statement|transaction)_timestamp|timeofday|getdate)\s*\(",
    re.IGNORECASE,
)
_CLOCK_WORD = re.compile(r"\s*(?:now|today|tomorrow|yesterday)\b", re.IGNORECASE)
_SETTING = re.compile(r"\bset_config\s*\(", re.IGNORECASE)
# What a read-only transaction lets through, at least on some versions, and what takes effect outside of it.
_ACT = re.compile(
    r"\b(?:lo_(?:creat|create|export|from_bytea|import|open|put|truncate|truncate64|unlink)|lowrite|pg_notify|dblink(?:_\w+)?"
    r"|pg_(?:try_)?advisory_lock(?:_shared)?|pg_(?:cancel|terminate)_backend|pg_logical_emit_message|pg_promote|pg_reload_conf"
    r"|pg_rotate_logfile|pg_stat_reset\w*|pg_switch_wal)\s*\(",
    re.IGNORECASE,
)
_AGE = re.compile(r"\bage\s*\(", re.IGNORECASE)
_VIEW = re.compile(r"\bbellwether\s*\.\s*(\w+)", re.IGNORECASE)


def one_query(sql: str) -> str:
    """The text as given, without a last semicolon. Raises `ValueError` when it is not one query free of clocks."""
    sql = sql.strip().removesuffix(";").rstrip()
    code = _code(sql)
    if not re.match(r"(?:select|with)\b", code.lstrip("( \n\t"), re.IGNORECASE):
        raise ValueError(f"expected one query that starts with select or with, got {_shown(sql)}")
    if ";" in code:
        raise ValueError("expected one statement, got a semicolon inside it")
    for match in _PERCENT.finditer(sql):
        if match["other"]:
            raise ValueError(
                f"got {match['other']!r}; what may be bound is %(as_of)s, %(since)s and %(part)s, and a percent sign is %%"
            )
    if len(_PLACEHOLDER.findall(sql)) != len(_PLACEHOLDER.findall(code)):
        raise ValueError(f"got one of {_BOUND} inside quotes or a comment, where nothing can be bound")
    _refuse_clocks(code)
    if setting := _SETTING.search(code):
        raise ValueError(f"got {setting[0]!r}; time zone and limits hold for the queries of all packs")
    if act := _ACT.search(code):
        raise ValueError(f"got {act[0]!r}; a pack only reads")
    return sql


def placeholders(sql: str) -> set[str]:
    """The names of what is bound."""
    return set(_PLACEHOLDER.findall(sql))


def contract_views(sql: str) -> set[str]:
    """The views of schema `bellwether` that the query names."""
    return set(_VIEW.findall(_code(sql).lower()))


def renamed(sql: str, name: str) -> set[str]:
    """The columns that the query gives this name: as they are, as another type, or as what a function makes of one.

    A count of them is not one of them.
    """
    column = r"(?:\w+\s*\.\s*)?(\w+)(?:\s*::\s*\w+)?"
    made = rf"\b(?!count\b)\w+\s*\(\s*{column}(?:\s+as\s+\w+)?\s*\)(?:\s*::\s*\w+)?"
    found = re.findall(rf"(?:\b{column}|{made})\s+as\s+{name.lower()}\b", _code(sql).lower())
    return {each for pair in found for each in pair if each}


def _code(sql: str) -> str:
    code = _NOT_CODE.sub(_blank, sql)
    if unclosed := _UNCLOSED.search(code):
        raise ValueError(f"a quote or comment is not closed, or comments are nested, near {_shown(code[unclosed.start() :])}")
    return code.strip()


def _blank(match: re.Match[str]) -> str:
    """What stands in the code for a comment (nothing), a text (a zero) or a quoted identifier (itself, when it is a word)."""
    identifier = match["identifier"]
    if identifier is not None:
        return identifier if identifier.isidentifier() else "_"
    text = next((text for text in (match["escaped"], match["plain"], match["dollar"]) if text is not None), None)
    if text is None:
        return " "
    if _CLOCK_WORD.match(text):
        raise ValueError(f"got the text {text!r}, which PostgreSQL reads as the time of day; use %(as_of)s")
    return "0"


def _refuse_clocks(code: str) -> None:
    if clock := _CLOCK.search(code):
        raise ValueError(f"got {clock[0]!r}; a pack's only clock is %(as_of)s")
    for age in _AGE.finditer(code):
        if not _has_comma(code[age.end() :]):
            raise ValueError("got age() of one argument, which reads today's date; use age(%(as_of)s, …)")


def _has_comma(arguments: str) -> bool:
    """Whether a comma stands between the arguments of a call whose opening bracket is just before the text."""
    depth = 1
    for character in arguments:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            return False
        if character == "," and depth == 1:
            return True
    return False


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= 40 else line[:39] + "…")
