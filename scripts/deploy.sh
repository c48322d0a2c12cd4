#!/usr/bin/env bash
# Deploy the control plane: check the templates, show what would change, ask, and change it.
#
#   scripts/deploy.sh --env prod --region eu-west-1                    # shows the change set and asks
#   scripts/deploy.sh --env prod --region eu-west-1 --validate-only    # changes nothing
#   scripts/deploy.sh --env prod --region eu-west-1 --yes CallsPerSecond=5 LogLevel=DEBUG
#   scripts/deploy.sh --env prod --region eu-west-1 --when-idle        # refused while a run is on
#   scripts/deploy.sh --env prod --region eu-west-1 --yes --checked    # in a pipeline that has run make check
#
# There are two stacks: drs-waves-ENV-tables (cfn/tables.yaml), which is deployed first, and drs-waves-ENV. They belong
# in the recovery Region. A change that would delete or replace a table, the bucket of evidence or its key is refused; so
# is one that would take a function or a machine away from a run that is on. Parameters, of either stack, come from the command
# (`'SyncRate=rate(10 minutes)'` in quotes, `ReplicaRegion=` for an empty one), or else from cfn/samconfig.toml; one that
# is not named keeps its value.
# Exit status: 0 done or nothing to do, 1 failed, 2 usage, 3 refused.
set -euo pipefail
cd "$(dirname "$0")/.."
me=deploy
. scripts/stack.sh

# Nothing can be deployed over a stack whose first deployment failed. Print what to do; $1 is the stack, $2 its status.
way_out() {
  echo -n "the first deployment of $1 failed ($2); before another one: make teardown ENV=$env REGION=$region"
  [[ $1 != "$tables_stack" ]] || echo -n " (tables that it has left behind, empty: ARGS=--delete-data;" \
    "not if tables of a stack before it are among them)"
}

env='' region='' profile=() validate_only=no yes=no when_idle=no checked=no parameters=()
while (($#)); do
  case $1 in
    --env) env=${2:-}; shift 2 || usage ;;
    --region) region=${2:-}; shift 2 || usage ;;
    --profile) profile=(--profile "${2:-}"); shift 2 || usage ;;
    --validate-only) validate_only=yes; shift ;;
    --when-idle) when_idle=yes; shift ;;
    --checked) checked=yes; shift ;;
    --yes) yes=yes; shift ;;
    -h | --help) usage ;;
    *=*) parameters+=("$1"); shift ;;
    *) echo "deploy: unknown argument $1" >&2; usage ;;
  esac
done
name_stack
if ((${#parameters[@]} == 0)); then
  given=$(parameters_in_file)
  [[ -z $given ]] || mapfile -t parameters <<<"$given"
fi
given=$(quote_for_sam "ControlPlane=$stack" "EnvironmentName=$env" ${parameters[@]:+"${parameters[@]}"})
mapfile -t parameters <<<"$given"

runs='' resources=''
if [[ $validate_only == no ]]; then
  [[ -d build/layer/python ]] || fail "there is no layer; run make layer-for-aws first"
  status=$(stack_status "$stack")
  tables_status=$(stack_status "$tables_stack")
  [[ $status != ROLLBACK_@(COMPLETE|FAILED) ]] || fail "$(way_out "$stack" "$status")" 3
  [[ $tables_status != ROLLBACK_@(COMPLETE|FAILED) ]] || fail "$(way_out "$tables_stack" "$tables_status")" 3
fi
if [[ $validate_only == no && $status != NONE && $status != REVIEW_IN_PROGRESS ]]; then
  resources=$(stack_resources)
  runs=$(list_running "$resources")
fi
if [[ -n $runs ]]; then
  echo "these runs are on; they keep their state machines, and get the new functions (docs/upgrade.md):"
  sed 's/^/  /' <<<"$runs"
  [[ $when_idle == no ]] || fail "a run is on; nothing was changed" 3
fi

.venv/bin/python scripts/machines.py
if [[ $checked == no ]]; then
  echo "checking templates and state machines"
  .venv/bin/cfn-lint cfn/*.yaml
  make --no-print-directory lint-asl >/dev/null
fi
[[ $validate_only == no ]] || { echo "valid; nothing was deployed"; exit 0; }

echo "creating the change sets of $tables_stack and $stack in $region"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# sam packs the whole folder. Bytecode in it would differ each time.
find lambdas -name __pycache__ -prune -exec rm -rf {} +
bucket=(--resolve-s3)
[[ -z ${DRS_WAVES_BUCKET:-} ]] || bucket=(--s3-bucket "$DRS_WAVES_BUCKET" --no-resolve-s3)
# Create and print the change set of the stack $1 from the template $2; print nothing if nothing changes. sam passes each
# template those parameters that it has.
change_set() {
  .venv/bin/sam deploy --template-file "$2" --config-env "$env" --stack-name "$1" --region "$region" "${profile[@]}" \
    "${bucket[@]}" --capabilities CAPABILITY_IAM CAPABILITY_NAMED_IAM CAPABILITY_AUTO_EXPAND --no-progressbar \
    --no-execute-changeset --no-fail-on-empty-changeset --tags "drs-waves:environment=$env" \
    --parameter-overrides "${parameters[@]}" >"$log" 2>&1 || { cat "$log" >&2; fail "sam could not make the change set of $1"; }
  grep -q 'No changes to deploy' "$log" || grep -o 'arn:aws[a-z-]*:cloudformation:[^ ]*:changeSet/[^ ]*' "$log" | tail -1 |
    grep . || { cat "$log" >&2; fail "sam named no change set of $1"; }
}
tables_changes=$(change_set "$tables_stack" cfn/tables.yaml)
changes=$(change_set "$stack" cfn/template.yaml)
if [[ -z $tables_changes$changes ]]; then
  echo "nothing to change"
  exit 0
fi
drop_change_sets() {
  local each
  for each in $tables_changes $changes; do
    aws cloudformation delete-change-set --change-set-name "$each" >/dev/null
  done
}
refuse() {
  drop_change_sets
  fail "$1; nothing was changed" 3
}

described=''
for each in $tables_changes $changes; do
  described+=$(aws cloudformation describe-change-set --change-set-name "$each" \
    --query 'Changes[].ResourceChange.[Action,Replacement,ResourceType,LogicalResourceId]' --output text)$'\n'
done
sort <<<"${described%$'\n'}" | awk '{printf "  %-8s %-12s %-34s %s\n", $1, ($2 == "None" ? "" : $2), $3, $4}'
loses() { awk -v types="$1" '$3 ~ "^(" types ")$" && ($1 == "Remove" || $2 == "True") {found = 1} END {exit !found}' <<<"$described"; }
if loses 'AWS::DynamoDB::(Table|GlobalTable)'; then
  refuse "this would delete or replace a table, and its data"
fi
if loses 'AWS::S3::Bucket|AWS::KMS::Alias' || awk '$4 == "EvidenceKey" && ($1 == "Remove" || $2 == "True") {found = 1} END {exit !found}' <<<"$described"; then
  refuse "this would take the bucket of evidence, or the key that signs it, out of the stack (a key that is there stays: SignEvidence=true)"
fi
if [[ -n $tables_changes ]]; then
  lock=$(value_after EvidenceLockDays "$tables_changes" "$tables_stack" cfn/tables.yaml)
  keep=$(value_after EvidenceKeepDays "$tables_changes" "$tables_stack" cfn/tables.yaml)
  [[ ! $lock$keep =~ ^[0-9]+$ ]] || ((keep == 0 || keep >= lock)) ||
    refuse "EvidenceKeepDays=$keep is shorter than EvidenceLockDays=$lock: S3 would hide evidence that it may not delete"
fi
refuse_for_runs() {
  [[ -z $runs || $when_idle == no ]] || refuse "a run has started"
  if [[ -n $runs ]] && loses 'AWS::Lambda::Function|AWS::StepFunctions::StateMachine'; then
    refuse "this would delete or replace a function or a state machine that a run that is on may still call; wait for its end"
  fi
}
refuse_for_runs
if [[ -n $changes ]]; then
  built=$(cd build/layer/python && echo pydantic_core/*.cpython-*)
  built=$(sed -E 's/.*\.cpython-3([0-9]+)-([a-z0-9_]+)-linux.*/python3.\1 \2/; s/aarch64/arm64/' <<<"$built")
  runtime=$(value_after PythonRuntime "$changes")
  architecture=$(value_after Architecture "$changes")
  [[ $built == "$runtime $architecture" ]] ||
    refuse "the layer is for $built and this is for $runtime $architecture: see LAMBDA_PYTHON and LAMBDA_ARCH in docs/deploy.md"
fi
[[ $yes == yes || -t 0 ]] || refuse "there is no terminal to ask on; give --yes"
[[ $yes == yes ]] || ask "deploy these changes to $stack in $region?" || refuse "you said no"

if [[ -n $resources ]]; then
  runs=$(list_running "$resources")  # one may have started since
  refuse_for_runs
fi
# Deploy the change set $3, if there is one, of the stack $1, which was in status $2.
deploy() {
  [[ -n $3 ]] || return 0
  aws cloudformation execute-change-set --change-set-name "$3"
  echo "deploying $1"
  await_stack "$1" "$2" CREATE_COMPLETE UPDATE_COMPLETE || {
    [[ $now != ROLLBACK_* ]] || fail "$(way_out "$1" "$now"); see its events first"
    fail "the deployment of $1 failed; see its events"
  }
}
deploy "$tables_stack" "$tables_status" "$tables_changes"
deploy "$stack" "$status" "$changes"
aws cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].Outputs[].[OutputKey,OutputValue]' --output text
