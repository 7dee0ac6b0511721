#!/bin/sh
# Looks at what has to be on this computer before anything is fetched, and names all of it that is missing at once.
# Usage: needs.sh PYTHON [LIST_OF_DEBIAN_PACKAGES...]; ends with 1 if somebody has to install something by hand.
set -eu
python=$1
shift
missing=""
need() { missing="$missing
  - $1"; }

if ! command -v "$python" >/dev/null; then
    need "$python, version 3.11 or newer (another one: make PYTHON=...)          apt-get install python3"
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    need "Python 3.11 or newer; $python is $("$python" -c 'import platform; print(platform.python_version())') (another one: make PYTHON=...)"
elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    need "the module venv of $python          apt-get install python3-venv"
fi
command -v npm >/dev/null || need "npm, with Node.js 18 or newer          apt-get install npm"
if command -v node >/dev/null && ! node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 18 ? 1 : 0)'; then
    need "Node.js 18 or newer; node is $(node --version)"
fi
command -v git >/dev/null || need "git          apt-get install git"

packages=""
for list in "$@"; do
    packages="$packages $(sh "$(dirname "$0")/install-debian-packages.sh" --missing "$list")"
done
packages=$(echo "$packages" | tr -s ' \n' ' ' | sed 's/^ //; s/ $//')
if [ -n "$packages" ] && [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    need "these Debian packages, and this account has no sudo; as root:
      apt-get install --no-install-recommends $packages"
fi

[ -n "$missing" ] || exit 0
echo "Needed on this computer before it can go on:$missing" >&2
exit 1
