//! How nginx handles the responses, and the paths that a file may contain.

#![allow(clippy::unwrap_used)]

mod lab;
mod support;

use lab::{Scheme, enter};

const UPSTREAM: &str = "127.0.0.1:8080";

#[test]
#[ignore = "needs nginx and fcgiwrap; tests/run runs it"]
fn shared_cache_separates_two_hosts() {
    enter(|mut lab| {
        let config =
            "/m:\n  repo: https://h.example/a\nb.example/m:\n  repo: https://h.example/b\n";
        lab.govanityurls(config, &["-host", "a.example", "-listen", UPSTREAM]);
        // nginx's default cache key contains the upstream's name instead of the host.
        let rule = format!(
            "location / {{ proxy_pass http://{UPSTREAM}; proxy_set_header Host $host; \
             proxy_cache pages; add_header Cache-Status $upstream_cache_status; }}"
        );
        let cache = format!(
            "proxy_cache_path {} keys_zone=pages:1m;",
            lab.dir().join("cache").display()
        );
        let hosts = [("a.example", &*rule), ("b.example", &*rule)];
        lab.nginx_with(Scheme::Https, &cache, &hosts);
        for _ in 0..2 {
            for host in ["a", "b"] {
                let (status, body) = lab.browse(&format!("https://{host}.example/m?go-get=1"));
                assert_eq!(status, 200);
                let tag = format!("\"{host}.example/m git https://h.example/{host}\"");
                assert!(body.contains(&tag), "{host}: {body}");
            }
        }
        let log = &lab.server().log;
        assert!(log.iter().all(|line| !line.contains("ERROR")), "{log:?}");
    });
}

#[test]
#[ignore = "needs nginx and fcgiwrap; tests/run runs it"]
fn longest_path_captures_no_other() {
    enter(|mut lab| {
        let element = |length| "a".repeat(length);
        // nginx stores the length of a location in one byte: at most 255.
        let path = format!("/{}/{}", element(200), element(53));
        let config = format!("{path}:\n  repo: https://h.example/m\n");
        lab.govanityurls(&config, &["-host", "a.example", "-listen", UPSTREAM]);
        let blog = "location / { return 200 \"the blog\"; }".to_owned();
        lab.nginx_as_printed(&["-host=a.example", "-upstream", UPSTREAM], |_| {
            blog.clone()
        });
        let is_ours = |path: &str| {
            let (status, body) = lab.browse(&format!("https://a.example{path}"));
            assert_eq!(status, 200, "{path}");
            body.contains("go-import")
        };
        assert!(is_ours(&path) && is_ours(&format!("{path}/sub")));
        for other in ["/", "/blog", "/a", &path[..200], &format!("{path}x")] {
            assert!(!is_ours(other), "{other}");
        }
    });
}
