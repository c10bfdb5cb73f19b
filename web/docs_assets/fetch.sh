#!/usr/bin/env bash
# Puts the files that package.json pins beside this script, and writes their SHA-256 anew: review what `git diff` says
# afterwards. Needs npm. Nothing that a package brings is run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
fetched="$(mktemp -d)"
trap 'rm -rf "$fetched"' EXIT
cp package.json package-lock.json "$fetched/"
npm ci --prefix "$fetched" --ignore-scripts --no-audit --no-fund --silent
package="$fetched/node_modules/swagger-ui-dist"
mkdir -p swagger-ui
cp "$package"/{swagger-ui-bundle.js,swagger-ui-bundle.js.LICENSE.txt,swagger-ui.css,LICENSE,NOTICE} swagger-ui/
sha256sum swagger-ui/* | LC_ALL=C sort -k2 > checksums.sha256
