"""Compares every count of a run with the rows of its servers."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from recovery.packing import unpack

Row = Mapping[str, Any]

COUNTED = {"launched": "LAUNCHED", "failed": "FAILED", "excluded": "EXCLUDED", "launching": "LAUNCHING"}


def assert_counts_match_servers(record: Row, servers: Sequence[Row], stored: Iterable[Row] = ()) -> None:
    """Check the counts of the run and of each wave, as the API returns them, against the servers that it lists.

    The counts of a chain are those of the run if it is alone in it.

    `stored` are the rows of the record; those with counts of their own, META and the waves, must have the same.
    """
    by_wave = {wave["name"]: [each for each in servers if each["wave"] == wave["name"]] for wave in record["waves"]}
    assert record["servers"] == count(servers), (record["servers"], count(servers))
    if len(record["chain"]["executions"]) == 1:
        in_chain = record["chain"]["servers"]
        assert in_chain == {name: record["servers"][name] for name in in_chain}, (in_chain, record["servers"])
    for wave in record["waves"]:
        assert wave["servers"] == count(by_wave[wave["name"]]), (wave, count(by_wave[wave["name"]]))
    stored = list(stored)
    for row in stored:
        if (
            row["executionId"] == record["executionId"]
            and "servers" in row
            and row["item"].startswith(("META", "WAVE"))
        ):
            listed = by_wave[row["wave"]] if "wave" in row else servers
            counted = count(listed) | count_checked(record["executionId"], row.get("wave"), stored)
            wanted = {name: number for name, number in counted.items() if name in row["servers"]}
            assert {name: int(number) for name, number in row["servers"].items()} == wanted, (row, wanted)


def count(servers: Iterable[Row]) -> dict[str, int]:
    """The servers by outcome, as the API counts them; those of checks only if a server has any."""
    servers = list(servers)
    found = Counter(server["status"] for server in servers)
    counts = {"total": found.total(), **{name: found[status] for name, status in COUNTED.items()}}
    checked = Counter(server["verification"]["status"] for server in servers if server["verification"])
    return counts | ({"verified": checked["VERIFIED"], "unverified": checked["UNVERIFIED"]} if checked else {})


def count_checked(execution_id: str, wave: str | None, stored: Iterable[Row]) -> dict[str, int]:
    """The servers of the wave, or of all, that have checks to pass, by the entries of their rows."""
    rows = [row for row in stored if row["executionId"] == execution_id and row["item"].startswith("CHECKS#")]
    entries = [entry for row in rows if wave in (None, row["wave"]) for entry in unpack(bytes(row["servers"])).values()]
    found = Counter(entry["status"] for entry in entries)
    cut_off = sum(1 for entry in entries if entry.get("cutOff"))
    return {
        "checked": found.total(),
        "verified": found["VERIFIED"],
        "unverified": found["UNVERIFIED"],
        **({"cutOff": cut_off} if cut_off else {}),
    }
