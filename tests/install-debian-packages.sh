#!/bin/sh
# Installs the Debian packages of a list, by default that of the tests, as root or through sudo; does nothing if all are
# there. With --missing before the list it only prints the names of those that are not.
set -eu
only_print=no
if [ "${1:-}" = --missing ]; then
    only_print=yes
    shift
fi
list="${1:-$(dirname "$0")/debian-packages.txt}"
missing=""
installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q '^install ok installed$'; }
while read -r package; do
    [ -n "$package" ] || continue
    # A package that Debian has renamed is a pattern of apt with both names.
    found=no
    for name in $(echo "$package" | sed 's/?exact-name(\([^)]*\))/ \1 /g; s/?any-version(//; s/?or(//; s/[(),]/ /g'); do
        if installed "$name"; then found=yes; fi
    done
    [ $found = yes ] || missing="$missing $package"
done <"$list"
if [ $only_print = yes ]; then
    echo "$missing"
    exit 0
fi
[ -n "$missing" ] || exit 0
as_root=""
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "These Debian packages are needed, and this account cannot install them:$missing" >&2
        exit 1
    }
    as_root="sudo"
fi
echo "Installing the Debian packages$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of names
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
