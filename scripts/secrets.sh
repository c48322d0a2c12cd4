#!/usr/bin/env bash
# Look for secrets in what is committed, or would be. Exit status 1 when there is one, by file and line.
#
# What is none, and looks like one, is let through here, by the line, the value or the file; or where it stands, by a
# comment `pragma: allowlist secret`.
set -euo pipefail
cd "$(dirname "$0")/.."
((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)) || { echo "secrets: needs bash 4.4 or newer; this is $BASH_VERSION" >&2; exit 1; }

options=(
  --no-verify # or a key that is found would be tried out, over the network
  # Made by tools, of names and hashes.
  --exclude-files '^requirements/.*\.txt$|^package-lock\.json$|^docs/.*\.(json|png)$'
  # Said to be none for ruff, with the reason; a reference of a template; an ARN of the API; a hash in a test.
  --exclude-lines 'noqa: S10[56]|!GetAtt|arn:aws:execute-api|SHA-256'
  # Credentials of the sandbox, which takes any, and tokens that tests make up; names of resources.
  --exclude-secrets '^(test|once|made.up|AQC8-a-secret)$|^arn:aws:states:::'
)
# Keys of services that have nothing to do with this project. Each costs half a second, and what looks random or is
# called a secret is found without them.
for service in Artifactory AzureStorageKey Cloudant DiscordBotToken IbmCloudIam IbmCosHmac IPPublic Mailchimp OpenAI \
  SendGrid Softlayer SquareOAuth Stripe TelegramBotToken TwilioKey; do
  options+=(--disable-plugin "${service}Detector")
done

mapfile -d '' files < <(git ls-files -z --cached --others --exclude-standard)
.venv-checks/bin/detect-secrets-hook "${options[@]}" "${files[@]}"
