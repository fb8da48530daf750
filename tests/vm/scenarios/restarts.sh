# Restarts, crashes, and nginx on a Unix socket and on another machine: no connection is refused.
. tests/vm/guest/lib.sh

echo '127.0.0.1 example.com' >>/etc/hosts
install_package
systemctl enable --quiet --now govanityurls
pid() { systemctl show -p MainPID --value govanityurls; }
is_replaced() { [ "$(pid)" != 0 ] && [ "$(pid)" != "$1" ] && states_are "active active"; }
# Installs the printed rules in a server without TLS.
rules() { # ARGUMENT...
    govanityurls nginx -config $file "$@" >/tmp/rules
    {
        sed '/^# In the server block/,$d' /tmp/rules
        echo 'server { listen 80; server_name example.com;'
        sed -n '/^# In the server block/,$p' /tmp/rules
        echo '}'
    } >/etc/nginx/conf.d/govanityurls.conf
    nginx -t -q
    systemctl reload nginx
}

restarts_refuse_no_connection() {
    wait_until gives 200 http://example.com/gowechat
    wrk -t 1 -c 8 -d 20 --timeout 20 http://example.com/gowechat >/tmp/wrk &
    local wrk=$! i
    start_load http://example.com/gowechat
    for i in 1 2 3; do
        systemctl restart govanityurls
        sleep 1
    done
    wait $wrk
    stop_load
    cat /tmp/wrk
    fails grep -E 'Non-2xx|Socket errors' /tmp/wrk
}

step "restarts under load, over TCP"
rules
restarts_refuse_no_connection

step "a killed process is replaced, and no connection is refused"
old=$(pid)
kill -9 "$old"
gives 200 http://example.com/gowechat
is_replaced "$old"

step "the watchdog replaces a process that hangs"
mkdir -p /run/systemd/system/govanityurls.service.d
printf '[Service]\nWatchdogSec=5\n' >/run/systemd/system/govanityurls.service.d/fast.conf
systemctl daemon-reload
systemctl restart govanityurls
old=$(pid)
kill -STOP "$old"
wait_until is_replaced "$old"
equal "$(systemctl show -p NRestarts --value govanityurls)" 1
rm /run/systemd/system/govanityurls.service.d/fast.conf
systemctl daemon-reload

step "a process killed for lack of memory is replaced once there is enough"
old=$(pid)
systemctl set-property --runtime govanityurls.service MemoryMax=64K MemorySwapMax=0
# It allocates memory only when it responds.
get -m 5 http://example.com/gowechat
wait_until sh -c 'journalctl -u govanityurls | grep -q oom-kill'
systemctl set-property --runtime govanityurls.service MemoryMax=infinity
wait_until is_replaced "$old"
gives 200 http://example.com/gowechat

step "nginx on another machine, before and after the configuration"
ip netns add front
ip link add inside type veth peer name outside netns front
ip address add 10.0.0.2/24 dev inside
ip address add 10.0.0.9/24 dev inside
ip link set inside up
ip netns exec front ip address add 10.0.0.1/24 dev outside
ip netns exec front ip link set outside up
ip netns exec front ip link set lo up
cat >/etc/nginx/front.conf <<'N'
pid /run/front.pid;
error_log /vm/out/front.log;
events {}
http {
    access_log off;
    include /vm/front/*.conf;
}
N
mkdir -p /vm/front
govanityurls nginx -config $file -upstream 10.0.0.2:8080 >/tmp/rules
{
    sed '/^# In the server block/,$d' /tmp/rules
    echo 'server { listen 10.0.0.1:80; server_name example.com;'
    sed -n '/^# In the server block/,$p' /tmp/rules
    echo '}'
} >/vm/front/front.conf
ip netns exec front nginx -c /etc/nginx/front.conf
through_front() { get --interface 10.0.0.9 -H 'Host: example.com' http://10.0.0.1/gowechat; }
equal "$(through_front)" 502
grep 'Connection refused' /vm/out/front.log
type_commands docs/operations.md "## nginx on another machine"
echo GOVANITYURLS_ACCESS_LOG=on >>/etc/govanityurls/env
systemctl restart govanityurls
equal "$(through_front)" 200
wait_until sh -c 'journalctl -u govanityurls -o cat | grep "10\.0\.0\.9"'
# Undo the configuration.
rm -r /etc/systemd/system/govanityurls.socket.d /etc/govanityurls/env
systemctl daemon-reload
systemctl restart govanityurls.socket

step "restarts under load, over a Unix socket"
type_commands docs/operations.md "## nginx over a Unix socket"
rules -upstream unix:/run/govanityurls.sock
restarts_refuse_no_connection
fails gives 200 http://127.0.0.1:8080/gowechat
