//! Asks a module proxy for a module's version, like `proxyRepo` of cmd/go/internal/modfetch.

use super::client::{Client, NEW_AGENT};
use super::gomod::GoMod;
use super::redirects::Url;
use super::version::Version;
use super::{Code, Finding, Step, Target, plural};

/// What ends every zip file, before a comment of any length.
const ZIP_END: &[u8] = b"PK\x05\x06";

/// Checks what `go get` reads of a module.
pub(super) async fn check(client: &Client, target: &Target, proxy: &str) -> Finding {
    let proxy = Proxy {
        client,
        base: format!("{}/{}", proxy.trim_end_matches('/'), escaped(&target.path)),
    };
    match proxy.get(&target.path).await {
        Ok((version, count)) => {
            let count = plural(count, "version");
            let message =
                format!("{version}, {count} of the module proxy; Go does not read the repository");
            Finding::pass(Step::Versions, message)
        }
        Err(problem) => {
            let finding = Finding::fail(Step::Versions, Code::ProxyFailed, problem.message)
                .look(format!("curl -si '{}' | head", problem.url));
            if problem.go.is_empty() {
                finding
            } else {
                finding.go(problem.go)
            }
        }
    }
}

struct Proxy<'a> {
    client: &'a Client,
    /// The URL of the module.
    base: String,
}

/// Why `go get` fails.
struct Problem {
    url: String,
    message: String,
    go: String,
    /// Whether the proxy says that there is no such file.
    is_missing: bool,
}

impl Proxy<'_> {
    /// Returns the version that `go get` takes, and the number of versions.
    async fn get(&self, path: &str) -> Result<(String, usize), Problem> {
        let list = self.read("@v/list").await?;
        let list = String::from_utf8_lossy(&list);
        let mut versions: Vec<(Version, &str)> = Vec::new();
        for line in list.lines() {
            let name = line.split_whitespace().next().unwrap_or_default();
            let parsed = Version::parse_any(name).map(|(version, _)| version);
            versions.extend(parsed.filter(|it| !it.is_pseudo()).map(|it| (it, name)));
        }
        versions.sort();
        let count = versions.len();
        if let Some(latest) = highest(&versions)
            && let Ok(text) = self.read(&format!("@v/{}.mod", escaped(latest))).await
        {
            let go_mod = GoMod::parse(&String::from_utf8_lossy(&text)).unwrap_or_default();
            for (low, high) in go_mod.retracts {
                versions.retain(|(version, _)| *version < low || high < *version);
            }
        }
        let chosen = match highest(&versions) {
            Some(version) => version.to_owned(),
            None => self.latest(&list).await?,
        };
        let name = escaped(&chosen);
        let info = format!("@v/{name}.info");
        let found = self.version(&info).await?;
        if found != chosen && Version::parse(&chosen).is_some() {
            let says =
                format!("proxy returned info for version {found} instead of requested version");
            return Err(self.problem(&info, &says, &says));
        }
        let file = format!("@v/{name}.mod");
        let text = self.read(&file).await?;
        match GoMod::parse(&String::from_utf8_lossy(&text)) {
            Ok(go_mod) if go_mod.path == path => {}
            Ok(go_mod) => {
                let says = format!("module declares its path as: {}", go_mod.path);
                return Err(self.problem(&file, &says, &says));
            }
            Err(error) => return Err(self.problem(&file, &error.message, &error.message)),
        }
        let file = format!("@v/{name}.zip");
        let zip = self.read(&file).await?;
        if !zip.windows(ZIP_END.len()).any(|bytes| bytes == ZIP_END) {
            return Err(self.problem(&file, "it is not a zip file", ""));
        }
        Ok((chosen, count))
    }

    /// Returns the version that Go takes if the list has none.
    async fn latest(&self, list: &str) -> Result<String, Problem> {
        let none = match self.version("@latest").await {
            Err(problem) if problem.is_missing => problem,
            result => return result,
        };
        let mut best: Option<(&str, &str)> = None;
        for line in list.lines() {
            let mut words = line.split_whitespace();
            let name = words.next().unwrap_or_default();
            let Some((version, _)) = Version::parse_any(name) else {
                continue;
            };
            // A pseudo-version has its time before the hash.
            let in_name = name.rsplit('-').nth(1).unwrap_or_default();
            let time = match words.next() {
                Some(time) => time,
                None if version.is_pseudo() => in_name.rsplit('.').next().unwrap_or_default(),
                None => continue,
            };
            if best.is_none_or(|(known, _)| known < time) {
                best = Some((time, name));
            }
        }
        best.map(|(_, name)| name.to_owned()).ok_or(none)
    }

    /// Returns the version in the JSON of a file.
    async fn version(&self, file: &str) -> Result<String, Problem> {
        let text = self.read(file).await?;
        match serde_json::from_slice::<serde_json::Value>(&text) {
            Ok(json) if json.is_object() => {
                Ok(json["Version"].as_str().unwrap_or_default().to_owned())
            }
            _ => Err(self.problem(file, "it is not JSON", "invalid response from proxy")),
        }
    }

    async fn read(&self, file: &str) -> Result<Vec<u8>, Problem> {
        let url = format!("{}/{file}", self.base);
        let Some(parsed) = Url::parse(&url) else {
            return Err(self.problem(file, "it is not a valid URL", ""));
        };
        let response = match self.client.get(parsed, NEW_AGENT).await {
            Ok(fetched) => fetched.response,
            Err(finding) => return Err(self.problem(file, &finding.message, "")),
        };
        if response.status == 200 {
            return Ok(response.body);
        }
        let status = format!("{} {}", response.status, response.reason);
        let says = format!("reading {url}: {}", status.trim());
        let mut problem = self.problem(file, status.trim(), &says);
        problem.is_missing = matches!(response.status, 404 | 410);
        Err(problem)
    }

    fn problem(&self, file: &str, why: &str, go: &str) -> Problem {
        let url = format!("{}/{file}", self.base);
        Problem {
            message: format!("the module proxy fails at {url}: {why}"),
            url,
            go: go.to_owned(),
            is_missing: false,
        }
    }
}

/// Returns the highest release, else the highest pre-release.
fn highest<'a>(versions: &[(Version, &'a str)]) -> Option<&'a str> {
    let release = versions.iter().rfind(|(version, _)| version.is_release());
    release.or(versions.last()).map(|(_, name)| *name)
}

/// Escapes a path or version like `module.EscapePath`: `X` becomes `!x`.
fn escaped(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len());
    for c in path.chars() {
        if c.is_ascii_uppercase() {
            escaped.push('!');
        }
        escaped.push(c.to_ascii_lowercase());
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_escaped_like_those_of_go() {
        assert_eq!(escaped("a.example/Go"), "a.example/!go");
    }
}
