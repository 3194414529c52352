#!/usr/bin/env bash
# A Debian package of a program that is built already: bash packaging/debian.sh PROGRAM FOLDER
#
# Writes FOLDER/bowsprit_VERSION_ARCHITECTURE.deb and prints that name. Needs dpkg-dev and python3. The package
# repeats byte for byte when SOURCE_DATE_EPOCH is set. MAINTAINER is "Name <address>".
set -euo pipefail
umask 022
# Paths of the command line are the caller's.
program=$(realpath "$1")
folder=$(realpath "$2")
cd "$(dirname "$0")/.."

maintainer=${MAINTAINER:-The Bowsprit developers <bowsprit@packages.invalid>}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(date +%s)}
export SOURCE_DATE_EPOCH
version=$("$program" --version | cut --delimiter=' ' --fields=2)-1
architecture=$(dpkg --print-architecture)

work=$(mktemp --directory)
trap 'rm -rf "$work"' EXIT
root="$work/root"
documents="$root/usr/share/doc/bowsprit"

# install_as PATH: a file of the package, as it comes from the standard input.
install_as() { install -D --mode=644 /dev/stdin "$root/$1"; }

compress() { gzip --best --no-name; }

install -D --mode=755 "$program" "$root/usr/bin/bowsprit"
strip --strip-unneeded "$root/usr/bin/bowsprit"

"$program" man --directory "$root/usr/share/man/man1"
gzip --best --no-name "$root"/usr/share/man/man1/*
"$program" completions bash | install_as usr/share/bash-completion/completions/bowsprit
"$program" completions zsh | install_as usr/share/zsh/vendor-completions/_bowsprit
"$program" completions fish | install_as usr/share/fish/vendor_completions.d/bowsprit.fish

mkdir -p "$documents"
compress <CHANGELOG.md >"$documents/changelog.gz"
compress >"$documents/changelog.Debian.gz" <<END
bowsprit ($version) unstable; urgency=medium

  * The version of that number; changelog.gz tells what is new.

 -- $maintainer  $(date --utc --rfc-email --date="@$SOURCE_DATE_EPOCH")
END
python3 -B packaging/licences.py >"$work/licences"
compress <"$work/licences" >"$documents/THIRD-PARTY.md.gz"
# As Debian's format wants the text of a licence: indented, with a dot in each empty line.
cat >"$documents/copyright" <<END
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: Bowsprit
Comment: The program contains libraries of others. Their names and the texts of their licences are in
 /usr/share/doc/bowsprit/THIRD-PARTY.md.gz

Files: *
Copyright: $(sed --quiet 's/^Copyright (c) //p' LICENSE-MIT)
License: Expat or Apache-2.0

License: Expat
$(sed --expression='1,/^Copyright/d' LICENSE-MIT | sed --expression='1{/^$/d}' --expression='s/^$/./' --expression='s/^/ /')

License: Apache-2.0
 On Debian systems the text is in /usr/share/common-licenses/Apache-2.0
END

# What it is linked to decides what it depends on.
mkdir -p "$work/debian" "$root/DEBIAN"
touch "$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O "$root/usr/bin/bowsprit" | sed --quiet 's/^shlibs:Depends=//p')
cat >"$root/DEBIAN/control" <<END
Package: bowsprit
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $(du --summarize --apparent-size --block-size=1024 "$root/usr" | cut --fields=1)
Depends: $depends
Recommends: ca-certificates
Section: net
Priority: optional
Description: WebSocket client for people and scripts
 A prompt for many WebSocket connections at once, a filter for pipes, scripts
 with expectations for tests, a server to test clients against, a recorder of
 sessions, and a load generator.
END
(cd "$root" && find usr -type f -print0 | sort --zero-terminated | xargs --null md5sum >DEBIAN/md5sums)

package="$folder/bowsprit_${version}_$architecture.deb"
dpkg-deb --root-owner-group --build "$root" "$package" >"$work/log" || { cat "$work/log" >&2; exit 1; }
echo "$package"
