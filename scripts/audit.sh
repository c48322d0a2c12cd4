#!/usr/bin/env bash
# Check every locked Python package for known vulnerabilities, with the service OSV. Packages from npm are not checked:
# only lint uses one, asl-validator, and it is not deployed.
#
#   scripts/audit.sh                   # fails if the service cannot be reached
#   scripts/audit.sh --if-reachable    # prints a note and succeeds if the service cannot be reached
#
# Further arguments go to pip-audit, such as --osv-url for a mirror of the service.
#
# Exit status: 0 nothing found, or not reachable with --if-reachable; 1 something found, or another error; 3 not
# reachable.
set -euo pipefail
cd "$(dirname "$0")/.."
((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)) || { echo "audit: needs bash 4.4 or newer; this is $BASH_VERSION" >&2; exit 1; }

# The last line that pip-audit prints if the service does not answer, or answers that it is down.
unreachable='^requests\.exceptions\.(ConnectionError|ConnectTimeout|ReadTimeout|ProxyError)|Tip: your network may be blocking'
down='^requests\.exceptions\.HTTPError: 5[0-9][0-9] '

if_reachable=no
[[ ${1:-} != --if-reachable ]] || { if_reachable=yes; shift; }

for lock in dev checks; do # dev.txt includes lambda.txt, the packages of the layer
  status=0
  said=$(.venv-checks/bin/pip-audit --vulnerability-service osv --disable-pip --no-deps --strict \
    --requirement "requirements/$lock.txt" --progress-spinner off --timeout 10 "$@" 2>&1) || status=$?
  if ((status)) && { tail -n 1 <<<"$said" | grep -qE "$unreachable" || grep -qE "$down" <<<"$said"; }; then
    echo "requirements/$lock.txt not checked: the vulnerability service cannot be reached"
    [[ $if_reachable == yes ]] || exit 3
    exit 0
  fi
  echo "requirements/$lock.txt: $said"
  ((status == 0)) || exit 1
done
