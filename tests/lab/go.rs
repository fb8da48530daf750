//! A real go command, with an environment that owes nothing to the machine's.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use super::{Lab, run};
use crate::support::repository_file;

/// A go command in a module of its own.
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

    /// The go command that `variable` names, else the one at `usual`.
    fn new(lab: &Lab, name: &str, variable: &str, usual: &Path) -> Self {
        let program = env::var_os(variable).map_or(usual.to_owned(), PathBuf::from);
        assert!(
            program.exists(),
            "{} is missing: tests/run installs it, or {variable} names another go command",
            program.display()
        );
        let home = lab.dir().join(format!("go-{name}"));
        // What an earlier one has downloaded.
        let _ = fs::remove_dir_all(&home);
        fs::create_dir_all(home.join("app")).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        // What was compiled is found by its content, and may be kept for the next run.
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
                // A module cache that is writable can be removed with the lab.
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

    /// Sets a variable of its environment.
    pub fn set(&mut self, name: &'static str, value: &str) {
        self.unset(name);
        self.environment.push((name, value.to_owned()));
    }

    /// Removes a variable from its environment.
    pub fn unset(&mut self, name: &str) {
        self.environment.retain(|(given, _)| *given != name);
    }

    /// `go get PATH`, which must work.
    pub fn get(&self, path: &str) {
        run(self.command().args(["get", path]));
    }

    /// `go get PATH`, which must fail; what it says.
    pub fn get_fails(&self, path: &str) -> String {
        let output = self.command().args(["get", path]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "go get {path} worked:\n{said}");
        said
    }

    /// The version of a module that `go get` has chosen.
    pub fn version_of(&self, module: &str) -> String {
        let version = ["list", "-m", "-f", "{{.Version}}", module];
        run(self.command().args(version)).trim().to_owned()
    }

    /// `go run` of a program; what it prints.
    pub fn run(&self, program: &str) -> String {
        fs::write(self.home.join("app/main.go"), program).unwrap();
        run(self.command().args(["run", "."]))
    }

    /// A go command in its module, to be completed.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .current_dir(self.home.join("app"))
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}
