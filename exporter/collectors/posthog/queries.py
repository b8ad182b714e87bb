"""What PostHog is asked, in HogQL: ClickHouse's SQL with properties as fields.

Each query has bounds of time, since PostHog ends one after ten seconds, and a LIMIT, since PostHog else gives 100 rows.
Source: https://posthog.com/docs/sql, https://posthog.com/docs/sql/clickhouse-functions, https://posthog.com/docs/sql/aggregations
"""

from collections.abc import Sequence

from exporter.roles.vitals import BOUNDS, LONGEST

WINDOWS = {"1d": "1 DAY", "7d": "7 DAY", "30d": "30 DAY"}
VITALS = ("lcp", "inp", "fcp", "cls")
"""The vitals that PostHog's library measures."""

_SEEN = {  # by the figure's name: how it is aggregated, and of which events
    "active": "uniqIf(person_id, toString(properties.$is_identified) = 'true' AND {within})",
    "visitors": "uniqIf(person_id, event = '$pageview' AND {within})",
    "visits": "uniqIf(properties.$session_id, event = '$pageview' AND {within})",
    "views": "countIf(event = '$pageview' AND {within})",
}
# A path's identifiers, twice: where two follow each other, the first match takes the slash that begins the second.
_IDENTIFIER = "'/([0-9]+|[0-9a-fA-F]{16,}|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27})(/|$)', '/{id}\\\\2'"
_PAGE = f"replaceRegexpAll(replaceRegexpAll(ifNull(toString(properties.$pathname), ''), {_IDENTIFIER}), {_IDENTIFIER})"


def _within(window: str) -> str:
    return f"timestamp > now() - INTERVAL {window} AND timestamp <= now()"


def activity() -> str:
    """How many people were there, and what they saw: one row with a column for each figure and window."""
    columns = [
        f"{text.format(within=f'timestamp > now() - INTERVAL {length}')} AS {name}_{window}"
        for name, text in _SEEN.items()
        for window, length in WINDOWS.items()
    ]
    columns.append("uniqIf(person_id, event = '$pageview' AND timestamp > now() - INTERVAL 5 MINUTE) AS visitors_now")
    return f"SELECT {', '.join(columns)} FROM events WHERE {_within('30 DAY')} LIMIT 1"  # noqa: S608


def events(most: int) -> str:
    """The site's own events by name: those with most of a day, and the rest in one row. PostHog's own begin with `$`."""
    return f"""
        SELECT if(place <= {most}, event, 'other') AS name, sum(hour) AS in_hour, sum(day) AS in_day
        FROM (
          SELECT event, hour, day, row_number() OVER (ORDER BY day DESC, event) AS place
          FROM (
            SELECT event, countIf(timestamp > now() - INTERVAL 1 HOUR) AS hour, count() AS day
            FROM events
            WHERE {_within("1 DAY")} AND NOT startsWith(event, '$')
            GROUP BY event
          )
        )
        GROUP BY name
        LIMIT {most + 1}
    """  # noqa: S608 - no text of anybody's is part of it


def pages(most: int) -> str:
    """The pages that most people saw."""
    return f"""
        SELECT page, uniqIf(person_id, timestamp > now() - INTERVAL 1 DAY) AS in_day, uniq(person_id) AS in_week
        FROM (
          SELECT person_id, timestamp, {_PAGE} AS page
          FROM events
          WHERE event = '$pageview' AND {_within("7 DAY")}
        )
        GROUP BY page
        ORDER BY in_week DESC, page
        LIMIT {most}
    """  # noqa: S608


def vitals(most: int) -> str:
    """The third quartile of each vital and how many were good, fair and poor, of pages and devices that were measured most."""
    read, columns = [], []
    for vital in VITALS:
        unit = 1 if vital == "cls" else 1000  # times come in milliseconds
        good, fair = (bound * unit for bound in BOUNDS[vital])
        sound = f"{vital} >= 0 AND {vital} <= {LONGEST * unit:.0f}"
        read.append(f"toFloat(properties.$web_vitals_{vital.upper()}_value) AS {vital}")
        columns += [
            f"quantileIf(0.75)({vital}, {sound}) AS {vital}_p75",
            f"countIf({sound} AND {vital} <= {good:g}) AS {vital}_good",
            f"countIf({sound} AND {vital} > {good:g} AND {vital} <= {fair:g}) AS {vital}_fair",
            f"countIf({sound} AND {vital} > {fair:g}) AS {vital}_poor",
        ]
    return f"""
        SELECT page, device, {", ".join(columns)}
        FROM (
          SELECT {_PAGE} AS page, ifNull(toString(properties.$device_type), '') AS device, {", ".join(read)}
          FROM events
          WHERE event = '$web_vitals' AND {_within("1 DAY")}
        )
        GROUP BY page, device
        ORDER BY count() DESC, page, device
        LIMIT {most}
    """  # noqa: S608


def exposures(most: int) -> str:
    """How often flags were met, by flag and answer: those with most of a week, and the rest in one row."""
    return f"""
        SELECT if(place <= {most}, flag, 'other') AS met, if(place <= {most}, answer, 'other') AS variant,
               sum(day) AS in_day, sum(week) AS in_week
        FROM (
          SELECT flag, answer, day, week, row_number() OVER (ORDER BY week DESC, flag, answer) AS place
          FROM (
            SELECT ifNull(toString(properties.$feature_flag), '') AS flag,
                   ifNull(toString(properties.$feature_flag_response), '') AS answer,
                   countIf(timestamp > now() - INTERVAL 1 DAY) AS day,
                   count() AS week
            FROM events
            WHERE event = '$feature_flag_called' AND {_within("7 DAY")}
            GROUP BY flag, answer
          )
        )
        GROUP BY met, variant
        LIMIT {most + 1}
    """  # noqa: S608


def funnel(steps: Sequence[str], window: float, within: float) -> str:
    """How many people came to each step, and how long it took those who came to the end: one row.

    HogQL takes no parameters for `windowFunnel`, so it is done level by level: `began_N` is when the latest try began that had
    come to step N before this event. A later begin is never worse, so one value says all.
    """
    longest = round(within * 1000)

    def came(position: int) -> str:
        if position == 1:
            return "step = 1"
        before = f"began_{position - 1}"
        return f"step = {position} AND {before} > 0 AND at <= {before} + {longest}"

    numbers = ", ".join(f"event = {_quoted(step)}, {position}" for position, step in enumerate(steps, 1))
    level = f"""
        SELECT person_id AS who, toUnixTimestamp64Milli(timestamp) AS at, multiIf({numbers}, 0) AS step
        FROM events
        WHERE event IN ({", ".join(map(_quoted, steps))})
          AND timestamp > now() - INTERVAL {round(window)} SECOND AND timestamp <= now()
    """  # noqa: S608 - names of events are quoted
    for position in range(1, len(steps)):
        kept = ", ".join(["who", "at", "step", *(f"began_{number}" for number in range(1, position))])
        began = "at" if position == 1 else f"began_{position - 1}"
        level = f"""
            SELECT {kept}, max(if({came(position)}, {began}, 0)) OVER (
              PARTITION BY who ORDER BY at, step DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS began_{position}
            FROM ({level})
        """  # noqa: S608
    last = len(steps)
    reached = ", ".join(f"max(if({came(position)}, 1, 0)) AS reached_{position}" for position in range(1, last + 1))
    counts = ", ".join(f"sum(reached_{position}) AS users_{position}" for position in range(1, last + 1))
    lengths = ", ".join(f"quantileIf(0.{nth})(length, reached_{last} = 1) AS length_{nth}" for nth in ("50", "90"))
    return f"""
        SELECT {counts}, {lengths}
        FROM (
          SELECT who, {reached}, minIf(at - began_{last - 1}, {came(last)}) AS length
          FROM ({level})
          GROUP BY who
        )
        LIMIT 1
    """  # noqa: S608


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
