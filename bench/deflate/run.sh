#!/usr/bin/env bash
# Measures every library, and prints a Markdown table: bench/deflate/run.sh [--quick]
set -euo pipefail
cd "$(dirname "$0")"
target=${CARGO_TARGET_DIR:-target}
passes=5 budget=20
if [[ ${1-} == --quick ]]; then
    passes=1 budget=10
fi

variants=(zlib-rs flate2-zlib-rs flate2-miniz_oxide flate2-zlib)
if command -v cmake >/dev/null; then
    variants+=(flate2-zlib-ng)
else
    echo "zlib-ng is left out: it needs cmake" >&2
fi

for variant in "${variants[@]}"; do
    cargo build --quiet --release --locked --features "$variant" --target-dir "$target/$variant"
done

# Passes take turns, so that a slow minute of the machine does not fall on one library.
for ((pass = 0; pass < passes; pass++)); do
    for variant in "${variants[@]}"; do
        "$target/$variant/release/bowsprit-bench-deflate" "$budget"
    done
done | "$target/zlib-rs/release/bowsprit-bench-deflate" table
