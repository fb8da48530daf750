//! A small internet for one test: nginx with TLS in front of the program, a git server over smart
//! HTTP, names in /etc/hosts, a certificate authority, and real go commands.
//!
//! [`enter`] runs a test's body in fresh network, mount and process namespaces, so that labs run in
//! parallel, do not collide with the machine and leave nothing behind: when a process namespace
//! ends, the kernel kills every process in it, however the test ended.

mod behind_nginx;
mod browser;
mod debian;
mod documents;
mod go;
mod go_get;
mod journal;
mod keepalive;
mod mappings;
pub mod modules;
mod namespace;
mod oracle;
mod proxies;
mod replicas;
mod static_hosts;
mod syscalls;
mod verify;

use std::fmt::Write as _;
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs};

pub use debian::complaints;
pub use go::Go;
pub use namespace::{enter, enter_and_fail, processes_of};

use crate::support::{self, Server, repository_file, wait_until};

/// The host that serves the lab's repositories, at `/NAME.git`.
pub const GIT_HOST: &str = "git.example";

/// The protocol of a lab's hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP on port 80; nothing listens on 443.
    Http,
    /// TLS on port 443, each host with its own certificate; plain HTTP on 80 as well.
    Https,
}

/// One commit of a repository.
pub struct Commit<'a> {
    /// The tag of the commit; none if empty.
    pub tag: &'a str,
    /// Paths and contents. Files of earlier commits stay.
    pub files: &'a [(&'a str, &'a str)],
}

/// The lab. Its processes end when it is dropped.
pub struct Lab {
    dir: PathBuf,
    /// nginx and fcgiwrap.
    daemons: Vec<Daemon>,
    server: Option<Server>,
}

impl Lab {
    /// Creates an empty lab in `dir`: a certificate authority, and a git server at [`GIT_HOST`]
    /// once nginx runs.
    fn new(dir: PathBuf) -> Self {
        for sub in ["bin", "certs", "nginx", "repos", "tmp", "work"] {
            fs::create_dir_all(dir.join(sub)).unwrap();
        }
        symlink(
            env!("CARGO_BIN_EXE_govanityurls"),
            dir.join("bin/govanityurls"),
        )
        .unwrap();
        let mut lab = Self {
            dir,
            daemons: Vec::new(),
            server: None,
        };
        lab.openssl("ca", &[]);
        let socket = lab.dir.join("fcgiwrap.sock");
        lab.start(Command::new("fcgiwrap").args(["-s", &format!("unix:{}", socket.display())]));
        wait_until("fcgiwrap listens", || socket.exists().then_some(()));
        lab
    }

    /// Returns the lab's directory, for files of the test.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Starts the program with `config` as its vanity.yaml, in its own directory.
    pub fn govanityurls(&mut self, config: &str, args: &[&str]) -> &mut Server {
        let dir = self.dir.join("govanityurls");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("vanity.yaml"), config).unwrap();
        let mut command = support::program();
        command.current_dir(dir).args(args);
        self.server.insert(Server::spawn(command))
    }

    /// Returns the program, which must have been started.
    pub fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    /// Creates a bare repository that [`GIT_HOST`] serves at `/NAME.git`; returns its directory.
    pub fn repository(&self, name: &str, commits: &[Commit<'_>]) -> PathBuf {
        let work = self.dir.join("work").join(name);
        let bare = self.dir.join("repos").join(format!("{name}.git"));
        fs::create_dir_all(&work).unwrap();
        let git = |args: &[&str]| {
            let mut command = Command::new("git");
            command
                .current_dir(&work)
                .env("GIT_CONFIG_GLOBAL", "/dev/null")
                .args(["-c", "user.name=Lab", "-c", "user.email=lab@git.example"])
                .args(args);
            run(&mut command);
        };
        git(&["init", "--quiet", "--initial-branch=main"]);
        for commit in commits {
            for (path, content) in commit.files {
                let path = work.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
            }
            git(&["add", "--all"]);
            git(&["commit", "--quiet", "--message", "A commit"]);
            if !commit.tag.is_empty() {
                git(&["tag", commit.tag]);
            }
        }
        git(&["clone", "--quiet", "--bare", ".", bare.to_str().unwrap()]);
        bare
    }

    /// Starts nginx for `hosts`, each with the text of its `server` block, and for [`GIT_HOST`];
    /// adds all of them to /etc/hosts.
    pub fn nginx(&mut self, scheme: Scheme, hosts: &[(&str, &str)]) {
        self.nginx_with(scheme, "", hosts);
    }

    /// Like [`nginx`](Self::nginx), with more text at the http level; a server there needs its own
    /// [`certificate`](Self::certificate).
    pub fn nginx_with(&mut self, scheme: Scheme, http: &str, hosts: &[(&str, &str)]) {
        let git = self.git_rule();
        let mut config = format!("{NGINX}{http}\n");
        for (host, body) in hosts.iter().copied().chain([(GIT_HOST, git.as_str())]) {
            let _ = writeln!(config, "server {{\nserver_name {host};\nlisten 80;");
            if scheme == Scheme::Https {
                let certificate = self.certificate(host);
                let _ = writeln!(
                    config,
                    "listen 443 ssl;\n\
                     ssl_certificate {certificate}.pem;\n\
                     ssl_certificate_key {certificate}.key;",
                );
            }
            let _ = writeln!(config, "{body}\n}}");
        }
        let port = if scheme == Scheme::Https { 443 } else { 80 };
        self.start_nginx(&config, port);
    }

    /// Starts nginx with these server blocks alone; one of them listens on `port`.
    pub fn nginx_of(&mut self, servers: &str, port: u16) {
        self.start_nginx(&format!("{NGINX}{servers}\n"), port);
    }

    fn start_nginx(&mut self, config: &str, port: u16) {
        let mut names = "127.0.0.1 localhost\n".to_owned();
        for line in config.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("server_name ") {
                let _ = writeln!(names, "127.0.0.1 {}", name.trim_end_matches(';'));
            }
        }
        // Writes the file that is mounted over /etc/hosts, so that a stray call can never write to
        // the machine's own.
        fs::write(self.dir.join("hosts"), names).unwrap();
        fs::write(self.dir.join("nginx/nginx.conf"), format!("{config}}}\n")).unwrap();
        let nginx = || {
            let mut command = Command::new("nginx");
            command.arg("-p").arg(self.dir.join("nginx"));
            command.args(["-c", "nginx.conf"]);
            command
        };
        run(nginx().args(["-t", "-q"]));
        let mut nginx = nginx();
        self.start(&mut nginx);
        let nginx = self.daemons.last_mut().unwrap();
        wait_until("nginx listens", || {
            let ended = nginx.0.try_wait().unwrap();
            assert!(ended.is_none(), "nginx ended: see its errors above");
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
    }

    /// Starts nginx with the output of `govanityurls nginx` for the configuration in use. Each
    /// host's rules, identified by the output's comments, go into a server block of that host,
    /// after `server_text`.
    pub fn nginx_as_printed(&mut self, args: &[&str], server_text: impl Fn(&str) -> String) {
        let printed = self.printed(args);
        let mut parts = printed.split("\n# In the server block of ");
        let http = parts.next().unwrap();
        let hosts: Vec<(&str, String)> = parts
            .map(|part| {
                let (comment, rules) = part.split_once('\n').unwrap();
                let name = comment.split(' ').next().unwrap();
                let name = name.trim_end_matches(':');
                (name, format!("{}\n{rules}", server_text(name)))
            })
            .collect();
        let hosts: Vec<_> = hosts.iter().map(|(name, text)| (*name, &**text)).collect();
        assert!(!hosts.is_empty(), "{printed}");
        self.nginx_with(Scheme::Https, http, &hosts);
    }

    /// Returns the output of `govanityurls nginx` for the configuration in use.
    pub fn printed(&self, args: &[&str]) -> String {
        let mut command = support::program();
        command
            .current_dir(self.dir.join("govanityurls"))
            .arg("nginx");
        run(command.args(args))
    }

    /// Returns nginx's access log, one line per request: `https tonybai.com "GET / HTTP/1.1" 200`.
    pub fn requests(&self) -> String {
        fs::read_to_string(self.dir.join("nginx/access.log")).unwrap_or_default()
    }

    /// Returns the certificate authority's own certificate, for clients to trust.
    pub fn ca(&self) -> PathBuf {
        self.dir.join("certs/ca.pem")
    }

    /// Returns the go commands that every test must pass with: the newest, and Debian's. Each
    /// starts with an empty download cache, in an empty module `app.example`.
    pub fn go_commands(&self) -> [Go; 2] {
        Go::both(self)
    }

    /// Issues a certificate for a host; returns the path of its files without `.pem` and `.key`.
    pub fn certificate(&self, host: &str) -> String {
        let san = format!("subjectAltName=DNS:{host}");
        // Without the last, openssl would make an authority of it, which webpki refuses.
        let leaf = ["-addext", &san, "-addext", "basicConstraints=CA:FALSE"];
        let signed = ["-CA", "ca.pem", "-CAkey", "ca.key"];
        self.openssl(host, &[signed, leaf].concat());
        let path = self.dir.join("certs").join(host);
        path.to_str().unwrap().to_owned()
    }

    /// Fetches a URL as a browser does, following redirects; returns status and body.
    pub fn browse(&self, url: &str) -> (u16, String) {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--location", "--cacert"])
            .arg(self.ca())
            .args(["--write-out", "\n%{http_code}", url]);
        let output = run(&mut curl);
        let (body, status) = output.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), body.to_owned())
    }

    /// Creates certs/NAME.pem and its key: self-signed unless `args` name a CA.
    fn openssl(&self, name: &str, args: &[&str]) {
        let mut command = Command::new("openssl");
        command
            .current_dir(self.dir.join("certs"))
            .args(["req", "-x509", "-nodes", "-days", "90", "-newkey", "ec"])
            .args(["-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-subj", &format!("/CN={name}")])
            .args(["-keyout", &format!("{name}.key")])
            .args(["-out", &format!("{name}.pem")])
            .args(args);
        run(&mut command);
    }

    /// git's own CGI program serves every repository of the lab.
    pub fn git_rule(&self) -> String {
        let exec_path = run(Command::new("git").arg("--exec-path"));
        let (exec_path, dir) = (exec_path.trim(), self.dir.display());
        format!(
            "location / {{
                 include /etc/nginx/fastcgi_params;
                 fastcgi_pass unix:{dir}/fcgiwrap.sock;
                 fastcgi_param SCRIPT_FILENAME {exec_path}/git-http-backend;
                 fastcgi_param GIT_PROJECT_ROOT {dir}/repos;
                 fastcgi_param GIT_HTTP_EXPORT_ALL 1;
                 fastcgi_param PATH_INFO $uri;
             }}"
        )
    }

    /// Mounts a directory of the lab over one of the machine.
    pub fn mount(&self, from: &Path, over: &str) {
        run(Command::new("mount").arg("--bind").arg(from).arg(over));
    }

    fn start(&mut self, command: &mut Command) {
        let child = command.stdin(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        self.daemons.push(Daemon(child));
    }
}

/// A single process, running as the user of the test, who is root in the namespace. The namespace
/// may have no other user to run workers as or own their files.
const NGINX: &str = r#"
daemon off;
master_process off;
user root;
pid nginx.pid;
error_log stderr warn;
events {}
http {
log_not_found off;
client_body_temp_path tmp-body;
proxy_temp_path tmp-proxy;
fastcgi_temp_path tmp-fastcgi;
uwsgi_temp_path tmp-uwsgi;
scgi_temp_path tmp-scgi;
log_format lab '$scheme $host "$request" $status';
access_log access.log lab;
"#;

/// A child process that is killed when dropped.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the directory of the tools that tests/run installs.
pub fn tools() -> PathBuf {
    env::var_os("TEST_PYTHONPATH").map_or(repository_file("target/tools"), PathBuf::from)
}

/// Runs a command to completion and returns its output.
pub fn run(command: &mut Command) -> String {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
