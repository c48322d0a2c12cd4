"""Source servers that the sandbox makes up for a plan file: each group finds what it selects."""

from pathlib import Path
from typing import Any

import yaml

from cli.plans.check import read_plan_file
from cli.trial.loading import find_accounts
from cli.trial.made_up import SERVERS_PER_GROUP, make_up_named_ids, make_up_servers
from sandbox.seeding import seed_source_servers
from tests.support.plan_file import FILE

ACCOUNT, REGION, OTHER = "222233334444", "eu-west-1", "333344445555"


def read(tmp_path: Path, groups: list[dict[str, Any]], *uses: Any) -> dict[str, Any]:
    """A plan file with these groups and a wave for each use, checked."""
    used = uses or tuple(group["name"] for group in groups)
    waves = [{"name": f"wave-{at}", "groups": [use]} for at, use in enumerate(used)]
    shaped = [{"accountId": ACCOUNT, "region": REGION, **group} for group in groups]
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump({"protectionGroups": shaped, "recoveryPlan": {"name": "p", "waves": waves}}))
    data: dict[str, Any] = read_plan_file(path).data
    return data


def test_a_group_of_tags_gets_servers_with_its_tags(tmp_path: Path) -> None:
    made = make_up_servers(read(tmp_path, [{"name": "Web tier", "tags": {"tier": "web", "app": "shop"}}]))
    assert [row["hostname"] for row in made.rows] == ["web-tier-01", "web-tier-02", "web-tier-03"]
    assert {row["accountId"] for row in made.rows} == {ACCOUNT}
    assert all(row["tags"] == {"tier": "web", "app": "shop"} for row in made.rows)
    assert made.notes == [f"Web tier: {SERVERS_PER_GROUP} servers with its tags"]


def test_a_group_gets_the_servers_that_it_or_a_wave_names(tmp_path: Path) -> None:
    groups = [{"name": "db", "sourceServers": ["db-1", "odd{name}"]}, {"name": "web", "tags": {"tier": "web"}}]
    use = {"group": "web", "sourceServers": ["web-of-the-wave"], "sourceServerIds": ["s-2222222222222222b"]}
    made = make_up_servers(read(tmp_path, groups, "db", use))
    hosts = [row["hostname"].format(n=1) for row in made.rows]
    assert hosts[:3] == ["db-1", "odd{name}", "web-of-the-wave"]
    (by_id,) = (row for row in made.rows if "sourceServerId" in row)
    assert (by_id["sourceServerId"], by_id["tags"]) == ("s-2222222222222222b", {"tier": "web"})
    assert len(hosts) == len(set(hosts)) == 4 + SERVERS_PER_GROUP


def test_groups_whose_names_look_alike_in_a_host_name_get_servers_of_their_own(tmp_path: Path) -> None:
    groups = [{"name": name, "tags": {"of": name}} for name in ("web a", "web (a)", "数据库", "базы")]
    made = make_up_servers(read(tmp_path, groups))
    assert len({row["hostname"] for row in made.rows}) == len(groups) * SERVERS_PER_GROUP
    for name in ("web a", "web (a)", "数据库", "базы"):
        assert sum(row["tags"] == {"of": name} for row in made.rows) == SERVERS_PER_GROUP


def test_ids_in_groups_are_made_up_beside_the_servers_that_the_file_describes(tmp_path: Path) -> None:
    file = yaml.safe_load(FILE)
    file["protectionGroups"][0] = {**file["protectionGroups"][0], "sourceServerIds": ["s-3333333333333333c"]}
    (row,) = make_up_named_ids(file)
    assert (row["sourceServerId"], row["accountId"], row["region"]) == (
        "s-3333333333333333c",
        "111122223333",
        "us-west-2",
    )


class Control:
    """The control API of an emulator, as the sandbox reaches it."""

    def __init__(self, emulator: Any) -> None:
        self.emulator = emulator

    def control_emulator(self, method: str, path: str, body: Any) -> Any:
        assert (method, path) == ("POST", "/source-servers")
        return {"sourceServerIDs": self.emulator.seed(body["accountId"], body["region"], body["servers"])}

    def client(self, service: str, *, account: str, region: str) -> Any:
        assert service == "drs"
        return self.emulator.client(account, region)


def test_the_same_host_name_in_two_accounts_is_two_servers(tmp_path: Path) -> None:
    from drs_emulator import Emulator

    groups = [
        {"name": "here", "sourceServers": ["db-1"], "sourceServerIds": ["s-1111111111111111a"]},
        {"name": "there", "sourceServers": ["db-1"], "accountId": OTHER},
    ]
    made = make_up_servers(read(tmp_path, groups))
    with Emulator(speed=0) as emulator:
        ids = seed_source_servers(Control(emulator), made.rows)  # type: ignore[arg-type]
        here = emulator.client(ACCOUNT, REGION).describe_source_servers()["items"]
        there = emulator.client(OTHER, REGION).describe_source_servers()["items"]
    assert {server["sourceServerID"] for server in here} == {ids[ACCOUNT, REGION, "db-1"], "s-1111111111111111a"}
    assert [server["sourceServerID"] for server in there] == [ids[OTHER, REGION, "db-1"]]


def test_post_launch_actions_of_a_row_are_switched_on_for_its_servers_only() -> None:
    from drs_emulator import Emulator

    shown = yaml.safe_load(FILE)["sandbox"]["sourceServers"][0]
    documents = ["AWS-RunShellScript", "Shop-CheckService"]
    with_actions = {**shown, "hostname": "with-{n}", "postLaunchActions": documents}
    target = (shown["accountId"], shown["region"])
    with Emulator(speed=0) as emulator:
        ids = seed_source_servers(Control(emulator), [shown, with_actions])  # type: ignore[arg-type]
        drs = emulator.client(*target)
        found = {
            name: (
                drs.get_launch_configuration(sourceServerID=server_id)["postLaunchEnabled"],
                [each["actionCode"] for each in drs.list_launch_actions(resourceId=server_id)["items"]],
            )
            for (_, _, name), server_id in ids.items()
        }
    assert found["with-1"] == found["with-2"] == (True, documents)
    assert [each for name, each in found.items() if not name.startswith("with-")] == [(False, [])] * shown["count"]


def test_only_the_accounts_of_the_file_are_registered_and_as_the_file_says(tmp_path: Path) -> None:
    groups = [{"name": "db", "tags": {"a": "b"}}, {"name": "web", "accountId": OTHER, "tags": {"a": "b"}}]
    file = read(tmp_path, [*groups, {"name": "far", "accountId": OTHER, "region": "eu-north-1", "tags": {"a": "b"}}])
    rows = make_up_servers(file).rows
    assert find_accounts(file, rows) == {ACCOUNT: {"regions": [REGION]}, OTHER: {"regions": ["eu-north-1", REGION]}}
    account = {"accountId": ACCOUNT, "name": "payroll-prod", "roleArn": "any", "regions": ["eu-west-2", REGION]}
    registered = find_accounts({**file, "targetAccounts": [account]}, rows)
    assert registered[ACCOUNT] == {"name": "payroll-prod", "regions": ["eu-west-2", REGION]}
    assert registered[OTHER] == {"regions": ["eu-north-1", REGION]}
