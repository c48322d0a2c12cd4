#!/usr/bin/env bash
# Deploy the control plane: check everything, show what would change, ask, and only then change it.
#
#   scripts/deploy.sh --env prod --region eu-west-1                    # shows the change set and asks
#   scripts/deploy.sh --env prod --region eu-west-1 --validate-only    # touches nothing
#   scripts/deploy.sh --env prod --region eu-west-1 --yes CallsPerSecond=5 LogLevel=DEBUG
#
# The stack is drs-waves-ENV; drs-waves itself belongs in the recovery Region. A change that would delete or replace
# a table is refused. Exit status: 0 done or nothing to do, 1 failed, 2 usage, 3 refused.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
fail() { echo "deploy: $1" >&2; exit "${2:-1}"; }

env='' region='' profile=() validate_only=no yes=no parameters=()
while (($#)); do
  case $1 in
    --env) env=${2:-}; shift 2 || usage ;;
    --region) region=${2:-}; shift 2 || usage ;;
    --profile) profile=(--profile "${2:-}"); shift 2 || usage ;;
    --validate-only) validate_only=yes; shift ;;
    --yes) yes=yes; shift ;;
    -h | --help) usage ;;
    *=*) parameters+=("$1"); shift ;;
    *) echo "deploy: unknown argument $1" >&2; usage ;;
  esac
done
[[ $env =~ ^[a-z][a-z0-9-]{0,20}$ ]] || fail "--env is needed: small letters, digits and hyphens, such as prod" 2
[[ $region =~ ^[a-z]{2,4}(-[a-z]{2,4})?-[a-z]+-[0-9]{1,2}$ ]] || fail "--region is needed, such as eu-west-1" 2
stack=drs-waves-$env
aws() { .venv/bin/aws "$@" --region "$region" "${profile[@]}"; }

echo "checking templates and state machines"
.venv/bin/cfn-lint cfn/*.yaml
make --no-print-directory lint-asl >/dev/null
[[ $validate_only == no ]] || { echo "valid; nothing was deployed"; exit 0; }
[[ -d build/layer/python ]] || fail "there is no layer; run make layer-for-aws first"

echo "putting together the change set of $stack in $region"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
bucket=(--resolve-s3)
[[ -z ${DRS_WAVES_BUCKET:-} ]] || bucket=(--s3-bucket "$DRS_WAVES_BUCKET")
.venv/bin/sam deploy --template-file cfn/template.yaml --stack-name "$stack" --region "$region" "${profile[@]}" \
  "${bucket[@]}" --capabilities CAPABILITY_IAM CAPABILITY_NAMED_IAM CAPABILITY_AUTO_EXPAND --no-progressbar \
  --no-execute-changeset --no-fail-on-empty-changeset --tags "drs-waves:environment=$env" \
  ${parameters[@]:+--parameter-overrides "${parameters[@]}"} >"$log" 2>&1 || { cat "$log" >&2; fail "sam could not make the change set"; }
if grep -q 'No changes to deploy' "$log"; then
  echo "nothing to change"
  exit 0
fi
changes=$(grep -o 'arn:aws[a-z-]*:cloudformation:[^ ]*:changeSet/[^ ]*' "$log" | tail -1)
[[ -n $changes ]] || { cat "$log" >&2; fail "sam named no change set"; }

described=$(aws cloudformation describe-change-set --change-set-name "$changes" \
  --query 'Changes[].ResourceChange.[Action,Replacement,ResourceType,LogicalResourceId]' --output text)
printf '%s\n' "$described" | sort | awk '{printf "  %-8s %-12s %-34s %s\n", $1, ($2 == "None" ? "" : $2), $3, $4}'
if printf '%s\n' "$described" | awk '$3 == "AWS::DynamoDB::Table" && ($1 == "Remove" || $2 == "True") {found = 1} END {exit !found}'; then
  aws cloudformation delete-change-set --change-set-name "$changes" >/dev/null
  fail "this would delete or replace a table, and with it what it holds; nothing was changed" 3
fi
if [[ $yes == no ]]; then
  [[ -t 0 ]] || fail "nobody to ask; say --yes to deploy without being asked" 3
  read -r -p "deploy these changes to $stack in $region? [y/N] " answer
  [[ $answer == [yY]* ]] || { aws cloudformation delete-change-set --change-set-name "$changes" >/dev/null; fail "nothing was changed" 3; }
fi

kind=update
[[ $(aws cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].StackStatus' --output text) != REVIEW_IN_PROGRESS ]] || kind=create
aws cloudformation execute-change-set --change-set-name "$changes"
echo "deploying; runs that are on keep the definition they began with"
aws cloudformation wait "stack-$kind-complete" --stack-name "$stack" || fail "the stack did not come through; see its events"
aws cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].Outputs[].[OutputKey,OutputValue]' --output text
