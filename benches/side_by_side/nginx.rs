//! nginx and its configuration.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use crate::process::{Process, tool};
use crate::{Error, Lab};

/// Starts nginx with Debian's settings, except those that close connections or write logs under
/// load. `http` goes into the `http` block.
pub fn start(lab: &Lab, http: &str) -> Result<Process, Error> {
    // As root, nginx's workers would run as a user who cannot enter the directory.
    let user = if fs::metadata("/proc/self")?.uid() == 0 {
        "user root;"
    } else {
        ""
    };
    let config = format!(
        r#"daemon off; {user} worker_processes auto; pid nginx.pid; error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off; server_tokens off; sendfile on; tcp_nopush on;
    keepalive_requests 1000000000;
    client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp;
    uwsgi_temp_path tmp; scgi_temp_path tmp;
    # Strings have no escape for `$`.
    geo $dollar {{ default "$"; }}
{http}
}}
"#
    );
    fs::write(lab.path("nginx.conf"), config)?;
    let mut command = Command::new(tool("nginx")?);
    command.arg("-p").arg(lab.dir.path());
    command.args(["-e", "stderr", "-c", "nginx.conf"]);
    Process::start(&mut command, lab.path("nginx.log"))
}

/// Quotes a value for nginx's configuration; at most 4 KiB.
pub fn quoted(value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace('\'', "\\'");
    format!("'{}'", escaped.replace('$', "${dollar}"))
}
