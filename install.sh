#!/usr/bin/env bash
# Installs the gateway without Docker and without Home Assistant: a virtual environment and a systemd service.
# Run it again after "git pull" to update; settings and data stay.
# Also where somebody has written "sh install.sh".
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -euo pipefail

prefix=/opt/neasmart
service=yes
uninstall=no
settings=/etc/neasmart
unit=/etc/systemd/system/neasmart.service
data=/var/lib/neasmart
python=${PYTHON:-python3}

usage() {
    cat <<TEXT
Usage: sudo ./install.sh [--prefix FOLDER] [--no-service | --uninstall]

  --prefix FOLDER  where the gateway goes (default: $prefix)
  --no-service     no user, no settings, no systemd unit: only FOLDER/bin/neasmart
  --uninstall      remove the service and FOLDER; settings and data stay
TEXT
}

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

while [[ $# -gt 0 ]]; do
    case "$1" in
        --prefix) [[ $# -gt 1 && -n $2 ]] || fail "--prefix needs a folder"; prefix=$2; shift 2 ;;
        --no-service) service=no; shift ;;
        --uninstall) uninstall=yes; shift ;;
        --help | -h) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done

# As seen from where the command was given; only what a shell, systemd and Python all take for a plain name.
prefix=$(realpath -m -- "$prefix")
[[ $prefix =~ ^/[A-Za-z0-9\ ._@+/-]+$ ]] || fail "--prefix may hold letters, digits, spaces and . _ @ + - only"
cd "$(dirname "$(readlink -f "$0")")/neasmart_addon"

# The program. Beside a service, what somebody calls by hand means the gateway that runs: its settings and its data.
launcher() {
    echo '#!/bin/sh'
    [[ $service == no ]] || cat <<LAUNCHER
case "\${1:-}\${NEASMART_DATABASE_PATH:-}" in import | record | diagnostics | token)
    export NEASMART_DATABASE_PATH=$data/neasmart.db
    if [ -r $settings/environment ]; then
        while IFS= read -r line || [ -n "\$line" ]; do
            name=\${line%%=*} value=\${line#*=}
            case \$name in "" | "\$line" | *[!A-Z0-9_]*) continue ;; esac
            case \$value in \"*\" | \'*\') value=\${value#?} value=\${value%?} ;; esac
            export "\$name=\$value"
        done <$settings/environment
    fi
    if [ "\$1" = import ]; then
        for word; do
            shift
            [ ! -e "\$word" ] || [ "\$word" = import ] || word=\$(realpath -- "\$word")
            set -- "\$@" "\$word"
        done
        cd $data || exit
    fi
    ;;
esac
LAUNCHER
    cat <<LAUNCHER
exec "$prefix/bin/python" -P -m neasmart "\$@"
LAUNCHER
}

is_ours() { [[ -f $prefix/pyvenv.cfg && -f $prefix/bin/neasmart ]]; }

if [[ $uninstall == yes ]]; then
    [[ -e $unit && $service == yes ]] || is_ours || fail "nothing is installed at $prefix"
    if [[ -e $unit && $service == yes ]]; then
        [[ $(id -u) -eq 0 ]] || fail "removing the service needs root. Use sudo"
        systemctl disable --quiet --now neasmart.service || true
        rm -f "$unit"
        systemctl daemon-reload || true
    fi
    if is_ours; then rm -rf "$prefix"; fi
    echo "The gateway is removed from $prefix."
    for kept in "$settings" "$data"; do
        if [[ -d $kept ]]; then echo "$kept is kept; to remove it, too: sudo rm -r $kept"; fi
    done
    exit 0
fi

# Everything is looked at before anything is changed.
missing=()
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    missing+=("Python 3.11 or newer. Name one with PYTHON=/path/to/python3.12 ./install.sh")
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    missing+=("Python's module venv: sudo apt-get install python3-venv")
vendored=neasmart/web/static/vendor/lit-html/lit-html.js
[[ -f $vendored ]] || command -v npm >/dev/null ||
    missing+=("npm, once, for the page's libraries: sudo apt-get install npm")
if [[ $service == yes ]]; then
    [[ $(id -u) -eq 0 ]] || missing+=("root, for the service. Use sudo, or --no-service with a --prefix of your own")
    [[ ! $prefix =~ ^/(home|root)/ ]] || missing+=("a --prefix outside of /home and /root, which the service cannot see")
    [[ -d /run/systemd/system ]] || missing+=("systemd, running, for the service. Use --no-service where there is none")
fi
if [[ -e $prefix && ! -f $prefix/pyvenv.cfg && -n $(ls -A -- "$prefix") ]]; then
    missing+=("an empty folder: there is something else in $prefix")
fi
if [[ ${#missing[@]} -gt 0 ]]; then
    printf 'install.sh: this is needed first:\n' >&2
    printf '  - %s\n' "${missing[@]}" >&2
    exit 1
fi

if [[ ! -f $vendored ]]; then
    echo "Fetching the page's libraries ..."
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
    npm run --silent vendor
fi

echo "Installing to $prefix; this takes a minute ..."
"$python" -m venv "$prefix"
"$prefix/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary=:all: \
    --requirement requirements.txt
packages=$("$prefix/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
rm -rf "$packages/neasmart"
cp -R neasmart "$packages/neasmart"
launcher >"$prefix/bin/neasmart"
chmod 755 "$prefix/bin/neasmart"
"$prefix/bin/neasmart" --version >/dev/null

[[ $service == yes ]] || exit 0

id neasmart >/dev/null 2>&1 ||
    useradd --system --home-dir "$data" --no-create-home --shell /usr/sbin/nologin neasmart
mkdir -p "$settings"
if [[ ! -f $settings/environment ]]; then
    cp ../.env.example "$settings/environment"
fi
# Keys and passwords may stand there.
chown -R root:neasmart "$settings"
chmod 750 "$settings"
chmod 640 "$settings/environment"

cat >"$unit" <<UNIT
[Unit]
Description=Nea Smart gateway
Documentation=https://github.com/neasmart/neasmart-gateway
After=network-online.target
Wants=network-online.target

[Service]
ExecStart="$prefix/bin/neasmart" run
User=neasmart
SupplementaryGroups=dialout
StateDirectory=neasmart
WorkingDirectory=$data
Environment=NEASMART_DATABASE_PATH=$data/neasmart.db
EnvironmentFile=-$settings/environment
Restart=on-failure
RestartSec=5
TimeoutStopSec=20
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
LockPersonality=yes

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --quiet neasmart.service
systemctl restart neasmart.service

cat <<TEXT
The gateway runs. Its settings are in $settings/environment; after a change: sudo systemctl restart neasmart
Its log:  journalctl -u neasmart -f
Its page: http://127.0.0.1:8099/ on this computer; for others see "Page and API for the whole network" in the settings.
A key for that: "$prefix/bin/neasmart" token
TEXT
