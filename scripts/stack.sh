# What deploy.sh and teardown.sh are made of. Sourced from the root of the repository, with `me`, `env`, `region` and
# `profile` set; messages begin with `me`. Exit status everywhere: 0 done, 1 failed, 2 usage, 3 refused.

# Older ones, such as macOS's own, take an empty array for a variable that is not set.
((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)) || { echo "$me: needs bash 4.4 or newer; this is $BASH_VERSION" >&2; exit 1; }

fail() { echo "$me: $1" >&2; exit "${2:-1}"; }
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p;}' "$0" >&2; exit 2; }
aws() { .venv/bin/aws "$@" --region "$region" "${profile[@]}"; }

# Sets `stack` and `tables_stack`, or ends with what is wrong.
name_stack() {
  [[ $env =~ ^[a-z][a-z0-9-]{0,20}$ ]] || fail "--env is needed: small letters, digits and hyphens, such as prod" 2
  [[ $region =~ ^[a-z]{2,4}(-[a-z]{2,4})?-[a-z]+-[0-9]{1,2}$ ]] || fail "--region is needed, such as eu-west-1" 2
  stack=drs-waves-$env
  tables_stack=$stack-tables
}

# The status of the stack $1, or NONE. Not being allowed to look is no NONE.
stack_status() {
  local answer
  answer=$(aws cloudformation describe-stacks --stack-name "$1" --query 'Stacks[0].StackStatus' --output text 2>&1) || {
    [[ $answer == *"does not exist"* ]] || fail "cannot look at $1: $answer"
    answer=NONE
  }
  echo "$answer"
}

# Wait until the stack $1, which was in status $2, is done with what it does; is it then in one of the others named?
# Sets `now`, its status. Ends when it cannot be looked at five times in a row, which is no news of the stack.
await_stack() {
  local name=$1 before=$2 looks=0 blind=0
  shift 2
  sleep 2
  # For a moment it may still be what it was.
  while ! now=$(stack_status "$name") || [[ $now == *_IN_PROGRESS || ($now == "$before" && looks -lt 2) ]]; do
    if [[ -n $now ]]; then
      blind=0 looks=$((looks + 1))
    elif ((++blind == 5)); then
      fail "cannot tell how $name fares; CloudFormation goes on with it: look again before anything else"
    fi
    sleep 4
  done
  [[ " $* " == *" $now "* ]] || { echo "$me: $name is $now" >&2; return 1; }
}

# Logical id, type and physical id of what the stack has, a line each.
stack_resources() {
  aws cloudformation list-stack-resources --stack-name "$stack" --output text --query \
    'StackResourceSummaries[?ResourceStatus!=`DELETE_COMPLETE`].[LogicalResourceId,ResourceType,PhysicalResourceId]'
}

# The runs and clean-ups that are on, of the resources given: name and start, a line each.
runs_that_are_on() {
  local machine answer
  for machine in $(awk '$1 == "RecoverPlanMachine" || $1 == "CleanUpDrillMachine" {print $3}' <<<"$1"); do
    answer=$(aws stepfunctions list-executions --state-machine-arn "$machine" --status-filter RUNNING \
      --query 'executions[].[name,startDate]' --output text 2>&1) || {
      [[ $answer != *StateMachineDoesNotExist* ]] || continue
      fail "cannot see whether a run is on: $answer"
    }
    [[ -z $answer || $answer == None ]] || printf '%s\n' "$answer"
  done
}

# Key=value, each with its value in quotes on a line: sam takes none that is empty, and cuts one at a space. It knows no
# way to say every backslash and quote; no parameter has any.
for_sam() {
  local each
  for each in "$@"; do
    [[ $each != *[\"\\$'\n']* && $each =~ ^[A-Za-z0-9]+= ]] || fail "not a parameter and its value: $each" 2
    printf '%s="%s"\n' "${each%%=*}" "${each#*=}"
  done
}

# The parameters that cfn/samconfig.toml has for the environment, as sam reads them: Key=value, a line each.
parameters_in_file() {
  [[ ! -f cfn/samconfig.toml ]] || .venv/bin/python -c '
import sys, tomllib
from samcli.cli.types import CfnParameterOverridesType
with open("cfn/samconfig.toml", "rb") as file:
    deploy = tomllib.load(file).get(sys.argv[1], {}).get("deploy", {}).get("parameters", {})
given = CfnParameterOverridesType().convert(deploy.get("parameter_overrides", ()), None, None)
print("\n".join(f"{name}={value}" for name, value in given.items()))' "$env"
}

# The value that the parameter $1 has after the change set $2: its own, else the stack's, else the template's default.
value_after() {
  local asked="Parameters[?ParameterKey=='$1'].ParameterValue | [0]" value
  value=$(aws cloudformation describe-change-set --change-set-name "$2" --no-paginate --query "$asked" --output text)
  [[ $value != None ]] || value=$(aws cloudformation describe-stacks --stack-name "$stack" --query "Stacks[0].$asked" --output text)
  [[ $value != None ]] || value=$(awk -v name="  $1:" '$0 == name {found = 1} found && $1 == "Default:" {print $2; exit}' cfn/template.yaml)
  echo "$value"
}

# Ask for a yes; without a terminal nobody is there to give it.
ask() {
  local answer
  [[ -t 0 ]] || fail "nobody to ask; say --yes to go on without being asked" 3
  read -r -p "$1 [y/N] " answer
  [[ $answer == [yY]* ]]
}
