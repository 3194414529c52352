#!/usr/bin/env bash
# Gives the tree another version: bash packaging/version.sh 0.2.0
#
# Writes it where it stands: the manifest, every Cargo.lock, the changelog, and what documents show of the program's
# own words. Commits nothing. The locks keep all else that is in them.
set -euo pipefail
cd "$(dirname "$0")/.."

new=$1
[[ $new =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || { echo "no version: $new" >&2; exit 2; }
old=$(cargo metadata --format-version 1 --no-deps --locked | python3 -c '
import json, sys
print({package["version"] for package in json.load(sys.stdin)["packages"]}.pop())')

sed --in-place "s/\"${old//./\\.}\"/\"$new\"/" Cargo.toml
find . -name target -prune -o -name Cargo.lock -print | while read -r lock; do
    cargo update --quiet --workspace --manifest-path "${lock%.lock}.toml"
done
sed --in-place "s/^## Unreleased\$/&\n\n## $new, $(date --iso-8601)/" CHANGELOG.md
grep --recursive --files-with-matches --null "bowsprit/${old//./\\.}" README.md docs crates/*/README.md |
    xargs --null sed --in-place "s|bowsprit/${old//./\\.}|bowsprit/$new|g"
