//! Modules of every kind, for tests that fetch all of them.

use super::{Commit, Lab};

/// A module, one below it with its own repository, one with a two-level path, and one at the root
/// of a host.
pub const VANITY: &str = "\
/gowechat:
  repo: https://git.example/gowechat.git
/gowechat/sdk:
  repo: https://git.example/sdk.git
/x/experiments:
  repo: https://git.example/experiments.git
vanity.example/:
  repo: https://git.example/vanity.git
";

/// The modules to fetch, in this order; the last is the same repository at another major version.
pub const PATHS: [&str; 6] = [
    "tonybai.com/gowechat",
    "tonybai.com/gowechat/mp",
    "tonybai.com/x/experiments/sub",
    "tonybai.com/gowechat/sdk",
    "vanity.example",
    "tonybai.com/gowechat/v2",
];

/// A program that imports all of them.
pub const PROGRAM: &str = r#"
package main

import (
	"fmt"

	"tonybai.com/gowechat"
	"tonybai.com/gowechat/mp"
	"tonybai.com/gowechat/sdk"
	gowechat2 "tonybai.com/gowechat/v2"
	"tonybai.com/x/experiments/sub"
	"vanity.example"
)

func main() {
	fmt.Println(gowechat.Name)
	fmt.Println(mp.Name)
	fmt.Println(sdk.Name)
	fmt.Println(gowechat2.Name)
	fmt.Println(sub.Name)
	fmt.Println(vanity.Name)
}
"#;

/// The program's output.
pub const PRINTED: &str = "\
gowechat, version 1
mp of gowechat
sdk
gowechat, version 2
sub of experiments
vanity
";

/// Creates all their repositories.
pub fn make(lab: &Lab) {
    lab.repository(
        "gowechat",
        &[
            Commit {
                tag: "v1.2.0",
                files: &[
                    ("go.mod", "module tonybai.com/gowechat\n"),
                    ("gowechat.go", &package("gowechat", "gowechat, version 1")),
                    ("mp/mp.go", &package("mp", "mp of gowechat")),
                ],
            },
            Commit {
                tag: "v2.0.0",
                files: &[
                    ("go.mod", "module tonybai.com/gowechat/v2\n"),
                    ("gowechat.go", &package("gowechat", "gowechat, version 2")),
                ],
            },
        ],
    );
    lab.repository(
        "sdk",
        &[Commit {
            tag: "v1.0.0",
            files: &[
                ("go.mod", "module tonybai.com/gowechat/sdk\n"),
                ("sdk.go", &package("sdk", "sdk")),
            ],
        }],
    );
    lab.repository(
        "experiments",
        &[Commit {
            tag: "",
            files: &[
                ("go.mod", "module tonybai.com/x/experiments\n"),
                ("sub/sub.go", &package("sub", "sub of experiments")),
            ],
        }],
    );
    lab.repository(
        "vanity",
        &[Commit {
            tag: "v0.1.0",
            files: &[
                ("go.mod", "module vanity.example\n"),
                ("vanity.go", &package("vanity", "vanity")),
            ],
        }],
    );
}

/// Returns the text of a Go file.
pub fn package(name: &str, says: &str) -> String {
    format!("// Package {name} says its name.\npackage {name}\n\nconst Name = \"{says}\"\n")
}
