#!/usr/bin/env bash
# Install Chromium, in which tests use the console and show what a web page of another origin can do. Without it they
# are skipped, unless DRS_WAVES_BROWSER=required.
# On Debian and Ubuntu, as root or with sudo. Elsewhere, install Chromium or Chrome by hand.
set -euo pipefail

if command -v chromium || command -v chromium-browser || command -v google-chrome; then
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "There is no apt-get here. Install Chromium by hand, so that 'chromium' is on the PATH." >&2
  exit 1
fi
as_root=()
if [[ $EUID -ne 0 ]]; then
  as_root=(sudo)
fi
"${as_root[@]}" apt-get update --quiet
"${as_root[@]}" apt-get install --yes --quiet --no-install-recommends chromium
