#!/usr/bin/env bash
# Take the control plane down: show what is deleted and what stays, ask, and delete.
#
#   scripts/teardown.sh --env test --region eu-west-1                  # the tables and their stack stay
#   scripts/teardown.sh --env test --region eu-west-1 --delete-data    # the tables too; asks for the stack's name
#   scripts/teardown.sh --env test --region eu-west-1 --delete-data --yes --confirm drs-waves-test
#
# The bucket of evidence and the key that signs it stay with the tables. --delete-data deletes what Object Lock lets it
# delete of the evidence, and never the key: evidence that was handed out can be checked as long as the key is there.
# Refused while a run or a clean-up is on. Recovery instances, DRS and the roles in target accounts are not touched.
# After an error, give the command again. Exit status: 0 done or nothing to do, 1 failed, 2 usage, 3 refused.
set -euo pipefail
cd "$(dirname "$0")/.."
me=teardown
. scripts/stack.sh

env='' region='' profile=() yes=no delete_data=no confirm=''
while (($#)); do
  case $1 in
    --env) env=${2:-}; shift 2 || usage ;;
    --region) region=${2:-}; shift 2 || usage ;;
    --profile) profile=(--profile "${2:-}"); shift 2 || usage ;;
    --delete-data) delete_data=yes; shift ;;
    --confirm) confirm=${2:-}; shift 2 || usage ;;
    --yes) yes=yes; shift ;;
    -h | --help) usage ;;
    *) echo "teardown: unknown argument $1" >&2; usage ;;
  esac
done
name_stack

status=$(stack_status "$stack")
tables_status=$(stack_status "$tables_stack")
resources=''
[[ $status == NONE ]] || resources=$(stack_resources)
names=$(sed -n 's/^ *TableName: !Sub \${ControlPlane}-//p' cfn/tables.yaml)
there=$(aws dynamodb list-tables --query 'TableNames' --output text | tr '\t' '\n')
tables=$(for name in $names; do grep -x -- "$stack-$name" <<<"$there" || true; done)
bucket=$stack-$(aws sts get-caller-identity --query Account --output text)-$region
aws s3api head-bucket --bucket "$bucket" >/dev/null 2>&1 || bucket=''
# A stack of tables whose creation failed is deleted too: nothing can be deployed over it.
drop_tables_stack=no
if [[ $tables_status != NONE && ($delete_data == yes || $tables_status == ROLLBACK_@(COMPLETE|FAILED) || $tables_status == REVIEW_IN_PROGRESS) ]]; then
  drop_tables_stack=yes
fi
if [[ $status == NONE && $drop_tables_stack == no && ($delete_data == no || -z $tables$bucket) ]]; then
  echo "there is no stack $stack in $region${tables:+; its tables are there: $(echo $tables)}"
  exit 0
fi

refuse_for_runs() {
  local runs
  runs=$(list_running "$resources")
  [[ -n $runs ]] || return 0
  sed 's/^/  /' <<<"$runs" >&2
  fail "a run is on; cancel it, or wait for its end (docs/runbook.md)" 3
}
refuse_for_runs

if [[ -n $resources ]]; then
  echo "removes from $region:"
  awk '$2 !~ /^AWS::DynamoDB::/ {count[$2]++} END {for (type in count) printf "  %4d %s\n", count[type], type}' <<<"$resources" | sort -k2
fi
if grep -q -x -- "$stack-recovery-instances" <<<"$tables"; then
  left=$(aws dynamodb scan --table-name "$stack-recovery-instances" --select COUNT --query Count --output text \
    --filter-expression 'isDrill = :yes AND attribute_exists(sourceExecutionId)' \
    --expression-attribute-values '{":yes": {"BOOL": true}}' | awk '{sum += $1} END {print sum + 0}')
  [[ $left == 0 ]] || echo "leaves $left instances of drills running; to terminate them first: drs-waves cleanup EXECUTION"
fi
if [[ $resources == *AWS::Scheduler::ScheduleGroup* ]]; then
  due=$(aws scheduler list-schedules --group-name "$stack-cleanups" --query 'Schedules[].Name' --output text | tr '\t' '\n' | grep -c . || true)
  [[ $due == 0 ]] || echo "cancels $due scheduled clean-ups"
fi
if [[ $delete_data == yes ]]; then
  echo "deletes with everything in them; DynamoDB keeps a last backup of each for 35 days:"
else
  echo "keeps, protected against deletion as they are; the next deployment of $stack has them again:"
fi
sed 's/^/  /' <<<"${tables:-no table}"
[[ -z $bucket ]] || echo "  $bucket (evidence; versions that Object Lock keeps stay, and the bucket with them)"

if [[ $delete_data == yes ]]; then
  if [[ -z $confirm && -t 0 ]]; then
    read -r -p "type $stack to delete its data: " confirm
  fi
  [[ $confirm == "$stack" ]] || fail "to delete its data, give --confirm $stack; nothing was changed" 3
fi
[[ $yes == yes ]] || ask "take down $stack in $region?" || fail "nothing was changed" 3

delete_stack() {
  echo "deleting the stack $1"
  aws cloudformation delete-stack --stack-name "$1"
  await_stack "$1" "$2" NONE || fail "the stack $1 was not deleted; see its events, fix the cause, and run this again"
}
if [[ $status != NONE ]]; then
  refuse_for_runs  # one may have started since
  delete_stack "$stack" "$status"
fi
[[ $drop_tables_stack == no ]] || delete_stack "$tables_stack" "$tables_status"

in_region() { local where=$1; shift; .venv/bin/aws "$@" --region "$where" "${profile[@]}"; }
copies_of() { aws dynamodb describe-table --table-name "$1" --query "Table.Replicas[?RegionName!='$region'].RegionName" --output text | sed 's/^None$//'; }
unprotect() {
  in_region "$1" dynamodb update-table --table-name "$2" --no-deletion-protection-enabled >/dev/null
  in_region "$1" dynamodb wait table-exists --table-name "$2"
}
delete_table() {
  local copy wait
  for copy in $(copies_of "$1"); do
    unprotect "$copy" "$1"
    aws dynamodb update-table --table-name "$1" --replica-updates "Delete={RegionName=$copy}" >/dev/null
    for ((wait = 0; wait < 180; wait++)); do
      [[ -n $(copies_of "$1") ]] || break
      sleep 10
    done
  done
  unprotect "$region" "$1"
  aws dynamodb delete-table --table-name "$1" >/dev/null
  aws dynamodb wait table-not-exists --table-name "$1"
  echo "deleted $1"
}
# Delete the versions of evidence that are not locked, then the bucket if nothing is left; say what is left.
delete_evidence() {
  local listed kept
  while listed=$(aws s3api list-object-versions --bucket "$bucket" --max-items 500 --output json \
      --query '{Objects: [Versions, DeleteMarkers][][].{Key: Key, VersionId: VersionId}}') &&
      [[ $(jq_length "$listed") != 0 ]]; do
    kept=$(aws s3api delete-objects --bucket "$bucket" --delete "$listed" --query 'length(Errors || `[]`)' --output text)
    [[ $kept == 0 ]] || break
  done
  if [[ $(jq_length "$listed") == 0 ]] && aws s3api delete-bucket --bucket "$bucket"; then
    echo "deleted $bucket"
  else
    echo "kept $bucket: Object Lock keeps evidence in it until its date has passed; give the command again then"
  fi
}
jq_length() { .venv/bin/python -c 'import json, sys; print(len(json.loads(sys.argv[1] or "{}").get("Objects") or ()))' "$1"; }
if [[ $delete_data == yes && -n $bucket ]]; then
  delete_evidence
fi
if [[ $delete_data == yes ]]; then
  deleting=()
  for table in $tables; do
    (set -e; delete_table "$table") &
    deleting+=("$!")
  done
  for one in "${deleting[@]}"; do
    wait "$one" || fail "not every table was deleted; fix the errors above, and run this again"
  done
fi
echo "done"
