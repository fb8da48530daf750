# Types README's commands on a new machine, each way up to a `go get` over TLS; renews the certificate.
. tests/vm/guest/lib.sh

# The outside world: DNS names, Let's Encrypt, and a git server.
echo '127.0.0.1 example.com git.example.com' >>/etc/hosts
ca=/usr/local/share/ca-certificates
certificate() { # NAME FILE: creates a certificate that the whole machine trusts
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$2.key" -out "$2.pem" -days 30 \
        -subj "/CN=$1" -addext "subjectAltName=DNS:$1" -addext basicConstraints=CA:FALSE 2>/dev/null
    cp "$2.pem" "$ca/$1.crt"
}
mkdir /srv/world
certificate localhost /srv/world/acme
certificate git.example.com /srv/world/git
cat >/srv/world/pebble.json <<'J'
{"pebble": {"listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
"certificate": "/srv/world/acme.pem", "privateKey": "/srv/world/acme.key",
"httpPort": 80, "tlsPort": 443, "ocspResponderURL": "", "externalAccountBindingRequired": false}}
J
# No reuse of authorizations, so a renewal proves that the challenge still works.
PEBBLE_VA_NOSLEEP=1 PEBBLE_AUTHZREUSE=0 PEBBLE_WFE_NONCEREJECT=0 \
    pebble -config /srv/world/pebble.json >/vm/out/pebble.txt 2>&1 &
wait_until curl -skf -o $ca/acme-root.crt https://localhost:15000/roots/0
update-ca-certificates >/dev/null 2>&1
mkdir -p /etc/letsencrypt
printf 'server = https://localhost:14000/dir\nemail = me@example.com\nagree-tos = true\nnon-interactive = true\nno-random-sleep-on-renew = true\n' \
    >/etc/letsencrypt/cli.ini
# By default, certbot uses its own list of root certificates.
export REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt

(
    export GIT_CONFIG_GLOBAL=/srv/world/gitconfig
    git config --global user.email a@example.com
    git config --global user.name a
    git config --global init.defaultBranch main
    git init -q /srv/world/gowechat
    cd /srv/world/gowechat
    printf 'module example.com/gowechat\n\ngo 1.18\n' >go.mod
    printf 'package gowechat\n' >a.go
    git add .
    git commit -qm one
    git tag v1.0.0
    git clone -q --bare . /srv/git/gowechat
    chown -R www-data: /srv/git
)
cat >/etc/nginx/conf.d/git.conf <<'N'
server {
    listen 443 ssl;
    server_name git.example.com;
    ssl_certificate /srv/world/git.pem;
    ssl_certificate_key /srv/world/git.key;
    location / {
        include fastcgi_params;
        fastcgi_param SCRIPT_FILENAME /usr/lib/git-core/git-http-backend;
        fastcgi_param GIT_PROJECT_ROOT /srv/git;
        fastcgi_param GIT_HTTP_EXPORT_ALL "";
        fastcgi_param PATH_INFO $uri;
        fastcgi_pass unix:/run/fcgiwrap.socket;
    }
}
N
nginx -t -q
systemctl reload nginx

# The site that the domain has already.
certificate example.com /srv/world/site
update-ca-certificates >/dev/null 2>&1
mkdir -p /srv/site/gowechat
echo 'the blog' >/srv/site/index.html
cp -P /etc/nginx/sites-available/default /srv/world/default
cat >/etc/nginx/sites-available/default <<'N'
server {
    listen 443 ssl;
    server_name example.com;
    ssl_certificate /srv/world/site.pem;
    ssl_certificate_key /srv/world/site.key;
    root /srv/site;
}
N
systemctl reload nginx

# nginx reloads in the background, which takes seconds on an emulated machine.
cat >/usr/local/bin/systemctl <<'N'
#!/bin/bash
workers() { pgrep -f 'nginx: worker process$' | sort; }
before=$(workers)
/usr/bin/systemctl "$@" || exit
if [ "$*" = "reload nginx" ]; then
    for _ in {1..300}; do
        [ -n "$(comm -12 <(echo "$before") <(workers))" ] || exit 0
        sleep 0.2
    done
fi
N
chmod +x /usr/local/bin/systemctl

# Answers yes to apt's question.
echo 'APT::Get::Assume-Yes "true";' >/etc/apt/apt.conf.d/yes
# In place of an editor: the domain is already right, but the repository is on the local server.
cat >/usr/local/bin/nano <<'N'
#!/bin/sh
case $1 in
/etc/govanityurls/vanity.yaml) sed -i s,https://github.com/bigwhite,https://git.example.com, "$1" ;;
/etc/nginx/*) sed -i 's,server_name example.com;,& include snippets/govanityurls.conf;,' "$1" ;;
esac
N
chmod +x /usr/local/bin/nano

# Runs the user's `go get`, directly from the repositories: there is no module proxy here.
go_get() { # COMMAND
    local home
    home=$(mktemp -d)
    (
        cd "$home"
        export HOME=$home GOPROXY=direct GOSUMDB=off GOTOOLCHAIN=local GOFLAGS=-modcacherw
        go mod init test.example/t
        eval "$1"
        grep 'example.com/gowechat v1.0.0' go.mod
    )
}
# Types the commands below a heading of README.md, and its `go get` in a module.
type_way() { # DIRECTORY HEADING
    local typed
    typed=$(commands README.md "$2")
    [ -n "$typed" ] || fail "no commands below '$2'"
    step "typing: $2"
    (cd "$1" && bash -euxc "$(grep -v '^go get' <<<"$typed")")
    if grep -q '^go get' <<<"$typed"; then go_get "$(grep '^go get' <<<"$typed")"; fi
}
serial() { openssl s_client -connect 127.0.0.1:443 -servername example.com </dev/null 2>/dev/null | openssl x509 -noout -serial; }

type_way dist "## Choose your way"
type_way /etc/govanityurls "### nginx already serves the domain"
equal "$(curl -sS https://example.com/)" "the blog"
in_etc() { # FILE HEADING: types commands in the directory of the file
    local typed
    typed=$(commands "$@")
    step "typing: $1, $2"
    (cd /etc/govanityurls && bash -euxc "$typed")
}
in_etc docs/proxies.md "## nginx"
nginx -t -q
mkdir -p /var/lib/prometheus/node-exporter
in_etc docs/verify.md "# govanityurls verify"
grep -x 'govanityurls_verify_ok 1' /var/lib/prometheus/node-exporter/govanityurls.prom

step "a container instead"
systemctl stop govanityurls
cp dist/*.oci.tar /etc/govanityurls/
wait_for_container() { wait_until gives 200 http://127.0.0.1:8080/gowechat; }
typed=$(commands README.md "### A container instead of the package")
(cd /etc/govanityurls && bash -euxc "$(sed '/^govanityurls verify/,$d' <<<"$typed")")
wait_for_container
(cd /etc/govanityurls && govanityurls verify)
go_get "$(grep '^go get' <<<"$typed")"
podman stop -a -t 20 >/dev/null
rm /etc/govanityurls/*.oci.tar
systemctl start govanityurls

rm /etc/nginx/conf.d/govanityurls.conf /etc/nginx/snippets/govanityurls.conf
cp /srv/world/default /etc/nginx/sites-available/default
systemctl reload nginx
type_way /etc/govanityurls "### A fresh machine"

type_commands docs/operations.md "## The certificate"
step "a renewal by the timer's command; nginx serves the new certificate"
old=$(serial)
certbot renew --quiet --force-renewal --no-random-sleep-on-renew
renewed() { [ "$(serial)" != "$old" ]; }
wait_until renewed
go_get "go get example.com/gowechat"

type_commands docs/operations.md "## Metrics and alerts"
curl -sSf http://127.0.0.1:9090/metrics >/vm/out/metrics.txt
grep -q govanityurls_http_requests_total /vm/out/metrics.txt
systemctl --failed --no-legend
