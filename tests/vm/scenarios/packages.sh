# The package: its files, upgrades, downgrades, removal, a reboot. Also the container, and the
# program alone in a chroot.
. tests/vm/guest/lib.sh

echo '127.0.0.1 example.com' >>/etc/hosts
pid() { systemctl show -p MainPID --value govanityurls; }
# Builds the same package with another version.
repacked() { # VERSION
    local root=/tmp/repacked-$1
    [ -d "$root" ] || { dpkg-deb -R "$deb" "$root"; sed -i "s/^Version: .*/Version: $1/" "$root/DEBIAN/control"; }
    dpkg-deb -Zgzip -z1 -b "$root" "/tmp/$1.deb" >/dev/null
}
remains() {
    find / -xdev -name '*govanityurls*' -not -path '/vm/*' -not -path '/tmp/*' \
        -not -path '/proc/*' -not -path '/sys/*' -not -path '/var/log/*' -not -path '/var/cache/man/*' | grep -v '^/var/lib/containers'
}

if [ "$VM_BOOT" = 1 ]; then
    step "a new package starts no unit, and none fails"
    touch /tmp/before
    install_package
    states_are "inactive inactive"
    equal "$(systemctl --failed --no-legend)" ""
    fails systemctl is-enabled --quiet govanityurls
    govanityurls check -config $file
    for path in /usr/bin/govanityurls /usr/share/govanityurls/vanity.schema.json \
        /usr/share/doc/govanityurls/examples/vanity.yaml.example; do
        test -s $path
    done
    schema=$(sed -n 's/^# yaml-language-server: $schema=//p' $file)
    test -s "$schema"
    govanityurls check /usr/share/doc/govanityurls/examples/vanity.yaml.example

    step "man and completions"
    man govanityurls | cat >/vm/out/man.txt
    grep -q 'govanityurls-check(1)' /vm/out/man.txt
    man govanityurls-check | grep -q 'Validate the configuration'
    bash -ic 'source /usr/share/bash-completion/bash_completion; _completion_loader govanityurls || :
        COMP_WORDS=(govanityurls che); COMP_CWORD=1; _govanityurls govanityurls che govanityurls
        echo "${COMPREPLY[@]}"' 2>/dev/null | grep -x check
    zsh -fc 'autoload -Uz compinit; compinit -D -u; echo ${_comps[govanityurls]}' | grep -x _govanityurls
    zsh -n /usr/share/zsh/vendor-completions/_govanityurls
    fish -c 'complete -C "govanityurls che"' | grep '^check'

    step "the packaged file is served"
    systemctl enable --quiet --now govanityurls
    gives 200 http://127.0.0.1:8080/gowechat

    step "an upgrade and a downgrade restart the service, refuse no connection, and keep the file"
    echo '# mine' >>$file
    repacked 9.0-1
    for package in /tmp/9.0-1.deb "$deb"; do
        old=$(pid)
        start_load http://127.0.0.1:8080/gowechat
        apt-get install -q -y --allow-downgrades "$package" >/tmp/apt.log 2>&1 || fail "$(cat /tmp/apt.log)"
        states_are "active active"
        stop_load
        [ "$(pid)" != "$old" ] || fail "not restarted"
        grep -qx '# mine' $file
    done

    step "an upgrade does not start a stopped service"
    systemctl stop govanityurls
    apt-get install -q -y --allow-downgrades /tmp/9.0-1.deb >/dev/null
    states_are "inactive inactive"

    step "the program alone in a chroot"
    mkdir /tmp/empty
    tar xf dist/govanityurls-*-x86_64-linux.tar.gz -C /tmp --wildcards '*/govanityurls'
    cp /tmp/govanityurls-*/govanityurls $file /tmp/empty
    chroot /tmp/empty /govanityurls check /vanity.yaml

    step "the container, not as root and read-only"
    podman load -q -i dist/govanityurls-*.oci.tar
    podman run -d --name one --read-only --cap-drop all --security-opt no-new-privileges \
        --network host -v /etc/govanityurls:/etc/govanityurls:ro "localhost/govanityurls:$(
            sed 's/^govanityurls_//; s/_amd64.deb$//' <<<"$(basename "$deb")")" -listen 127.0.0.1:8081
    wait_until sh -c 'curl -sf http://127.0.0.1:8081/gowechat'
    equal "$(stat -c %u "/proc/$(podman inspect -f '{{.State.Pid}}' one)")" 65532
    podman stop -t 20 one
    equal "$(podman inspect -f '{{.State.ExitCode}}' one)" 0
    podman logs one
    podman rm one >/dev/null

    systemctl start govanityurls
    exit 194
fi

step "it serves after a reboot"
wait_until states_are "active active"
gives 200 http://127.0.0.1:8080/gowechat

step "removal stops it and keeps the file; reinstalling restores it"
apt-get remove -q -y govanityurls >/dev/null
fails gives 200 http://127.0.0.1:8080/gowechat
grep -qx '# mine' $file
install_package
systemctl is-enabled govanityurls
systemctl start govanityurls
gives 200 http://127.0.0.1:8080/gowechat

step "purging leaves nothing"
apt-get purge -q -y govanityurls >/dev/null
systemctl daemon-reload
equal "$(remains || :)" ""
equal "$(systemctl --failed --no-legend)" ""
states
