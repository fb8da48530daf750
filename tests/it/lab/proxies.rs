//! The proxies of docs/proxies.md, with the configuration that it shows: real go commands, a
//! browser, and a site whose pages stay.

use std::fs;
use std::net::TcpStream;
use std::process::Command;

use crate::lab::documents::{documented, verify_and_get};
use crate::lab::modules::package;
use crate::lab::{Commit, GIT_HOST, Lab, enter, run, tools};
use crate::support::wait_until;

const DOCUMENT: &str = "docs/proxies.md";

/// A repository below a path that is all the program's, and one at the path of an article.
const CONFIG: &str = "\
host: example.com
/gowechat:
  repo: https://git.example:8443/gowechat.git
/x/experiments:
  repo: https://git.example:8443/experiments.git
";

#[test]
#[ignore = "needs caddy, nginx, pebble, git and go; tests/run runs it"]
fn go_gets_through_caddy() {
    enter(|mut lab| {
        start(&mut lab);
        lab.pebble();
        let [block] = documented(DOCUMENT, "Caddy");
        fs::write(lab.dir().join("Caddyfile"), options(&lab) + &block).unwrap();
        start_caddy(&mut lab);
        works(&lab);
    });
}

#[test]
#[ignore = "needs caddy, nginx, pebble, git and go; tests/run runs it"]
fn the_commands_for_caddy() {
    enter(|mut lab| {
        start(&mut lab);
        lab.pebble();
        let [typed] = documented("README.md", "Caddy ([or another proxy](docs/proxies.md))");
        let caddyfile = lab.dir().join("Caddyfile");
        fs::write(&caddyfile, options(&lab)).unwrap();
        let caddy = tool("caddy");
        let program = caddy.get_program().display();
        lab.script("apt", "#!/bin/sh\n");
        let reload = format!(
            "#!/bin/sh\nexec {program} reload --config {}\n",
            caddyfile.display()
        );
        lab.script("systemctl", &reload);
        start_caddy(&mut lab);
        wait_until("caddy can be reloaded", || {
            TcpStream::connect("127.0.0.1:2019").ok()
        });
        let typed = typed.replace("/etc/caddy/Caddyfile", caddyfile.to_str().unwrap());
        let (before, after) = typed.split_once("govanityurls verify").unwrap();
        lab.shell(before);
        wait_until("caddy has a certificate", || page(&lab));
        verify_and_get(
            &lab,
            &lab.dir().join("govanityurls"),
            &format!("govanityurls verify{after}"),
        );
    });
}

#[test]
#[ignore = "needs traefik, nginx, pebble, git and go; tests/run runs it"]
fn go_gets_through_traefik() {
    enter(|mut lab| {
        start(&mut lab);
        lab.pebble();
        let [block] = documented(DOCUMENT, "Traefik");
        let dir = lab.dir().join("traefik");
        fs::create_dir_all(dir.join("dynamic")).unwrap();
        fs::write(dir.join("dynamic/govanityurls.yml"), block).unwrap();
        fs::write(dir.join("dynamic/site.yml"), TRAEFIK_SITE).unwrap();
        fs::write(dir.join("traefik.yml"), TRAEFIK).unwrap();
        let mut traefik = tool("traefik");
        traefik
            .current_dir(&dir)
            .env("LEGO_CA_CERTIFICATES", lab.ca());
        lab.start(traefik.arg("--configFile=traefik.yml"));
        works(&lab);
    });
}

const TRAEFIK: &str = "
entryPoints:
  websecure:
    address: ':443'
providers:
  file:
    directory: dynamic
certificatesResolvers:
  letsencrypt:
    acme:
      caServer: https://localhost:14000/dir
      email: a@example.com
      storage: acme.json
      tlsChallenge: {}
";

const TRAEFIK_SITE: &str = "
http:
  routers:
    site:
      rule: Host(`example.com`)
      service: site
      tls:
        certResolver: letsencrypt
  services:
    site:
      loadBalancer:
        servers:
          - url: http://127.0.0.1:8081
";

#[test]
#[ignore = "needs apache2, nginx, git and go; tests/run runs it"]
fn go_gets_through_apache() {
    enter(|mut lab| {
        start(&mut lab);
        let [block, modules] = documented(DOCUMENT, "Apache");
        let apache = lab.dir().join("apache");
        for directory in ["log", "run/apache2"] {
            fs::create_dir_all(apache.join(directory)).unwrap();
        }
        let mut copy = Command::new("cp");
        run(copy.args(["-aT", "/etc/apache2"]).arg(apache.join("etc")));
        lab.mount(&apache.join("etc"), "/etc/apache2");
        lab.mount(&apache.join("log"), "/var/log/apache2");
        lab.mount(&apache.join("run"), "/run");
        let certificate = lab.certificate("example.com");
        let site = format!(
            "<VirtualHost *:443>\nServerName example.com\nDocumentRoot /var/www/html\n\
             SSLEngine on\nSSLCertificateFile {certificate}.pem\n\
             SSLCertificateKeyFile {certificate}.key\n{block}\n</VirtualHost>\n"
        );
        fs::write("/etc/apache2/sites-available/000-default.conf", site).unwrap();
        lab.shell(&modules);
        // As the user that Debian has it run as, in a name only: the lab may have no other user.
        let mut command = Command::new("unshare");
        command
            .args([
                "--user",
                "--map-user=www-data",
                "--map-group=www-data",
                "sh",
                "-c",
            ])
            .arg(". /etc/apache2/envvars && exec apache2 -D FOREGROUND");
        fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "80").unwrap();
        lab.start(&mut command);
        works(&lab);
    });
}

#[test]
#[ignore = "needs haproxy, nginx, git and go; tests/run runs it"]
fn go_gets_through_haproxy() {
    enter(|mut lab| {
        start(&mut lab);
        let [block] = documented(DOCUMENT, "HAProxy");
        let dir = lab.dir().join("haproxy");
        fs::create_dir_all(dir.join("certs")).unwrap();
        let certificate = lab.certificate("example.com");
        let both =
            ["pem", "key"].map(|end| fs::read_to_string(format!("{certificate}.{end}")).unwrap());
        fs::write(dir.join("certs/example.com.pem"), both.concat()).unwrap();
        fs::write(dir.join("haproxy.cfg"), format!("{HAPROXY}{block}")).unwrap();
        lab.mount(&dir, "/etc/haproxy");
        lab.start(Command::new("haproxy").args(["-f", "/etc/haproxy/haproxy.cfg"]));
        works(&lab);
    });
}

const HAPROXY: &str = "
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s

backend site
    server local 127.0.0.1:8081

";

/// Returns the options that have Caddy use the lab's authority and directory.
fn options(lab: &Lab) -> String {
    format!(
        "{{\nacme_ca https://localhost:14000/dir\nacme_ca_root {}\nstorage file_system {}\n}}\n",
        lab.ca().display(),
        lab.dir().join("caddy").display()
    )
}

fn start_caddy(lab: &mut Lab) {
    let mut caddy = tool("caddy");
    caddy.current_dir(lab.dir()).env("HOME", lab.dir());
    lab.start(caddy.args(["run", "--config", "Caddyfile"]));
}

/// Starts the repositories, the site and the program.
fn start(lab: &mut Lab) {
    lab.repository(
        "gowechat",
        &[Commit {
            tag: "v1.2.0",
            files: &[
                ("go.mod", "module example.com/gowechat\n"),
                ("gowechat.go", &package("gowechat", "gowechat")),
                ("mp/mp.go", &package("mp", "mp of gowechat")),
            ],
        }],
    );
    lab.repository(
        "experiments",
        &[Commit {
            tag: "v0.1.0",
            files: &[
                ("go.mod", "module example.com/x/experiments\n"),
                ("sub/sub.go", &package("sub", "sub of experiments")),
            ],
        }],
    );
    lab.govanityurls(CONFIG, &["-listen", "127.0.0.1:8080", "-access-log"]);
    let site = lab.dir().join("site");
    fs::create_dir_all(site.join("gowechat")).unwrap();
    fs::write(site.join("index.html"), "the blog").unwrap();
    fs::write(site.join("gowechat/index.html"), "an article").unwrap();
    lab.mount(&site, "/var/www/html");
    // The proxy has port 443.
    let (certificate, git) = (lab.certificate(GIT_HOST), lab.git_rule());
    lab.nginx_of(
        &format!(
            "server {{\nserver_name {GIT_HOST};\nlisten 8443 ssl;\n\
             ssl_certificate {certificate}.pem;\nssl_certificate_key {certificate}.key;\n{git}\n}}\n\
             server {{\nserver_name example.com;\nlisten 127.0.0.1:8081;\nroot /var/www/html;\n}}"
        ),
        8443,
    );
}

/// Everybody gets through the proxy what is meant for them.
fn works(lab: &Lab) {
    let page = wait_until("the proxy answers", || page(lab));
    assert!(page.contains("go get example.com/x/experiments"), "{page}");
    for go in lab.go_commands() {
        go.get("example.com/gowechat/mp");
        go.get("example.com/x/experiments/sub@v0.1.0");
        let said = go.get_fails("example.com/gowechatt");
        assert!(
            said.contains("did you mean example.com/gowechat?"),
            "{said}"
        );
    }
    for (path, text) in [
        ("", "the blog"),
        ("gowechat/", "an article"),
        ("gowechat/?go-get=11", "an article"),
    ] {
        let url = format!("https://example.com/{path}");
        assert_eq!(lab.browse(&url), (200, text.to_owned()), "{url}");
    }
    let clone = lab.dir().join("clone");
    let mut git = Command::new("git");
    git.env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_SSL_CAINFO", lab.ca());
    run(git
        .args(["clone", "--quiet", "https://example.com/x/experiments"])
        .arg(&clone));
    assert!(clone.join("sub/sub.go").exists());
}

/// Fetches a module's page, if the proxy is up.
fn page(lab: &Lab) -> Option<String> {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--fail", "--cacert"]).arg(lab.ca());
    let output = curl
        .arg("https://example.com/x/experiments")
        .output()
        .unwrap();
    let page = String::from_utf8(output.stdout).unwrap();
    output.status.success().then_some(page)
}

fn tool(name: &str) -> Command {
    Command::new(tools().join("bin").join(name))
}
