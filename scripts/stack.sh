# Functions of deploy.sh and teardown.sh, which source this file in the root of the repository with `me`, `env`,
# `region` and `profile` set. Messages begin with `me`. Exit status: 0 done, 1 failed, 2 usage, 3 refused.

# Older versions, such as macOS's own, treat an empty array as an unset variable.
((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)) || { echo "$me: needs bash 4.4 or newer; this is $BASH_VERSION" >&2; exit 1; }

fail() { echo "$me: $1" >&2; exit "${2:-1}"; }
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p;}' "$0" >&2; exit 2; }
aws() { .venv/bin/aws "$@" --region "$region" "${profile[@]}"; }

# Set `stack` and `tables_stack`, or end with a message.
name_stack() {
  [[ $env =~ ^[a-z][a-z0-9-]{0,20}$ ]] || fail "--env is needed: lower-case letters, digits and hyphens, such as prod" 2
  [[ $region =~ ^[a-z]{2,4}(-[a-z]{2,4})?-[a-z]+-[0-9]{1,2}$ ]] || fail "--region is needed, such as eu-west-1" 2
  stack=drs-waves-$env
  tables_stack=$stack-tables
}

# The status of the stack $1, or NONE if it does not exist. End if it cannot be read.
stack_status() {
  local answer
  answer=$(aws cloudformation describe-stacks --stack-name "$1" --query 'Stacks[0].StackStatus' --output text 2>&1) || {
    [[ $answer == *"does not exist"* ]] || fail "cannot read $1: $answer"
    answer=NONE
  }
  echo "$answer"
}

# Wait until the operation on the stack $1, which was in status $2, has ended. Succeed if its status is one of the other
# arguments. Set `now` to the status. End if the status cannot be read five times in a row; the operation may continue.
await_stack() {
  local name=$1 before=$2 reads=0 failed_reads=0
  shift 2
  sleep 2
  # At first the status may still be the old one.
  while ! now=$(stack_status "$name") || [[ $now == *_IN_PROGRESS || ($now == "$before" && reads -lt 2) ]]; do
    if [[ -n $now ]]; then
      failed_reads=0 reads=$((reads + 1))
    elif ((++failed_reads == 5)); then
      fail "cannot read the status of $name; CloudFormation continues its operation: check it before anything else"
    fi
    sleep 4
  done
  [[ " $* " == *" $now "* ]] || { echo "$me: $name is $now" >&2; return 1; }
}

# The resources of the stack, a line each: logical id, type and physical id.
stack_resources() {
  aws cloudformation list-stack-resources --stack-name "$stack" --output text --query \
    'StackResourceSummaries[?ResourceStatus!=`DELETE_COMPLETE`].[LogicalResourceId,ResourceType,PhysicalResourceId]'
}

# The runs and clean-ups that are on, in the state machines among the resources $1, a line each: name and start.
list_running() {
  local machine answer
  for machine in $(awk '$1 == "RecoverPlanMachine" || $1 == "CleanUpDrillMachine" {print $3}' <<<"$1"); do
    answer=$(aws stepfunctions list-executions --state-machine-arn "$machine" --status-filter RUNNING \
      --query 'executions[].[name,startDate]' --output text 2>&1) || {
      [[ $answer != *StateMachineDoesNotExist* ]] || continue
      fail "cannot list the runs that are on: $answer"
    }
    [[ -z $answer || $answer == None ]] || printf '%s\n' "$answer"
  done
}

# Quote each Key=value for sam, a line each. Without quotes, sam refuses an empty value and cuts a value at a space. A
# value with a quote or a backslash cannot be quoted, so it is refused; no parameter needs one.
quote_for_sam() {
  local each
  for each in "$@"; do
    [[ $each != *[\"\\$'\n']* && $each =~ ^[A-Za-z0-9]+= ]] || fail "not a parameter and its value: $each" 2
    printf '%s="%s"\n' "${each%%=*}" "${each#*=}"
  done
}

# The parameters in cfn/samconfig.toml for the environment, as sam reads them, a line each: Key=value.
parameters_in_file() {
  [[ ! -f cfn/samconfig.toml ]] || .venv/bin/python -c '
import sys, tomllib
from samcli.cli.types import CfnParameterOverridesType
with open("cfn/samconfig.toml", "rb") as file:
    deploy = tomllib.load(file).get(sys.argv[1], {}).get("deploy", {}).get("parameters", {})
given = CfnParameterOverridesType().convert(deploy.get("parameter_overrides", ()), None, None)
print("\n".join(f"{name}={value}" for name, value in given.items()))' "$env"
}

# The value of the parameter $1 after the change set $2: from the change set, the stack $3, or the default of template $4.
value_after() {
  local query="Parameters[?ParameterKey=='$1'].ParameterValue | [0]" of=${3:-$stack} template=${4:-cfn/template.yaml} value
  value=$(aws cloudformation describe-change-set --change-set-name "$2" --no-paginate --query "$query" --output text)
  [[ $value != None ]] || value=$(aws cloudformation describe-stacks --stack-name "$of" --query "Stacks[0].$query" --output text)
  [[ $value != None ]] || value=$(awk -v name="  $1:" '$0 == name {found = 1} found && $1 == "Default:" {print $2; exit}' "$template")
  echo "$value"
}

# Ask a question. Succeed if the answer is yes. End if there is no terminal.
ask() {
  local answer
  [[ -t 0 ]] || fail "there is no terminal to ask on; give --yes" 3
  read -r -p "$1 [y/N] " answer
  [[ $answer == [yY]* ]]
}
