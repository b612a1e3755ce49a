#!/usr/bin/env sh
# The browser tests want a Chromium. Where the package manager can bring one it does; elsewhere this says what is missing and the
# browser tests report themselves as skipped, except where CI is set: there a missing browser is a failure.
set -eu
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Chromium for the browser tests …"
    if apt-get update -qq >/dev/null 2>&1 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1; then
        exit 0
    fi
fi
echo "There is no Chromium here, so the browser tests will not run. Install it (Debian, Ubuntu: apt-get install chromium) and try again." >&2
[ -z "${CI:-}" ]
