#!/usr/bin/env sh
# Makes .venv with a Python that is new enough and installs one pinned, hashed set of wheels into it, then the project itself.
# `setup.sh local` is what running a plane needs, `setup.sh dev` what testing it needs. Run again with nothing changed, it does nothing.
set -eu
cd "$(dirname "$0")/../.."
wanted="${1:-local}"
stamp=".venv/.installed-$wanted"
fingerprint="$(cat "requirements/$wanted.txt" pyproject.toml | cksum)"

if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null || true)" = "$fingerprint" ]; then
    exit 0
fi

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    for candidate in ${PYTHON:-} python3.13 python3.12 python3.11 python3.14 python3; do
        if command -v "$candidate" >/dev/null 2>&1 && new_enough "$candidate"; then
            echo "$candidate"
            return 0
        fi
    done
    echo "AuthPlane needs Python 3.11 or newer; found $(python3 --version 2>/dev/null || echo none)." >&2
    echo "Install one (Debian, Ubuntu: apt-get install python3.11 python3.11-venv), or say where it is: make setup PYTHON=/path/to/python3" >&2
    return 1
}

# Debian splits ensurepip from Python, so a working `python3 -m venv` cannot be taken for granted.
make_venv() {
    "$1" -m venv .venv >/dev/null 2>&1 && return 0
    rm -rf .venv
    if "$1" -m venv --without-pip .venv >/dev/null 2>&1 && "$1" -m pip --python .venv/bin/python install --quiet pip >/dev/null 2>&1; then
        return 0
    fi
    rm -rf .venv
    "$1" -m virtualenv --quiet .venv >/dev/null 2>&1 && return 0
    command -v uv >/dev/null 2>&1 && uv venv --quiet --seed --python "$1" .venv && return 0
    echo "$1 cannot make a virtual environment. Debian, Ubuntu: apt-get install python3-venv" >&2
    return 1
}

if ! { [ -x .venv/bin/python ] && new_enough .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; }; then
    rm -rf .venv
    python="$(find_python)"
    make_venv "$python"
    echo "Made .venv with $(.venv/bin/python --version)."
fi

pip=".venv/bin/python -m pip --disable-pip-version-check install --quiet --root-user-action=ignore"
echo "Installing the pinned wheels of requirements/$wanted.txt …"
$pip --require-hashes --only-binary :all: -r "requirements/$wanted.txt"
$pip --no-deps --no-build-isolation --editable .
echo "$fingerprint" >"$stamp"
# The larger set contains the smaller.
if [ "$wanted" = dev ]; then
    cat requirements/local.txt pyproject.toml | cksum >.venv/.installed-local
fi
