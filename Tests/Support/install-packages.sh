#!/bin/bash
# Installs the Debian packages that are missing, and says what is wrong where it cannot.
#
#   install-packages.sh build          what the compiler and the demonstration need
#   install-packages.sh build test     and the other clients that the tests talk to
set -euo pipefail
cd "$(dirname "$0")/../.."

build=(libssl-dev zlib1g-dev libsqlite3-dev iproute2)
test=(transmission-daemon transmission-cli aria2 rtorrent opentracker python3 python3-venv
    python3-libtorrent curl prometheus chromium chromium-driver)

fail() {
    echo "make: $*" >&2
    exit 1
}

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

need_swift() {
    command -v swift >/dev/null ||
        fail "there is no 'swift' on the PATH: install Swift 6.2 or newer from https://swift.org/install"
    local version
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
    [ "$(printf '%s\n' 6.2 "$version" | sort -V | head -n 1)" = 6.2 ] ||
        fail "Swift $version is too old: 6.2 or newer is needed, from https://swift.org/install"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        return 1
    fi
}

# Debian starts a daemon as soon as it is installed; the tests start their own.
without_starting_daemons() {
    local policy=/usr/sbin/policy-rc.d
    if [ -e "$policy" ] || ! as_root true; then
        "$@"
        return
    fi
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    local status=0
    "$@" || status=$?
    as_root rm -f "$policy"
    return "$status"
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" \
        >"$log" 2>&1
}

install_packages() {
    local missing=() package
    for package in "$@"; do
        installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        fail "this is not Debian; install what these packages hold, by your own means: ${missing[*]}"
    as_root true ||
        fail "missing packages, and no right to install them; as root: apt-get install ${missing[*]}"
    echo "installing ${missing[*]}"
    log=$(mktemp)
    if ! without_starting_daemons apt_install "${missing[@]}"; then
        as_root apt-get update >"$log" 2>&1 || true
        without_starting_daemons apt_install "${missing[@]}" || {
            tail -n 5 "$log" >&2
            fail "apt-get could not install ${missing[*]}: is there a network, and a Debian mirror?"
        }
    fi
    rm -f "$log"
}

# install_from_pypi MODULE PACKAGE==VERSION FOLDER WITHOUT: a package into an environment of its own.
# Where PyPI is out of reach the tests do without it, and say so.
install_from_pypi() {
    local module=$1 package=$2 venv=$3 without=$4
    "$venv/bin/python" -c "import $module" 2>/dev/null && return 0
    echo "installing $package into $venv"
    rm -rf "$venv"
    mkdir -p "$(dirname "$venv")"
    if ! /usr/bin/python3 -m venv "$venv" ||
        ! "$venv/bin/pip" install --quiet --disable-pip-version-check "$package"; then
        rm -rf "$venv"
        echo "make: PyPI has not given $package; $without" >&2
    fi
}

need_swift
for set in "$@"; do
    case $set in
    build) install_packages "${build[@]}" ;;
    test)
        # Network namespaces need root, so without it those tests are skipped anyway.
        if as_root true; then
            install_packages "${test[@]}"
            # The tests speak with the newest libtorrent; Debian's is older.
            install_from_pypi libtorrent libtorrent==2.1.1 .build-tools/libtorrent \
                "the tests use Debian's"
            # A library that drives Transmission, and so our daemon too.
            install_from_pypi transmission_rpc transmission-rpc==7.0.12 \
                .build-tools/transmission-rpc "its tests will be skipped"
            # What drives Chromium, for the tests of the web page.
            install_from_pypi selenium selenium==4.51.0 .build-tools/selenium \
                "the test of the web page will be skipped"
        else
            echo "make: not root: the tests against other clients will be skipped" >&2
        fi
        ;;
    *) fail "no such set of packages: $set" ;;
    esac
done
