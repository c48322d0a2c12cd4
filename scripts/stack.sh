# What deploy.sh and teardown.sh share. Sourced from the root of the repository, with `me`, `env`, `region` and
# `profile` set; messages begin with `me`. Exit status everywhere: 0 done, 1 failed, 2 usage, 3 refused.

fail() { echo "$me: $1" >&2; exit "${2:-1}"; }
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p;}' "$0" >&2; exit 2; }
aws() { .venv/bin/aws "$@" --region "$region" "${profile[@]}"; }

# Sets `stack`, or ends with what is wrong.
name_stack() {
  [[ $env =~ ^[a-z][a-z0-9-]{0,20}$ ]] || fail "--env is needed: small letters, digits and hyphens, such as prod" 2
  [[ $region =~ ^[a-z]{2,4}(-[a-z]{2,4})?-[a-z]+-[0-9]{1,2}$ ]] || fail "--region is needed, such as eu-west-1" 2
  stack=drs-waves-$env
}

# The stack's status, or NONE. Not being allowed to look is no NONE.
stack_status() {
  local answer
  answer=$(aws cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].StackStatus' --output text 2>&1) || {
    [[ $answer == *"does not exist"* ]] || fail "cannot look at $stack: $answer"
    answer=NONE
  }
  echo "$answer"
}

# Wait until the stack, which was in status $1, is done with what it does; is it then in one of the others named?
await_stack() {
  local before=$1 now looks=0
  shift
  sleep 2
  # For a moment it may still be what it was.
  while now=$(stack_status); [[ $now == *_IN_PROGRESS || ($now == "$before" && looks -lt 2) ]]; do
    looks=$((looks + 1))
    sleep 4
  done
  [[ " $* " == *" $now "* ]] || { echo "$me: $stack is $now" >&2; return 1; }
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

# Ask for a yes; without a terminal nobody is there to give it.
ask() {
  local answer
  [[ -t 0 ]] || fail "nobody to ask; say --yes to go on without being asked" 3
  read -r -p "$1 [y/N] " answer
  [[ $answer == [yY]* ]]
}
