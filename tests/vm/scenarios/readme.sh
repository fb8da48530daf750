# Runs README's commands verbatim on a new machine, up to a `go get` over TLS, then renews the
# certificate.
. tests/vm/guest/lib.sh

# The outside world: DNS names, Let's Encrypt, and a git server.
echo '127.0.0.1 example.com git.example.com' >>/etc/hosts
ca=/usr/local/share/ca-certificates
certificate() { # NAME FILE: creates a certificate that the whole machine trusts
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$2.key" -out "$2.pem" -days 30 \
        -subj "/CN=$1" -addext "subjectAltName=DNS:$1" 2>/dev/null
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
printf 'server = https://localhost:14000/dir\nemail = me@example.com\nagree-tos = true\nnon-interactive = true\n' \
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

# Runs the user's `go get`, directly from the repositories: there is no module proxy here.
go_get() {
    local home
    home=$(mktemp -d)
    (
        cd "$home"
        export HOME=$home GOPROXY=direct GOSUMDB=off GOTOOLCHAIN=local GOFLAGS=-modcacherw
        go mod init test.example/t
        go get example.com/gowechat
        grep 'example.com/gowechat v1.0.0' go.mod
    )
}
serial() { openssl s_client -connect 127.0.0.1:443 -servername example.com </dev/null 2>/dev/null | openssl x509 -noout -serial; }

heading="## Install it on Debian"
typed=$(commands README.md "$heading")
equal "$(grep -c '^nano ' <<<"$typed")" 1
[ "$(grep -vc '^nano ' <<<"$typed")" -le 6 ] || fail "too many commands: $typed"
# Replaces the edit in nano: the domain is already right, but the repository is on the local server.
typed=${typed/nano /sed -i s,https://github.com/bigwhite,https://git.example.com, }
# Answers yes to apt's question.
echo 'APT::Get::Assume-Yes "true";' >/etc/apt/apt.conf.d/yes
(cd dist && bash -euxc "$typed")
go_get

step "a renewal by the timer's command; nginx serves the new certificate"
old=$(serial)
certbot renew --quiet --force-renewal --no-random-sleep-on-renew
renewed() { [ "$(serial)" != "$old" ]; }
wait_until renewed
go_get
systemctl --failed --no-legend
