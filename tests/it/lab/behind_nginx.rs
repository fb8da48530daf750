//! How nginx handles the responses, and the paths that a file may contain.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::lab::{Scheme, enter};

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

/// nginx passes on a Host such as `a<b`, which is not in its default cache key either.
#[test]
#[ignore = "needs nginx and fcgiwrap; tests/run runs it"]
fn an_invalid_host_leaves_a_shared_cache_as_it_is() {
    enter(|mut lab| {
        let config = "/m:\n  repo: https://h.example/a\n";
        lab.govanityurls(config, &["-host", "a.example", "-listen", UPSTREAM]);
        let rule = format!(
            "location / {{ proxy_pass http://{UPSTREAM}; proxy_set_header Host $host; \
             proxy_cache pages; }}"
        );
        let cache = format!(
            "proxy_cache_path {} keys_zone=pages:1m;",
            lab.dir().join("cache").display()
        );
        lab.nginx_with(Scheme::Http, &cache, &[("a.example", &*rule)]);
        let mut stream = TcpStream::connect("a.example:80").unwrap();
        stream
            .write_all(b"GET /m?go-get=1 HTTP/1.1\r\nHost: a<b\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(answer.contains("one valid Host"), "{answer}");
        let (status, _) = lab.browse("http://a.example/m?go-get=1");
        assert_eq!(status, 200);
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
