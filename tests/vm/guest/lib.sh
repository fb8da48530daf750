# Shared by the scenarios, which source this file as root in a guest, in /vm/in.
set -euo pipefail
set -E
trap 'printf "FAILED in line %s: %s\n" "$LINENO" "$BASH_COMMAND"' ERR

deb=$(echo /vm/in/dist/govanityurls_*_amd64.deb)
file=/etc/govanityurls/vanity.yaml

step() { printf '==> %s\n' "$*"; }

fail() {
    printf 'FAILED: %s\n' "$*"
    systemctl status --no-pager --full govanityurls.service govanityurls.socket nginx || :
    exit 1
}

# Waits up to a minute until a command succeeds; enough even for an emulated machine.
wait_until() {
    local end=$((SECONDS + 60))
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || fail "timed out after a minute: $*"
        sleep 0.2
    done
}

equal() { [ "$1" = "$2" ] || fail "expected '$2', got '$1'"; }
fails() { ! "$@" || fail "succeeded unexpectedly: $*"; }

# Prints the states of the service and the socket.
states() { (systemctl is-active govanityurls.service govanityurls.socket || :) | paste -sd ' '; }
states_are() { [ "$(states)" = "$1" ]; }

# Prints the status of a response; 000 if there is none.
get() { curl -sS -o /dev/null -m 50 -w '%{http_code}' "$@" || :; }

# Succeeds if a response has this status.
gives() { # STATUS CURL_ARGUMENT...
    [ "$(get "${@:2}")" = "$1" ]
}

install_package() { apt-get install -q -y --no-install-recommends "$deb" >/dev/null; }

# Prints the indented commands below a heading of a Markdown file.
commands() { # FILE HEADING
    awk -v heading="$2" '/^#/ { found = ($0 == heading) } found && /^    / { print substr($0, 5) }' "$1"
}

# Runs these commands verbatim.
type_commands() { # FILE HEADING
    local typed
    typed=$(commands "$@")
    [ -n "$typed" ] || fail "no commands below '$2' in $1"
    step "typing: $2"
    bash -euxc "$typed"
}

# Sends requests, each on its own connection, until `stop_load`, which fails unless every response
# was 200.
start_load() { # CURL_ARGUMENT...
    rm -f /tmp/load.stop /tmp/load.log
    (while [ ! -e /tmp/load.stop ]; do get "$@" 2>&1; echo; done >/tmp/load.log) &
    load=$!
    wait_until grep -q 200 /tmp/load.log
}
stop_load() {
    touch /tmp/load.stop
    wait "$load"
    fails grep -v '^200$' /tmp/load.log
    echo "$(wc -l </tmp/load.log) requests, all successful"
}
