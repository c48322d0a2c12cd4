#!/usr/bin/env bash
# Ask a vulnerability service (OSV) about every Python package that the locks name. asl-validator, which lint has from
# npm and nothing deployed contains, is not asked about.
#
#   scripts/audit.sh                   # fails when it cannot ask
#   scripts/audit.sh --if-reachable    # says so, and goes on
#
# Further arguments are pip-audit's own, such as --osv-url for a mirror of the service.
#
# Exit status: 0 nothing known, or not reachable with --if-reachable; 1 something found, or something else went wrong;
# 3 not reachable.
set -euo pipefail
cd "$(dirname "$0")/.."
((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)) || { echo "audit: needs bash 4.4 or newer; this is $BASH_VERSION" >&2; exit 1; }

# No answer at all, or one that says the service is down; the last line of what pip-audit then prints.
unreachable='^requests\.exceptions\.(ConnectionError|ConnectTimeout|ReadTimeout|ProxyError)|Tip: your network may be blocking'
down='^requests\.exceptions\.HTTPError: 5[0-9][0-9] '

go_on=no
[[ ${1:-} != --if-reachable ]] || { go_on=yes; shift; }

for lock in dev checks; do # what goes into the layer, lambda.txt, is part of dev.txt
  status=0
  said=$(.venv-checks/bin/pip-audit --vulnerability-service osv --disable-pip --no-deps --strict \
    --requirement "requirements/$lock.txt" --progress-spinner off --timeout 10 "$@" 2>&1) || status=$?
  if ((status)) && { tail -n 1 <<<"$said" | grep -qE "$unreachable" || grep -qE "$down" <<<"$said"; }; then
    echo "requirements/$lock.txt not checked: the vulnerability service cannot be reached"
    [[ $go_on == yes ]] || exit 3
    exit 0
  fi
  echo "requirements/$lock.txt: $said"
  ((status == 0)) || exit 1
done
