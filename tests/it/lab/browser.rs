//! The pages in a real browser: by keyboard, in light and dark, wide and narrow, and as axe judges
//! their accessibility.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::{self, PATIENCE, Response, Server, wait_until};
use serde_json::{Value, json};

const TAB: &str = "\u{e004}";
const SHIFT: &str = "\u{e008}";
const ENTER: &str = "\u{e007}";

/// A headless Chromium that reaches nothing but loopback, driven by WebDriver.
struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

impl Browser {
    fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.unwrap();
            let (_, port) = line.split_once("started successfully on port ")?;
            Some(port.trim_end_matches('.').parse().unwrap())
        });
        let mut browser = Self {
            driver,
            port: port.unwrap(),
            session: String::new(),
        };
        let options = json!({"args": [
            "--headless", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
            "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
        ]});
        let always = json!({
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        });
        let session = browser.call(
            "POST",
            "",
            &json!({"capabilities": {"alwaysMatch": always}}),
        );
        browser.session = format!("/{}", session["sessionId"].as_str().unwrap());
        browser
    }

    /// Sends a command and returns its value.
    fn call(&self, method: &str, command: &str, body: &Value) -> Value {
        let body = if method == "POST" {
            body.to_string()
        } else {
            String::new()
        };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!(
            "{method} /session{}{command} HTTP/1.1\r\nHost: localhost\r\n\
             Content-Length: {}\r\n\r\n",
            self.session,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        // The driver keeps the connection open.
        let mut lines = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(lines.read_line(&mut head).unwrap() > 0, "{head}");
        }
        let response = Response::parse(head.as_bytes());
        let length = response.header("content-length").unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        lines.read_exact(&mut body).unwrap();
        let mut answer: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(response.status, 200, "{command}: {answer}");
        answer["value"].take()
    }

    fn open(&self, url: &str) {
        self.call("POST", "/url", &json!({"url": url}));
    }

    fn wait_for(&self, url: &str) {
        wait_until(&format!("{url} is open"), || {
            let there = self.call("GET", "/url", &Value::Null) == url;
            (there && self.run("return document.readyState") == "complete").then_some(())
        });
    }

    fn run(&self, script: &str) -> Value {
        self.call(
            "POST",
            "/execute/sync",
            &json!({"script": script, "args": []}),
        )
    }

    /// Sends a command of Chromium's own protocol.
    fn emulate(&self, command: &str, parameters: &Value) {
        let body = json!({"cmd": format!("Emulation.{command}"), "params": parameters});
        self.call("POST", "/goog/cdp/execute", &body);
    }

    /// Presses keys one after the other; SHIFT stays down.
    fn press(&self, keys: &[&str]) {
        let letters = keys.iter().flat_map(|keys| keys.chars());
        let actions: Vec<_> = letters
            .flat_map(|key| {
                let up = (key.to_string() != SHIFT).then(|| json!({"type": "keyUp", "value": key}));
                [Some(json!({"type": "keyDown", "value": key})), up]
            })
            .flatten()
            .collect();
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": actions});
        self.call("POST", "/actions", &json!({"actions": [keyboard]}));
        self.call("DELETE", "/actions", &Value::Null);
    }

    /// Returns the text of what has the focus.
    fn focus(&self) -> Value {
        self.run("return document.activeElement.id || document.activeElement.textContent")
    }

    fn click(&self, selector: &str) {
        let query = json!({"using": "css selector", "value": selector});
        let element = self.call("POST", "/element", &query);
        let id = element.as_object().unwrap().values().next().unwrap();
        let click = format!("/element/{}/click", id.as_str().unwrap());
        self.call("POST", &click, &json!({}));
    }

    /// Returns what Chromium complained about since the last call.
    fn complaints(&self) -> Vec<String> {
        let log = self.call("POST", "/se/log", &json!({"type": "browser"}));
        let messages = log.as_array().unwrap().iter();
        messages.map(|entry| entry["message"].to_string()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            self.call("DELETE", "", &Value::Null);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Returns a site of two pages of modules, and one module with everything that a page can show.
fn config(more: &str) -> String {
    let mut config = format!(
        "title: Our packages\ndescription: All of them\n{more}\n\
         /a/sdk:\n  repo: https://github.com/o/sdk\n  subdir: go\n  \
         proxy: https://proxy.example\n  description: \u{5e9}\u{5dc}\u{5d5}\u{5dd}\n\
         /team/*:\n  repo: https://github.com/team/*\n\
         /ssh:\n  repo: ssh://git@h.example/r\n  docs: none\n"
    );
    for number in 0..250 {
        config += &format!(
            "/m{number}:\n  repo: https://github.com/o/m{number}\n  description: Number {number}\n"
        );
    }
    config
}

#[test]
#[ignore = "needs Chromium; tests/run runs it"]
fn keyboard_reaches_every_link() {
    let server = Server::start(&config("redirect: false"));
    let browser = Browser::start();
    let at = |path: &str| format!("http://{}{path}", server.addr);
    browser.open(&at("/"));

    browser.press(&[TAB]);
    assert_eq!(browser.focus(), "tonybai.com");
    browser.press(&[TAB]);
    assert_eq!(browser.focus(), "q");
    browser.press(&["number 24", ENTER]);
    browser.wait_for(&at("/?q=number+24"));
    let summary = "return document.querySelector('form + p').textContent";
    // 24, 124, 224 and 240 to 249.
    assert_eq!(browser.run(summary), "13 of 253 modules match");
    let field = "return document.getElementById('q').value";
    assert_eq!(browser.run(field), "number 24");

    browser.press(&[TAB, TAB, TAB, TAB]);
    assert_eq!(browser.focus(), "m124");
    browser.press(&[ENTER]);
    browser.wait_for(&at("/m124"));
    browser.press(&[TAB]);
    assert_eq!(browser.focus(), "tonybai.com");
    browser.press(&[ENTER]);
    browser.wait_for(&at("/"));

    // Backwards from the end: the link to the next page is the last.
    browser.press(&[SHIFT, TAB]);
    assert_eq!(browser.focus(), "Next page");
    browser.press(&[ENTER]);
    browser.wait_for(&at("/?page=2"));
    assert_eq!(browser.run(summary), "253 modules, page 2 of 2");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
#[ignore = "needs Chromium; tests/run runs it"]
fn back_returns_to_the_list_past_a_redirect() {
    // Its not-found page stands for the documentation.
    let docs = Server::start(support::SEED);
    let server = Server::start(&config(&format!("docs: http://{}", docs.addr)));
    let browser = Browser::start();
    let list = format!("http://{}/", server.addr);
    browser.open(&list);
    browser.click("a[href='/m10']");
    browser.wait_for(&format!("http://{}/tonybai.com/m10", docs.addr));
    browser.call("POST", "/back", &json!({}));
    browser.wait_for(&list);
}

#[test]
#[ignore = "needs Chromium; tests/run runs it"]
fn a_click_selects_a_line_to_copy() {
    let server = Server::start(&config("redirect: false"));
    let browser = Browser::start();
    browser.open(&format!("http://{}/a/sdk/cmd/x", server.addr));
    browser.click("pre");
    assert_eq!(
        browser.run("return getSelection().toString().trim()"),
        "go install tonybai.com/a/sdk/cmd/x@latest"
    );
}

#[test]
#[ignore = "needs Chromium and axe; tests/run runs it"]
fn every_page_is_accessible_and_loads_nothing() {
    let axe = env::var_os("TEST_PYTHONPATH").expect("set by tests/run");
    let axe = Path::new(&axe).join("axe_playwright_python/axe.min.js");
    let axe = fs::read_to_string(axe).unwrap();
    let judge = format!(
        "{axe}; return axe.run({{rules: {{'color-contrast-enhanced': {{enabled: true}},
             'target-size': {{enabled: true}}}}}}).then(found => found.violations.map(
             found => found.id + ': ' + found.nodes.map(node => node.html).join(' ')))"
    );
    let server = Server::start(&config("redirect: false"));
    let browser = Browser::start();
    for scheme in ["light", "dark"] {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        browser.emulate("setEmulatedMedia", &json!({"features": features}));
        for width in [390, 1280] {
            let screen =
                json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
            browser.emulate("setDeviceMetricsOverride", &screen);
            for path in [
                "/",
                "/?page=2",
                "/?q=nothing",
                "/a",
                "/a/sdk",
                "/a/sdk/cmd/x",
                "/ssh/b",
                "/team/c",
                "/m1x",
                "/a//b",
            ] {
                let what = format!("{path} in {scheme}, {width} wide");
                browser.open(&format!("http://{}{path}", server.addr));
                assert_eq!(browser.run(&judge), json!([]), "{what}");
                let loaded = "return performance.getEntriesByType('resource').length";
                assert_eq!(browser.run(loaded), 0, "{what}");
                let overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
                assert_eq!(browser.run(overflow), 0, "{what}");
                let mut complaints = browser.complaints();
                complaints
                    .retain(|text| !text.contains("the server responded with a status of 404"));
                assert_eq!(complaints, [""; 0], "{what}");
            }
        }
    }
}
