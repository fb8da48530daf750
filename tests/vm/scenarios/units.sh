# Service and socket: both run or neither does, after any order of commands, errors and repairs. A
# refused reload fails.
. tests/vm/guest/lib.sh

good() { printf 'host: example.com\n/gowechat:\n  repo: https://github.com/bigwhite/gowechat\n' >$file; }
bad() { printf '/gowechat:\n  rep: x\n' >$file; }
good_environment() { rm -f /etc/govanityurls/env; }
# An invalid command line, which a restart cannot fix.
bad_environment() { echo GOVANITYURLS_LOG_LEVEL=nonsense >/etc/govanityurls/env; }
answers() { [ "$(get http://127.0.0.1:8080/gowechat)" = 200 ]; }

# Succeeds if no job is running and both units are in the same state.
settled() {
    [ -z "$(systemctl list-jobs --no-legend 'govanityurls.*')" ] || return 1
    case $(states) in
    # systemd retries every second; the socket may have failed too.
    activating\ * | "active active") ;;
    active\ * | *\ active) return 1 ;;
    esac
}
works_after() { # COMMAND...
    "$@" || fail "$*"
    wait_until states_are "active active"
    answers || fail "no answer after $*"
}

if [ "$VM_BOOT" = 1 ]; then
    install_package
    good

    step "one command starts both, and one stops both"
    works_after systemctl enable --quiet --now govanityurls
    systemctl stop govanityurls
    wait_until states_are "inactive inactive"
    works_after systemctl start govanityurls.socket
    works_after systemctl restart govanityurls.socket
    systemctl stop govanityurls.socket
    wait_until states_are "inactive inactive"
    works_after systemctl restart govanityurls

    step "reloading a bad file fails with the reason, and the old site is served"
    bad
    fails systemctl reload govanityurls
    systemctl status --no-pager --full govanityurls | grep 'vanity.yaml:2:3: unknown key'
    answers
    echo '{' >$file
    chmod 600 $file
    good
    fails systemctl reload govanityurls
    systemctl status --no-pager --full govanityurls | grep -i 'permission denied'
    answers
    chmod 644 $file
    rm $file
    fails systemctl reload govanityurls
    answers
    printf '/new:\n  repo: https://github.com/bigwhite/new\n' | cat - <(good; cat $file) >/tmp/new
    cp /tmp/new $file
    systemctl reload govanityurls
    wait_until gives 200 http://127.0.0.1:8080/new

    step "after many failed starts, the repaired file is served"
    bad
    for i in 1 2 3 4 5 6 7; do fails systemctl restart govanityurls 2>/dev/null; done
    get -m 2 http://127.0.0.1:8080/gowechat
    works_after good
    bad
    for i in 1 2 3 4 5 6 7; do fails systemctl restart govanityurls 2>/dev/null; done
    good
    works_after systemctl restart govanityurls

    step "an invalid environment stops both, and one start starts both"
    bad_environment
    fails systemctl restart govanityurls
    wait_until settled
    fails states_are "active active"
    get -m 2 http://127.0.0.1:8080/gowechat
    good_environment
    works_after systemctl start govanityurls

    step "a socket that cannot be created"
    mkdir -p /etc/systemd/system/govanityurls.socket.d
    printf '[Socket]\nSocketUser=nobody-here\nListenStream=/run/x.sock\n' >/etc/systemd/system/govanityurls.socket.d/x.conf
    systemctl daemon-reload
    systemctl stop govanityurls
    fails systemctl start govanityurls
    wait_until settled
    rm /etc/systemd/system/govanityurls.socket.d/x.conf
    systemctl daemon-reload
    works_after :

    RANDOM=13
    all=("systemctl start govanityurls" "systemctl stop govanityurls" "systemctl restart govanityurls"
        "systemctl start govanityurls.socket" "systemctl stop govanityurls.socket"
        "systemctl restart govanityurls.socket" "systemctl reload govanityurls"
        "systemctl kill -s KILL govanityurls" "get -m 1 http://127.0.0.1:8080/gowechat"
        bad bad good good bad_environment good_environment good_environment)
    step "thirty random steps"
    for i in $(seq 30); do
        turn=${all[RANDOM % ${#all[@]}]}
        # Each may fail, depending on the current state.
        $turn >/dev/null 2>&1 || :
        wait_until settled
        echo "$turn: $(states)"
    done
    good
    good_environment
    works_after systemctl restart govanityurls

    step "a reboot with a bad file, and with an address that appears late"
    bad
    printf '[Socket]\nListenStream=10.0.0.2:8080\n' >/etc/systemd/system/govanityurls.socket.d/late.conf
    exit 194
fi

wait_until settled
good
wait_until states_are "active active"
ip link add late type dummy
ip address add 10.0.0.2/24 dev late
ip link set late up
gives 200 http://10.0.0.2:8080/gowechat
answers
