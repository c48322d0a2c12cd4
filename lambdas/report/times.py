"""Times as the API writes them."""

from datetime import UTC, datetime, timedelta

from report.run_record import Record


def parse_time(text: str) -> datetime:
    """A time in UTC."""
    time = datetime.fromisoformat(text)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)


def seconds_between(begin: str, end: str) -> float:
    """Seconds from `begin` to `end`."""
    return (parse_time(end) - parse_time(begin)).total_seconds()


def end_of(record: Record) -> str:
    """The end of the run or, while it is going on, the time at which its record was read."""
    if record["endedAt"]:
        return str(record["endedAt"])
    time = parse_time(record["requestedAt"]) + timedelta(seconds=record.get("durationSeconds") or 0)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z"
