"""The text of a first plan file: a group and a wave for each value of a tag, with comments that explain each field."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from api.http.paths import ROUTE_WORDS
from api.schemas.requests.forms import suggest_slug
from cli import checkout
from cli.plans.document import show_yaml
from cli.plans.file_schema import DEFAULT_SECRET_VARIABLE
from recovery import regions
from recovery.free_text import flatten
from recovery.wording import plural

# A tag with more values than this is no tag of tiers: a plan has at most 40 waves.
MAX_VALUES = 40

_ROLE = "drs-waves-target"


@dataclass(frozen=True, slots=True)
class FirstPlan:
    """What the file is made of. `values` of the tag are in the order of recovery."""

    name: str
    account_id: str
    region: str
    tag: str
    values: Sequence[str]
    servers: Mapping[str, int] = field(default_factory=dict)
    """How many servers have each value now, as far as that is known."""


def list_tags(servers: Sequence[Mapping[str, str]]) -> dict[str, Counter[str]]:
    """The tags that could stand for tiers, each with how many servers have each of its values.

    `servers` are the tags of each server. Tags with one value only, or a value for each server, come last.
    """
    found: dict[str, Counter[str]] = {}
    for tags in servers:
        for key, value in tags.items():
            found.setdefault(key, Counter())[value] += 1
    usable = {key: values for key, values in found.items() if len(values) <= MAX_VALUES and key != "Name"}
    return dict(sorted(usable.items(), key=lambda each: (not 1 < len(each[1]) < len(servers), each[0])))


def write_first_plan(plan: FirstPlan, path: Path) -> str:
    """The text of the file at `path`, which it names in commands."""
    partition = regions.find_partition(plan.region) or "aws"
    account = show_yaml(plan.account_id)
    named = list(zip(plan.values, _wave_names(plan.values), strict=True))
    groups = "\n".join(_group(plan, value, wave, account, is_first=at == 0) for at, (value, wave) in enumerate(named))
    waves = "\n".join(_wave(plan, wave, at) for at, (_, wave) in enumerate(named))
    file = flatten(path)
    drill = checkout.make_command("drill", path)
    drill_line = f"# Drill it on this machine:   {flatten(drill)}\n" if drill else ""
    return f"""\
{_schema_line(path)}# A recovery plan. docs/api.md, "Plan files", describes every field.
#
# Check it:                   drs-waves plan validate {file}
{drill_line}# Compare it with the API:    drs-waves plan diff {file}
# Apply it:                   drs-waves plan apply {file}

# The accounts whose servers are recovered. `apply` registers those that drs-waves does not know, with the external id
# that the environment variable {DEFAULT_SECRET_VARIABLE} has then: it is a secret, so it is not in this file.
targetAccounts:
  - accountId: {account}  # in quotes, because it is text
    roleArn: arn:{partition}:iam::{plan.account_id}:role/{_ROLE}  # the role that cfn/target_account.yaml makes there
    regions: [{plan.region}]  # into which DRS recovers servers of the account

# A protection group is a set of source servers in one account and Region.
protectionGroups:
{groups}

recoveryPlan:
  name: {show_yaml(plan.name)}
  # launchAttempts: 2       # how often each server is launched at most
  # rtoTargetMinutes: 240   # how long a run may take; its report says whether it did
  # rpoTargetMinutes: 60    # how old the launched data may be
  # fourEyes: true          # another person than who started a run approves its waves and accepts it
  # cleanUpAfterHours: 8    # terminate the instances of a drill by themselves
  # readinessEveryHours: 24 # check once a day whether a run would succeed, and tell operators if the answer changes
  # drillPolicy:            # drill the plan by itself; `drs-waves schedule next` says when. See docs/drills.md
  #   everyDays: 90         # or schedule: "0 2 * * SAT"
  #   timezone: Europe/Berlin
  waves:
{waves}

# The sandbox makes up three servers for each group. To describe them instead:
# sandbox:
#   sourceServers:
#     - {{accountId: {account}, region: {plan.region}, hostname: 'db-{{n:02}}', count: 2, os: Ubuntu 24.04, cpus: 4,
#        ramGiB: 16, disksGiB: [100], tags: {show_yaml({plan.tag: plan.values[0]})}}}
"""


def _schema_line(path: Path) -> str:
    """The line by which editors complete the file, if the schema is on this machine."""
    schema = checkout.ROOT / "docs" / "plan-file.schema.json"
    if not schema.is_file():
        return ""
    return f"# yaml-language-server: $schema={os.path.relpath(schema, path.parent.resolve())}\n"


def _wave_names(values: Sequence[str]) -> list[str]:
    """A name for the wave of each value. No two are the same, and none is a word of the API's paths."""
    names = list[str]()
    for value in values:
        name = suggest_slug(value) or "wave"
        if name in names or name in ROUTE_WORDS:
            name = f"{name[:55]}-tier"
        while name in names:
            name += "-2"
        names.append(name)
    return names


def _group(plan: FirstPlan, value: str, wave: str, account: str, *, is_first: bool) -> str:
    count = plan.servers.get(value)
    comment = "  # every server with all of these tags when a run starts"
    now = f"{': ' if is_first else '  # '}{plural(count, 'server')} now" if count is not None else ""
    instead = "\n    # sourceServers: [db-01, db-02]  # instead of tags: by host name, or by sourceServerIds"
    return f"""\
  - name: {show_yaml(_group_name(plan, wave))}
    accountId: {account}
    region: {plan.region}
    tags: {show_yaml({plan.tag: value})}{comment if is_first else ""}{now}{instead if is_first else ""}"""


def _wave(plan: FirstPlan, wave: str, at: int) -> str:
    comments = {
        0: """
      # approval: {required: true}   # a person approves the wave before it starts
      # onFailure: ask               # if servers fail: stop, continue, or ask a person
      # maxFailedPercent: 10         # how many of its servers may fail without failing the wave
      # rtoTargetMinutes: 60
      # checks: [boot, agent, {http: {port: 8080, path: /health}}]   # what has to be true of its launched servers
      # checksTimeoutMinutes: 30     # how long they may take to pass
      # after:                       # actions; docs/checks-and-actions.md has every kind, and what they need
      #   - name: sign-off
      #     manual: {instructions: Place an order and look for it in the back office.}""",
        1: "\n      # dependsOn: []   # without it, a wave waits for the one before it; with [], for none",
    }
    return f"""\
    - name: {show_yaml(wave)}
      groups: [{show_yaml(_group_name(plan, wave))}]{comments.get(at, "")}"""


def _group_name(plan: FirstPlan, wave: str) -> str:
    return f"{plan.name[: 100 - len(wave) - 1]}-{wave}"
