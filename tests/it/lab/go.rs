//! A real go command, with an environment independent of the machine's.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use super::{Lab, run};
use crate::support::repository_file;

/// A go command with its own module.
pub struct Go {
    program: PathBuf,
    home: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Go {
    pub(super) fn both(lab: &Lab) -> [Self; 2] {
        let tools = repository_file("target/tools/go/bin/go");
        [
            Self::new(lab, "new", "TEST_GO_NEW", &tools),
            Self::new(lab, "old", "TEST_GO_OLD", Path::new("/usr/lib/go/bin/go")),
        ]
    }

    /// The go command named by `variable`, else the one at `usual`.
    fn new(lab: &Lab, name: &str, variable: &str, usual: &Path) -> Self {
        let program = env::var_os(variable).map_or(usual.to_owned(), PathBuf::from);
        assert!(
            program.exists(),
            "{} is missing: tests/run installs it, or {variable} names another go command",
            program.display()
        );
        let home = lab.dir().join(format!("go-{name}"));
        // Removes an earlier run's downloads.
        let _ = fs::remove_dir_all(&home);
        fs::create_dir_all(home.join("app")).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        // The build cache is keyed by content, so the next run can reuse it.
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("go-build-{name}"));
        let go = Self {
            program,
            environment: vec![
                ("PATH", env::var("PATH").unwrap()),
                ("HOME", text(&home)),
                ("TMPDIR", text(&lab.dir().join("tmp"))),
                ("GOPATH", text(&home.join("go"))),
                ("GOMODCACHE", text(&home.join("mod"))),
                ("GOCACHE", text(&cache)),
                // A writable module cache can be removed with the lab.
                ("GOFLAGS", "-mod=mod -modcacherw".to_owned()),
                ("GOPROXY", "direct".to_owned()),
                ("GOSUMDB", "off".to_owned()),
                ("GOTOOLCHAIN", "local".to_owned()),
                ("CGO_ENABLED", "0".to_owned()),
                ("SSL_CERT_FILE", text(&lab.ca())),
                ("GIT_SSL_CAINFO", text(&lab.ca())),
            ],
            home,
        };
        println!("{}", run(go.command().arg("version")).trim());
        run(go.command().args(["mod", "init", "app.example"]));
        go
    }

    pub fn set(&mut self, name: &'static str, value: &str) {
        self.unset(name);
        self.environment.push((name, value.to_owned()));
    }

    pub fn unset(&mut self, name: &str) {
        self.environment.retain(|(given, _)| *given != name);
    }

    /// Runs `go get PATH`, which must succeed.
    pub fn get(&self, path: &str) {
        run(self.command().args(["get", path]));
    }

    /// Runs `go get PATH`, which must fail; returns its messages.
    pub fn get_fails(&self, path: &str) -> String {
        let output = self.command().args(["get", path]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "go get {path} worked:\n{said}");
        said
    }

    /// Returns the version of a module that `go get` selected.
    pub fn version_of(&self, module: &str) -> String {
        let version = ["list", "-m", "-f", "{{.Version}}", module];
        run(self.command().args(version)).trim().to_owned()
    }

    /// Runs a program with `go run`; returns its output.
    pub fn run(&self, program: &str) -> String {
        fs::write(self.home.join("app/main.go"), program).unwrap();
        run(self.command().args(["run", "."]))
    }

    /// Types commands into a shell in `dir`, which finds this go command and the program.
    pub fn shell(&self, dir: &Path, typed: &str) -> String {
        let path = env::var("PATH").unwrap();
        let (lab, go) = (self.home.with_file_name("bin"), self.program.parent());
        let path = format!("{}:{}:{path}", lab.display(), go.unwrap().display());
        let mut shell = Command::new("sh");
        shell
            .current_dir(dir)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("PATH", path)
            .args(["-euxc", typed]);
        for name in ["AUTHOR", "COMMITTER"] {
            shell.env(format!("GIT_{name}_NAME"), "Lab");
            shell.env(format!("GIT_{name}_EMAIL"), "lab@git.example");
        }
        run(&mut shell)
    }

    /// Returns the directory of its module.
    pub fn app(&self) -> PathBuf {
        self.home.join("app")
    }

    /// Returns a go command in its module, without arguments yet.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .current_dir(self.home.join("app"))
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}
