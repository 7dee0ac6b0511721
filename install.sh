#!/usr/bin/env bash
# Installs the gateway without Docker and without Home Assistant: a virtual environment and a systemd service.
# Run it again after "git pull" to update; settings and data stay.
set -euo pipefail

prefix=/opt/neasmart
service=yes
settings=/etc/neasmart
python=${PYTHON:-python3}

usage() {
    cat <<TEXT
Usage: sudo ./install.sh [--prefix FOLDER] [--no-service]

  --prefix FOLDER  where the gateway goes (default: $prefix)
  --no-service     no user, no settings, no systemd unit: only FOLDER/bin/neasmart
TEXT
}

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

while [[ $# -gt 0 ]]; do
    case "$1" in
        --prefix) [[ $# -gt 1 ]] || fail "--prefix needs a folder"; prefix=$2; shift 2 ;;
        --no-service) service=no; shift ;;
        --help | -h) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done

cd "$(dirname "$(readlink -f "$0")")/neasmart_addon"

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or newer is needed. Name one with PYTHON=/path/to/python3.12 ./install.sh"
if [[ $service == yes ]]; then
    [[ $(id -u) -eq 0 ]] || fail "the service needs root. Use sudo, or --no-service with a --prefix of your own"
    command -v systemctl >/dev/null || fail "there is no systemd here. Use --no-service"
fi

if [[ ! -f neasmart/web/static/vendor/lit-html/lit-html.js ]]; then
    command -v npm >/dev/null || fail "npm is needed once for the page's two libraries: sudo apt-get install npm"
    npm ci --ignore-scripts --no-audit --no-fund --silent
    npm run --silent vendor
fi

echo "Installing to $prefix"
"$python" -m venv "$prefix" || fail "no virtual environment. On Debian: sudo apt-get install python3-venv"
"$prefix/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary=:all: \
    --requirement requirements.txt
packages=$("$prefix/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
rm -rf "$packages/neasmart"
cp -R neasmart "$packages/neasmart"
cat >"$prefix/bin/neasmart" <<LAUNCHER
#!/bin/sh
exec "$prefix/bin/python" -P -m neasmart "\$@"
LAUNCHER
chmod 755 "$prefix/bin/neasmart"
"$prefix/bin/neasmart" --version >/dev/null

[[ $service == yes ]] || exit 0

id neasmart >/dev/null 2>&1 ||
    useradd --system --home-dir /var/lib/neasmart --no-create-home --shell /usr/sbin/nologin neasmart
mkdir -p "$settings"
if [[ ! -f $settings/environment ]]; then
    cp ../.env.example "$settings/environment"
fi
# Keys and passwords may stand there.
chown -R root:neasmart "$settings"
chmod 750 "$settings"
chmod 640 "$settings/environment"

cat >/etc/systemd/system/neasmart.service <<UNIT
[Unit]
Description=Nea Smart gateway
Documentation=https://github.com/neasmart/neasmart-gateway
After=network-online.target
Wants=network-online.target

[Service]
ExecStart=$prefix/bin/neasmart run
User=neasmart
SupplementaryGroups=dialout
StateDirectory=neasmart
WorkingDirectory=/var/lib/neasmart
Environment=NEASMART_DATABASE_PATH=/var/lib/neasmart/neasmart.db
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
Its page: http://127.0.0.1:8099/ on this computer, or through ssh -L 8099:127.0.0.1:8099 $(hostname)
TEXT
