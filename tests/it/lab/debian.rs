//! nginx with the configuration of Debian's package, and certbot with the lab's own ACME server:
//! for commands that are typed into a shell verbatim.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{GIT_HOST, Lab, run};
use crate::support::{repository_file, wait_until};

/// Paths that the lab mounts its own directory over.
const DIRECTORIES: [&str; 6] = [
    "/etc/letsencrypt",
    "/etc/nginx",
    "/run",
    "/var/cache",
    "/var/lib/nginx",
    "/var/log/nginx",
];
const WEBROOT: &str = "/var/www/html";

/// The lab has no systemd.
const SYSTEMCTL: &str = "#!/bin/sh\n[ \"$*\" = 'reload nginx' ] && exec nginx -s reload\nexit 1\n";

const PEBBLE: &str = r#"{"pebble": {
    "listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
    "certificate": "certs/localhost.pem", "privateKey": "certs/localhost.key",
    "httpPort": 80, "tlsPort": 443
}}"#;

impl Lab {
    /// Mounts the files of Debian's nginx, unchanged except for the user, and an empty directory
    /// over every other path that nginx and certbot write to; adds `hosts` to /etc/hosts.
    pub fn debian_nginx(&self, hosts: &[&str]) {
        let ours = self.dir.join("debian");
        fs::create_dir_all(&ours).unwrap();
        run(Command::new("cp").args(["-a", "/etc/nginx"]).arg(&ours));
        let conf = ours.join("nginx/nginx.conf");
        let text = fs::read_to_string(&conf).unwrap();
        assert!(text.contains("user www-data;"), "{text}");
        fs::write(conf, text.replace("user www-data;", "user root;")).unwrap();
        for directory in DIRECTORIES.iter().chain([&WEBROOT]) {
            let from = match *directory {
                "/etc/nginx" => ours.join("nginx"),
                other => ours.join(other.trim_start_matches('/').replace('/', "-")),
            };
            fs::create_dir_all(&from).unwrap();
            self.mount(&from, directory);
        }

        let mut names = "127.0.0.1 localhost\n".to_owned();
        for host in hosts.iter().chain([&GIT_HOST]) {
            let _ = writeln!(names, "127.0.0.1 {host}");
        }
        fs::write(self.dir.join("hosts"), names).unwrap();
        self.script("systemctl", SYSTEMCTL);
    }

    /// Starts nginx, with the git server next to its default site.
    pub fn start_debian_nginx(&mut self) {
        let (certificate, git) = (self.certificate(GIT_HOST), self.git_rule());
        let server = format!(
            "server {{\nserver_name {GIT_HOST};\nlisten 443 ssl;\n\
             ssl_certificate {certificate}.pem;\nssl_certificate_key {certificate}.key;\n{git}\n}}"
        );
        fs::write("/etc/nginx/conf.d/git.conf", server).unwrap();
        self.start(Command::new("nginx").args(["-g", "daemon off;"]));
        wait_until("nginx listens", || TcpStream::connect("127.0.0.1:443").ok());
    }

    /// Starts pebble, and makes certbot use it.
    pub fn acme(&mut self) {
        self.pebble();
        let logs = self.dir.join("certbot");
        let options = format!(
            "server = https://localhost:14000/dir\nno-verify-ssl = true\n\
             register-unsafely-without-email = true\nagree-tos = true\nnon-interactive = true\n\
             work-dir = {0}\nlogs-dir = {0}\n",
            logs.display()
        );
        fs::write("/etc/letsencrypt/cli.ini", options).unwrap();
    }

    /// Starts pebble, an ACME test server; every client of the lab trusts its certificates.
    pub fn pebble(&mut self) {
        self.certificate("localhost");
        fs::write(self.dir.join("pebble.json"), PEBBLE).unwrap();
        let mut pebble = Command::new("pebble");
        pebble.current_dir(&self.dir);
        pebble.args(["-config", "pebble.json"]);
        // By default pebble sleeps before it validates, and reuses validations.
        pebble.env("PEBBLE_VA_NOSLEEP", "1");
        pebble.env("PEBBLE_AUTHZREUSE", "0");
        pebble.env("PEBBLE_WFE_NONCEREJECT", "0");
        self.start(&mut pebble);
        let root = wait_until("pebble has a root certificate", || {
            let mut curl = Command::new("curl");
            curl.args(["-sk", "https://localhost:15000/roots/0"]);
            let root = String::from_utf8(curl.output().unwrap().stdout).unwrap();
            root.starts_with("-----BEGIN").then_some(root)
        });
        let trusted = fs::read_to_string(self.ca()).unwrap() + &root;
        fs::write(self.ca(), trusted).unwrap();
    }

    /// Writes a command for the lab's shells.
    pub fn script(&self, name: &str, text: &str) {
        let path = self.dir.join("bin").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs a shell command in the directory of the configuration in use; it must succeed.
    pub fn shell(&self, command: &str) -> String {
        let path = std::env::var("PATH").unwrap();
        let mut shell = Command::new("sh");
        shell
            .current_dir(self.dir.join("govanityurls"))
            .env("PATH", format!("{}:{path}", self.dir.join("bin").display()))
            .args(["-c", command]);
        run(&mut shell)
    }
}

/// Returns the warnings of every nginx's `nginx -t` for /etc/nginx; empty if there are none.
pub fn complaints() -> String {
    let newest = repository_file("target/tools/nginx/nginx");
    let newest = std::env::var_os("TEST_NGINX_NEW").map_or(newest, PathBuf::from);
    [Path::new("nginx"), &newest]
        .map(|nginx| {
            let mut command = Command::new(nginx);
            let output = command.arg("-t").output();
            let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
            let said = String::from_utf8(output.stderr).unwrap();
            let good = ["syntax is ok", "test is successful"];
            let is_good = |line: &str| good.iter().any(|end| line.ends_with(end));
            assert!(output.status.success() || !said.is_empty());
            let bad = said.lines().filter(|line| !is_good(line));
            bad.map(|line| format!("{}: {line}\n", nginx.display()))
                .collect::<String>()
        })
        .concat()
}
