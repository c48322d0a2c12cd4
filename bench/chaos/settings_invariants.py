"""What must hold of launch settings and reservations after a round. Each function yields a sentence for a breach."""

from collections.abc import Iterator

from bench.chaos.settings_truth import SettingsTruth


def no_launch_settings_stay_changed(truth: SettingsTruth) -> Iterator[str]:
    """The settings of a server are as before, unless its row is LEFT. What a person has set is there."""
    for server_id, before in truth.before.items():
        now = truth.now[server_id]
        if number := truth.by_hand.get(server_id):
            if now["version"] != number:
                yield f"{server_id}: a person set version {number}, the default one is {now['version']}"
            if server_id not in truth.left and now["configuration"] != before["configuration"]:
                yield f"{server_id}: its configuration was {before['configuration']} and is {now['configuration']}"
        elif server_id not in truth.left:
            for name in before:
                if now[name] != before[name]:
                    yield f"{server_id}: its {name} was {before[name]} and is {now[name]}"


def no_row_is_left(truth: SettingsTruth) -> Iterator[str]:
    """No row stays but those of settings that a person has changed, which say why."""
    for row in truth.rows:
        name = f"{row.get('executionId')}: row {row['item']} of {row['target']}"
        if row.get("status") != "LEFT":
            yield f"{name} is {row.get('status')} after the end"
        elif not row.get("reason"):
            yield f"{name} is LEFT without a reason"
        elif row["sourceServerId"] not in truth.by_hand:
            yield f"{name} is LEFT, though no person has changed anything: {row['reason']}"


def no_reservation_is_left(truth: SettingsTruth) -> Iterator[str]:
    """No reservation outlives its run."""
    for reservation, execution_id in truth.reservations.items():
        yield f"{execution_id}: {reservation} still reserves capacity"
