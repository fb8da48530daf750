//! Fetches the pages of import paths from their live hosts, as the go command does.

use std::time::Duration;

use futures_util::future::join_all;

use super::answer::Response;
use super::client::{Client, NEW_AGENT};
use super::redirects::Url;
use super::{Options, sanitized};

/// How many requests run at a time.
const JOBS: usize = 16;
/// How long any one step may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Requests each import path or URL. Returns the pages that have a go-import tag, or why there is
/// none, in the order of `names`.
pub async fn look_up(names: &[&str]) -> Vec<Result<Vec<u8>, String>> {
    let options = Options {
        jobs: JOBS,
        timeout: TIMEOUT,
        connect: Vec::new(),
        progress: false,
        file: None,
    };
    let client = Client::new(Vec::new(), &options);
    let mut results = Vec::with_capacity(names.len());
    for names in names.chunks(JOBS) {
        let requests = names.iter().map(|name| async {
            let Some(url) = go_get(name) else {
                return Err("it is not a valid URL".to_owned());
            };
            let fetched = client.get(url, NEW_AGENT).await;
            let fetched = fetched.map_err(|finding| finding.message)?;
            match fault(&fetched.response) {
                Some(fault) => {
                    let url = fetched.hops.last().map(Url::to_string);
                    Err(sanitized(&format!("{} {fault}", url.unwrap_or_default())))
                }
                None => Ok(fetched.response.body),
            }
        });
        results.extend(join_all(requests).await);
    }
    results
}

/// Returns the URL at which the go command asks for an import path, or for that of a URL.
fn go_get(name: &str) -> Option<Url> {
    let plain = name.split(['?', '#']).next().unwrap_or_default();
    if !plain.contains("://") {
        return Url::parse(&Url::go_get(plain).to_string());
    }
    let mut url = Url::parse(plain)?;
    url.target.push_str("?go-get=1");
    Some(url)
}

/// Returns why the go command reads no tag from a response. It reads those of error pages too.
fn fault(response: &Response) -> Option<String> {
    let head = &response.head;
    if !head.go_imports().is_empty() {
        return None;
    }
    Some(if response.status != 200 {
        let is_text = response.header("content-type").starts_with("text/plain");
        let text = String::from_utf8_lossy(&response.body);
        let line = text.lines().next().filter(|_| is_text).unwrap_or_default();
        let colon = if line.is_empty() { "" } else { ": " };
        let Response { status, reason, .. } = response;
        format!("answers {status} {reason}{colon}{line}")
    } else if let Some(error) = &head.error {
        format!("has a page that the go command cannot read: {error}")
    } else {
        "has a page without a go-import tag".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tags::Head;

    #[test]
    fn look_ups_use_the_urls_that_go_requests() {
        for (name, asked) in [
            ("a.example", "https://a.example/?go-get=1"),
            ("a.example/x/y", "https://a.example/x/y?go-get=1"),
            (
                "https://a.example/x?tab=1#top",
                "https://a.example/x?go-get=1",
            ),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/?go-get=1"),
        ] {
            assert_eq!(go_get(name).unwrap().to_string(), asked);
        }
        for bad in [
            "ftp://a.example/x",
            "https:///x",
            "a.exa mple/x",
            "https://a.example/%zz",
        ] {
            assert!(go_get(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn page_without_a_tag_is_explained() {
        let fault = |status, body: &str| {
            let mut response = Response {
                status,
                head: Head::parse(body.as_bytes()),
                body: body.into(),
                ..Response::default()
            };
            let kind = "text/plain; charset=utf-8".parse().unwrap();
            response.headers.insert("content-type", kind);
            fault(&response)
        };
        let tag = "<meta name=\"go-import\" content=\"a.example/x git https://h.example/x\">";
        assert_eq!(fault(200, tag), None);
        assert_eq!(fault(404, tag), None);
        assert_eq!(
            fault(404, "no module\nat all").unwrap(),
            "answers 404 : no module"
        );
        assert!(fault(200, "<p>").unwrap().contains("without a go-import"));
        assert!(fault(200, "<script>a < b").unwrap().contains("XML syntax"));
    }
}
