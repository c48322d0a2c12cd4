"""Conditions on the status of a row, under which stores write it."""

from enum import StrEnum


def status_condition(*statuses: StrEnum) -> tuple[str, dict[str, str]]:
    """The condition that a row is at one of these statuses, and the values that it names."""
    values = {f"is_{status.value.lower()}": status.value for status in statuses}
    return f"#status IN ({', '.join(f':{name}' for name in values)})", values
