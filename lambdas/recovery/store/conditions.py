"""The conditions on a row's status that stores write under."""

from enum import StrEnum


def status_in(*statuses: StrEnum) -> tuple[str, dict[str, str]]:
    """The condition that a row is at one of these statuses, and the values that it names."""
    values = {f"is_{status.value.lower()}": status.value for status in statuses}
    return f"#status IN ({', '.join(f':{name}' for name in values)})", values
