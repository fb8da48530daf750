//! Checks a module on the public mirror and the documentation site, only with `-public`.

use super::answer::Response;
use super::{Code, Finding, Step, Target};

/// The module mirror that the go command uses by default.
pub(super) const MIRROR: &str = "https://proxy.golang.org";
/// The documentation site.
pub(super) const DOCUMENTATION: &str = "https://pkg.go.dev";

/// Returns the mirror's URL for the latest version of a module.
pub(super) fn mirror_url(path: &str) -> String {
    // Like `module.EscapePath`: `X` becomes `!x`.
    let mut escaped = String::with_capacity(path.len());
    for c in path.chars() {
        if c.is_ascii_uppercase() {
            escaped.push('!');
        }
        escaped.push(c.to_ascii_lowercase());
    }
    format!("{MIRROR}/{escaped}/@latest")
}

/// Checks the mirror's response. `latest` is the repository's latest version.
pub(super) fn check_mirror(target: &Target, latest: Option<&str>, response: &Response) -> Finding {
    let path = &target.path;
    let body = String::from_utf8_lossy(&response.body);
    if response.status != 200 {
        let first = body.lines().next().unwrap_or_default();
        let message = format!("{MIRROR} returned {} for {path}: {first}", response.status);
        return Finding::warn(Step::Public, Code::MirrorError, message).fix(format!(
            "GOPROXY={MIRROR} go list -m {path}@latest    # repeats the request"
        ));
    }
    let json: Option<serde_json::Value> = serde_json::from_slice(&response.body).ok();
    let version = json.as_ref().and_then(|json| json["Version"].as_str());
    let Some(version) = version else {
        let message = format!("{MIRROR} has no version of {path}");
        return Finding::warn(Step::Public, Code::MirrorError, message);
    };
    match latest {
        Some(latest) if latest != version => Finding::warn(
            Step::Public,
            Code::MirrorStale,
            format!("{MIRROR} has {version}, but the repository has {latest}: wait 30 minutes"),
        )
        .fix(format!(
            "GOPROXY={MIRROR} go get {path}@{latest}    # makes the mirror fetch it now"
        )),
        _ => Finding::pass(Step::Public, format!("{MIRROR} has {version}")),
    }
}

/// Checks the documentation site's response.
pub(super) fn check_documentation(target: &Target, response: &Response) -> Finding {
    let path = &target.path;
    match response.status {
        200 => Finding::pass(Step::Public, format!("{DOCUMENTATION}/{path}")),
        status => Finding::warn(
            Step::Public,
            Code::MirrorError,
            format!("{DOCUMENTATION} returned {status} for {path}: it adds a module on request"),
        )
        .fix(format!(
            "{DOCUMENTATION}/{path}    # open this page and press Request"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::answer::tests::target;
    use super::*;

    #[test]
    fn compares_the_mirror_with_the_repository() {
        let code = |status, body: &str| {
            let response = Response {
                status,
                body: body.into(),
                ..Response::default()
            };
            check_mirror(&target(), Some("v1.1.0"), &response).code
        };
        assert_eq!(code(200, r#"{"Version":"v1.1.0"}"#), None);
        assert_eq!(
            code(200, r#"{"Version":"v1.0.0"}"#),
            Some(Code::MirrorStale)
        );
        assert_eq!(code(200, "<html>"), Some(Code::MirrorError));
        assert_eq!(code(404, "not found"), Some(Code::MirrorError));
        assert_eq!(
            mirror_url("a.example/Go"),
            "https://proxy.golang.org/a.example/!go/@latest"
        );
    }
}
