#!/usr/bin/env bash
# Puts the file that package.json pins beside this script, and writes its SHA-256 anew: review what `git diff` says
# afterwards. Needs npm. Nothing that a package brings is run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
fetched="$(mktemp -d)"
trap 'rm -rf "$fetched"' EXIT
cp package.json package-lock.json "$fetched/"
npm ci --prefix "$fetched" --ignore-scripts --no-audit --no-fund --silent
package="$fetched/node_modules/@mermaid-js/tiny"
cp "$package/dist/mermaid.tiny.js" "$package/LICENSE" .
sha256sum mermaid.tiny.js LICENSE | LC_ALL=C sort -k2 > checksums.sha256
