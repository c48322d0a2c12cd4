"""A plan file with mistakes: all of them at once, in people's words, each with what was probably meant."""

import json
from pathlib import Path

import pytest
import yaml

from api.schemas.requests.forms import closest
from cli.plans.check import read_plan_file
from cli.trial import loading
from sandbox.settings import SandboxError
from tests.support.plan_file import FILE, mistakes


def test_the_base_file_of_these_tests_is_valid(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(FILE)
    read_plan_file(tmp_path / "plan.yaml")


WAVE = "      groups: [payroll-db]"
CASES = [
    ("tags: {app: payroll}", "tags: [app=payroll]", "13: {group}.tags: must be a mapping, such as {{app: payroll}}"),
    ("tags: {app: payroll}", "tags: app", "13: {group}.tags: must be a mapping, such as {{app: payroll}}"),
    ("name: database", "name: Database", "17: {wave}.name: {slug}; did you mean 'database'?"),
    ("name: database", "name: batch_jobs", "17: {wave}.name: {slug}; did you mean 'batch-jobs'?"),
    ("groups: [payroll-db]", "groups: payroll-db", "18: {wave}.groups: must be a list: [payroll-db]"),
    (WAVE, f"{WAVE}\n      approval: true", "19: {wave}.approval: must be a mapping, such as {{required: true}}"),
    (WAVE, f"{WAVE}\n      dependson: []", "19: {wave}.dependson: unknown field; did you mean dependsOn?"),
    (
        WAVE,
        f"{WAVE}\n      rtoTargetMinutes: 2h",
        "19: {wave}.rtoTargetMinutes: must be minutes as a whole number: 120",
    ),
    (
        WAVE,
        f"{WAVE}\n      approval: {{required: true, timeout: 30m}}",
        "19: {wave}.approval.timeout: unknown field; did you mean timeoutMinutes?",
    ),
    (
        WAVE,
        f"{WAVE}\n      approval: {{}}",
        "19: {wave}.approval.required: is missing; add it, such as required: true",
    ),
    (
        WAVE,
        f"{WAVE}\n      onFailure: Stop",
        "19: {wave}.onFailure: must be stop, continue or ask; did you mean 'stop'?",
    ),
    (WAVE, f"{WAVE}\n      pauseBefore: 'yes'", "19: {wave}.pauseBefore: must be true or false: true"),
    (WAVE, f"{WAVE}\n      maxFailedPercent: 10%", "19: {wave}.maxFailedPercent: must be a whole number: 10"),
    (
        WAVE,
        f"{WAVE}\n      maxFailedPercent: 200",
        "19: {wave}.maxFailedPercent: must be a whole number, from 0 to 100",
    ),
    (WAVE, f"{WAVE}\n      dependsOn:\n        - 7", "20: {wave}.dependsOn[0]: must be text; put it in quotes"),
    (
        WAVE,
        f"{WAVE}\n      cleanUpAfterHours: 4",
        "19: {wave}.cleanUpAfterHours: unknown field here; it belongs in recoveryPlan, such as "
        "recoveryPlan: {{cleanUpAfterHours: 48}}",
    ),
    (
        "  name: Payroll",
        "  name: Payroll\n  onFailure: stop",
        "16: recoveryPlan.onFailure: unknown field here; it belongs in an entry of waves, such as "
        "waves: [{{onFailure: stop}}]",
    ),
    (
        "groups: [payroll-db]",
        "groups: []",
        "18: {wave}.groups: is empty; it needs at least one entry, such as [payroll-db]",
    ),
    ("groups: [payroll-db]", "groups:", "18: {wave}.groups: has no value; it must be a list, such as [payroll-db]"),
    (
        "    tags: {app: payroll}\nrec",
        "rec",
        "10: {group}: the group selects no servers; it needs sourceServers, sourceServerIds or tags, such as "
        "tags: {{app: payroll}}",
    ),
    (
        "sourceServers: [db-01]",
        "sourceServers: []",
        "9: protectionGroups[0].sourceServers: the group selects no servers; it needs sourceServers, sourceServerIds "
        "or tags, such as tags: {{app: payroll}}",
    ),
    (
        "sourceServers: [db-01]",
        "sourceServers: [db-01]\n    tags: {app: payroll}",
        "10: protectionGroups[0].tags: the group also has sourceServers, and takes either tags or servers",
    ),
    (
        "[payroll-app]",
        "[payroll-ap]",
        "20: recoveryPlan.waves[1].groups[0]: the file has no protection group 'payroll-ap'; did you mean "
        "'payroll-app'?",
    ),
    (
        "[payroll-app]",
        "[shop]",
        "20: recoveryPlan.waves[1].groups[0]: the file has no protection group 'shop'; it has payroll-db, payroll-app",
    ),
    (
        WAVE,
        "      groups: [payroll-db, ' payroll-db']",
        "18: {wave}.groups[1]: the wave has 'payroll-db' already, at line 18; take it out",
    ),
    (
        WAVE,
        "      groups:\n        - payroll-db\n        - {group: payroll-db, sourceServers: [db-01]}",
        "20: {wave}.groups[1]: the wave has 'payroll-db' already, at line 19; take it out",
    ),
    (
        "    - name: app",
        "    - name: database",
        "19: recoveryPlan.waves[1].name: duplicate name; first used at line 17",
    ),
    (
        WAVE,
        f"{WAVE}\n      dependsOn: [app]",
        "19: {wave}.dependsOn: these waves form a cycle: database -> app -> database; a wave without dependsOn "
        "depends on the wave before it",
    ),
    (
        WAVE,
        f"{WAVE}\n      dependsOn: [database]",
        "19: {wave}.dependsOn: wave 'database' depends on itself; take it out",
    ),
    (
        WAVE,
        f"{WAVE}\n      dependsOn: [ap]",
        "19: {wave}.dependsOn: there is no wave 'ap' in this plan; did you mean 'app'?",
    ),
    ("regions: [us-west-2]", "regions: us-west-2", "4: targetAccounts[0].regions: must be a list: [us-west-2]"),
    (
        "regions: [us-west-2]",
        "regions: [us-gov-west-1]",
        "4: targetAccounts[0].regions[0]: us-gov-west-1 is not in aws, the partition of the role",
    ),
    (
        "roleArn: arn:aws:iam::111122223333:role/drs-waves-target",
        "roleArn: drs-waves-target",
        "3: targetAccounts[0].roleArn: must be the ARN of an IAM role, such as "
        "arn:aws:iam::111122223333:role/drs-waves-target",
    ),
    ("count: 2", "count: 0", "26: {row}.count: must be a whole number, from 1 to 4000"),
    ("ramGiB: 16", "ramGiB: 16G", "29: {row}.ramGiB: must be GiB as a number: 16"),
    ("disksGiB: [100]", "disksGiB: 100", "30: {row}.disksGiB: must be a list, such as [100]"),
    ("      cpus: 4", "      cpu: 4", "28: {row}.cpu: unknown field; did you mean cpus?"),
    (
        "db-{n:02}",
        "db-{x}",
        "25: {row}.hostname: may have braces only for the number of a server, such as db-{{n:02}}",
    ),
    ("sandbox:", "sandbox:\n  servers: 4", "22: sandbox.servers: unknown field; did you mean sourceServers?"),
]
PLACES = {
    "group": "protectionGroups[1]",
    "wave": "recoveryPlan.waves[0]",
    "row": "sandbox.sourceServers[0]",
    "slug": "must be lower-case letters, digits and hyphens, at most 63 characters",
}


@pytest.mark.parametrize(("old", "new", "says"), CASES, ids=[says for _, _, says in CASES])
def test_a_mistake_is_named_with_what_is_allowed_and_what_was_meant(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    assert old in FILE
    assert says.format(**PLACES) in mistakes(tmp_path, FILE.replace(old, new, 1))


NAMES = ["payroll-web", "payroll-application", "payroll-database"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("payroll-db", "payroll-database"),
        ("payroll-app", "payroll-application"),
        ("Payroll_Web", "payroll-web"),
        ("payroll-wbe", "payroll-web"),
        ("payrol-web", "payroll-web"),
        ("payroll-batch", None),
        ("payroll-x", None),
        ("payroll", None),
    ],
)
def test_a_name_is_suggested_if_it_was_abbreviated_or_mistyped_and_is_not_guessed(
    written: str, meant: str | None
) -> None:
    for names in (NAMES, NAMES[::-1]):
        assert closest(written, names) == meant


def test_examples_name_a_group_of_the_file_and_groups_is_suggested_for_group(tmp_path: Path) -> None:
    text = FILE.replace("payroll-db", "ledgers").replace("      groups: [payroll-app]", "      group: [payroll-app]")
    found = mistakes(tmp_path, text)
    assert "20: recoveryPlan.waves[1].group: unknown field; did you mean groups?" in found
    assert "19: recoveryPlan.waves[1].groups: is missing; add it, such as groups: [ledgers]" in found
    found = mistakes(tmp_path, FILE.replace("payroll-db", "ledgers").replace("groups: [payroll-app]", "groups: 7"))
    assert "20: recoveryPlan.waves[1].groups: must be a list, such as [ledgers]" in found


def test_all_mistakes_of_a_file_are_found_at_once(tmp_path: Path) -> None:
    text = FILE
    alone: list[str] = []
    for old, new in (
        ("roleArn: arn:aws:iam::1111", "roleArn: arn:aws:iam::9999"),
        ("name: payroll-app", "name: payroll-db"),
        ("tags: {app: payroll}\nrec", "tags: {}\nrec"),
        ("name: Payroll", "name: Payroll, fourEyes: true"),
        ("name: database", "name: Database"),
        (
            "groups: [payroll-db]",
            "groups: [payroll-bd], dependsOn: [app], approval: {required: true,onTimeout: approve}",
        ),
        ("groups: [payroll-app]", "groups: [payroll-app], rtoTargetMinutes: 2h"),
        ("cpus: 4", "cpus: '4'"),
    ):
        assert old in text
        indent = "  " if old.startswith("name: Payroll") else "      "
        text = text.replace(old, new.replace(", ", f"\n{indent}") if "fourEyes" in new or "]," in new else new, 1)
    alone = [line.split(" ")[1].rstrip(":") for line in mistakes(tmp_path, text)]
    assert alone == [
        "targetAccounts[0].roleArn",
        "protectionGroups[1].name",
        "protectionGroups[1].tags",
        "recoveryPlan.waves[0].name",
        "recoveryPlan.waves[0].groups[0]",
        "recoveryPlan.waves[0].dependsOn",
        "recoveryPlan.waves[0].approval.onTimeout",
        "recoveryPlan.waves[1].groups[0]",
        "recoveryPlan.waves[1].rtoTargetMinutes",
        "sandbox.sourceServers[0].cpus",
    ]


def test_a_mistyped_field_and_a_name_in_capitals_hide_no_cycle(tmp_path: Path) -> None:
    text = FILE.replace("name: database\n", "name: Database\n      dependson: App\n")
    assert any("these waves form a cycle: database -> app -> database" in line for line in mistakes(tmp_path, text))


def test_a_field_of_waves_in_a_group_is_sent_there(tmp_path: Path) -> None:
    lines = mistakes(
        tmp_path, FILE.replace("    tags: {app: payroll}\nrec", "    tags: {app: payroll}\n    pauseBefore: true\nrec")
    )
    assert lines == [
        "14: protectionGroups[1].pauseBefore: unknown field here; it belongs in an entry of recoveryPlan.waves, such "
        "as recoveryPlan: {waves: [{pauseBefore: true}]}"
    ]


def test_a_name_that_is_given_twice_hides_no_other_mistake(tmp_path: Path) -> None:
    lines = mistakes(tmp_path, FILE.replace("  name: Payroll", "  name: Payroll\n  name: Shop\n  colour: red"))
    assert lines[0] == "16: recoveryPlan.name: is repeated"
    assert lines[1].startswith("17: recoveryPlan.colour: unknown field; allowed here: name, description")


def test_fields_of_the_plan_at_the_top_are_sent_to_their_place(tmp_path: Path) -> None:
    lines = mistakes(tmp_path, "name: payroll\nwaves:\n  - {name: database, groups: [payroll-db]}\n")
    assert "1: name: unknown field here; it belongs in recoveryPlan, such as recoveryPlan: {name: payroll}" in lines
    assert (
        "2: waves: unknown field here; it belongs in recoveryPlan, such as "
        "recoveryPlan: {waves: [{name: database, groups: [payroll-db]}]}"
    ) in lines


def test_mappings_are_plain_though_another_library_makes_others_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {**yaml.SafeLoader.yaml_constructors, "tag:yaml.org,2002:map": lambda loader, node: None}
    monkeypatch.setattr(yaml.SafeLoader, "yaml_constructors", other)
    path = tmp_path / "plan.yaml"
    path.write_text(FILE)
    read_plan_file(path)


def test_types_that_another_library_adds_to_yaml_are_not_allowed_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yaml.SafeLoader, "yaml_multi_constructors", {"!": lambda loader, suffix, node: suffix})
    (line,) = mistakes(tmp_path, "recoveryPlan:\n  name: !x y\n")
    assert line.startswith("2: file: not YAML: types are not allowed")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "1: file: is empty; a plan file has protectionGroups and recoveryPlan"),
        ("recoveryPlan:\n\tname: x\n", "2: file: not YAML: a tab; lines are indented with spaces"),
        ("recoveryPlan:\n  name: x\n\twaves: []\n", "3: file: not YAML: a tab; lines are indented with spaces"),
        ("recoveryPlan:\n  name: [x\n  waves: y\n", "2: file: not YAML: the list that begins here is not closed"),
        ("recoveryPlan:\n  name: 'x\n  waves: y\n", "2: file: not YAML: the quote that begins here is not closed"),
        ("recoveryPlan:\n  name: x: y\n", "2: file: not YAML: no field can begin here"),
        ("recoveryPlan:\n  name: x\n  waves\n", "3: file: not YAML: a field needs a colon and a value"),
        ("recoveryPlan:\n  name: @x\n", "2: file: not YAML: text that begins with @ needs quotes"),
        ("recoveryPlan:\n  name: !x y\n", "2: file: not YAML: types are not allowed"),
        ("recoveryPlan: {}\n---\nrecoveryPlan: {}\n", "2: file: not YAML: a second document begins here"),
    ],
)
def test_a_file_that_is_not_yaml_is_refused_in_plain_words(tmp_path: Path, text: str, says: str) -> None:
    (line,) = mistakes(tmp_path, text)
    assert line.startswith(says)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{\n "a": 1\n "b": 2\n}', "3: file: not JSON: a comma or a closing bracket is missing before this place"),
        ('{\n "a": 1,\n "b"\n', "4: file: not JSON: a colon is missing before this place"),
        ('{\n "a": "x\n}', "2: file: not JSON: a line break or tab within quotes"),
        ('{"a": {}', "1: file: not JSON: a comma or a closing bracket is missing"),
    ],
)
def test_a_json_file_is_spoken_of_as_json(tmp_path: Path, text: str, says: str) -> None:
    (line,) = mistakes(tmp_path, text, "plan.json")
    assert line.startswith(says)


def test_a_json_file_may_be_indented_with_tabs_and_its_examples_are_json(tmp_path: Path) -> None:
    data = yaml.safe_load(FILE)
    (tmp_path / "good.json").write_text(json.dumps(data, indent="\t"))
    read_plan_file(tmp_path / "good.json")
    data["protectionGroups"][1]["tags"] = ["app=payroll"]
    (line,) = mistakes(tmp_path, json.dumps(data, indent="\t"), "plan.json")
    assert line.endswith('protectionGroups[1].tags: must be a mapping, such as {"app": "payroll"}')


def test_two_servers_of_the_sandbox_never_share_a_host_name(tmp_path: Path) -> None:
    rows = "      hostname: db-{n:02}\n      count: 2\n"
    assert rows in FILE
    (without_number,) = mistakes(tmp_path, FILE.replace(rows, "      hostname: db-01\n      count: 2\n"))
    assert without_number == (
        "25: sandbox.sourceServers[0].hostname: has no {n}, so all 2 servers would have one name; write 'db-01-{n:02}'"
    )
    data = yaml.safe_load(FILE)
    data["sandbox"]["sourceServers"] *= 2
    (repeated,) = mistakes(tmp_path, yaml.safe_dump(data, sort_keys=False))
    assert "sandbox.sourceServers[1].hostname: the row of line" in repeated
    assert "has the server 'db-01' too" in repeated
    data["sandbox"]["sourceServers"] = [data["sandbox"]["sourceServers"][0], {**data["sandbox"]["sourceServers"][0]}]
    data["sandbox"]["sourceServers"][1]["region"] = "eu-west-1"
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(data))
    read_plan_file(tmp_path / "plan.yaml")


def test_the_sandbox_loads_no_file_that_lacks_its_servers(tmp_path: Path) -> None:
    for old, new, says in (
        (
            "[db-01]",
            "[db-1]",
            "9: protectionGroups[0].sourceServers[0]: the sandbox has no server 'db-1'; did you mean",
        ),
        ("count: 2", "count: none", "26: sandbox.sourceServers[0].count: must be a whole number"),
    ):
        (tmp_path / "plan.yaml").write_text(FILE.replace(old, new))
        with pytest.raises(SandboxError) as refused:
            loading.load_plan(None, tmp_path / "plan.yaml")  # type: ignore[arg-type]
        assert f"plan.yaml:{says}" in str(refused.value)
