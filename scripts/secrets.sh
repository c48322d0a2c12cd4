#!/usr/bin/env bash
# Search for secrets in all files that git does not ignore. If there is one, print its file and line, and exit with 1.
#
# A value that only looks like a secret is excluded here by its line, value or file, or in its place by a comment
# `pragma: allowlist secret`.
set -euo pipefail
cd "$(dirname "$0")/.."
((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)) || { echo "secrets: needs bash 4.4 or newer; this is $BASH_VERSION" >&2; exit 1; }

options=(
  --no-verify # otherwise each key that is found is tried over the network
  # Files that tools write, full of names and hashes, and copies of packages that the lock names by their hashes.
  --exclude-files '^requirements/.*\.txt$|^package-lock\.json$|^docs/.*\.(json|png)$|^console/static/vendor/'
  # Lines excluded for ruff, with the reason; references in templates; ARNs of the API; hashes in tests.
  --exclude-lines 'noqa: S10[56]|!GetAtt|arn:aws:(execute-api|dynamodb)|SHA-256'
  # Secret keys that the sandbox does not check; tokens and keys that tests make up; names of resources; a description.
  --exclude-secrets '^(test|once|any|Null on the last page\.|made.up|guessed|forgotten|AQC8-a-secret|ASIA0000000000000000|ASIAQNZGKIQY56JQ7WML)$|^arn:aws:states:::'
)
# Detectors for services that this project does not use. Each takes half a second, and other detectors find random
# strings and everything called a secret.
for service in Artifactory AzureStorageKey Cloudant DiscordBotToken IbmCloudIam IbmCosHmac IPPublic Mailchimp OpenAI \
  SendGrid Softlayer SquareOAuth Stripe TelegramBotToken TwilioKey; do
  options+=(--disable-plugin "${service}Detector")
done

mapfile -d '' files < <(git ls-files -z --cached --others --exclude-standard)
.venv-checks/bin/detect-secrets-hook "${options[@]}" "${files[@]}"
