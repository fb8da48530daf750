//! Why a value is rejected: one enum for the kinds of values, and one of reasons per kind.
//!
//! `Display` gives what is wrong and, after a line break, what to do.

use thiserror::Error;

use crate::text::{quoted, quoted_char};

/// Why a value cannot be used.
///
/// It stores values as they were read; `Display` cuts, escapes and masks them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs)] // The messages describe the variants.
pub enum Problem {
    #[error("the host is empty\nwrite a domain, such as `go.example.org`")]
    EmptyHost,
    #[error("{} is not a valid host name: {why}", quoted(host))]
    Host { host: String, why: HostFault },
    #[error("{} is not a valid path: {why}", quoted(path))]
    Path { path: String, why: PathFault },
    #[error(
        "the repository URL is empty\nwrite one such as `https://github.com/bigwhite/gowechat`"
    )]
    EmptyRepo,
    #[error(
        "the URL has credentials in it\nthe page is public: write the URL without them, and give the go command a .netrc"
    )]
    Credentials,
    #[error("{} is not a valid repository URL: {why}", quoted(url))]
    Repo { url: String, why: UrlFault },
    #[error("{} is not a valid web address: {why}", quoted(url))]
    Web { url: String, why: UrlFault },
    #[error("unknown vcs {}\n{advice}", quoted(name))]
    UnknownVcs { name: String, advice: String },
    #[error("unknown forge {}\n{advice}", quoted(name))]
    UnknownForge { name: String, advice: String },
}

/// Why a host name is rejected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs)] // The messages describe the variants.
pub enum HostFault {
    #[error("it is a URL\nwrite the domain alone: {}", quoted(.0))]
    Url(String),
    #[error(
        "an import path has no port\nthe go command always asks on port 443 (or 80, with GOINSECURE)"
    )]
    Port,
    #[error("it has a path\npaths are the keys of the file, not part of the host")]
    HasPath,
    #[error("Go requires lower case\nwrite {}", quoted(.0))]
    UpperCase(String),
    #[error("Go requires the ASCII form\nwrite {}", quoted(.0))]
    International(String),
    #[error("Go allows only a-z, 0-9, `.` and `-`, not {}\nwrite the domain alone, such as `go.example.org`", quoted_char(*.0))]
    Character(char),
    #[error("Go requires a dot in it\nwrite the whole domain")]
    NoDot,
    #[error(
        "a domain has at most 253 characters\nwrite the domain alone, such as `go.example.org`"
    )]
    TooLong,
    #[error("Go rejects a leading dash\nremove it")]
    LeadingDash,
    #[error("it has an empty label\nremove the extra dot")]
    EmptyLabel,
    #[error(transparent)]
    Element(#[from] ElementFault),
    #[error(
        "the go command never asks this host: it has built-in rules for its repositories\nwrite a domain of your own"
    )]
    KnownToGo,
}

/// Why a path is rejected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs)] // The messages describe the variants.
pub enum PathFault {
    #[error("it is longer than {0} bytes\nnginx keeps the length of a location in one byte")]
    TooLong(usize),
    #[error("the element {} is longer than {} bytes\nan exported page is a file of that name", quoted(.0), .1)]
    ElementTooLong(String, usize),
    #[error("a path starts with a slash\nwrite {}", quoted(&format!("/{}", .0)))]
    NoSlash(String),
    #[error("it has an empty element\nremove the extra slash")]
    EmptyElement,
    #[error("it has an empty element\nthe root is a single `/`")]
    EmptyRoot,
    #[error("it is a URL\nwrite {}", quoted(.0))]
    Url(String),
    #[error("Go rejects a leading dot, in {}\nwrite the path without it", quoted(.0))]
    LeadingDot(String),
    #[error(transparent)]
    Element(#[from] ElementFault),
    #[error(
        "Go rejects the version v{0}\nversions 0 and 1 are the module's own path; from 2 on it ends in /v2"
    )]
    Version(String),
    #[error("it has a version in it\nwrite {}: the module's tags are its versions", quoted(.0))]
    AtVersion(String),
    #[error(
        "a `*` stands for one whole element, the last\nwrite `/x/*`, and the same `*` once in its `repo`"
    )]
    Star,
    #[error("the go command takes {} for a repository's address and never asks for it\nleave out the suffix", quoted(.0))]
    VcsSuffix(String),
    #[error(
        "Go rejects the element `vendor`, which marks copies of other modules\nchoose another name"
    )]
    Vendor,
    #[error(
        "`go build` rejects a last element that starts with `{0}`\nstart it with a letter or a digit"
    )]
    LastElement(char),
    #[error("`...` is a wildcard of the go command\nwrite the path without it")]
    Wildcard,
    #[error(
        "the go command never asks for it: it has built-in rules for its repository\nchoose another path, or a domain of your own"
    )]
    KnownToGo,
    #[error("on gopkg.in Go requires a version at the end\nwrite it, as in `gopkg.in/yaml.v1`")]
    Gopkg,
}

/// Why Go rejects one element of a path.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs)] // The messages describe the variants.
pub enum ElementFault {
    #[error("{} is not a valid element\nremove it", quoted(.0))]
    Dots(String),
    #[error("Go rejects a trailing dot, in {}\nremove the dot", quoted(.0))]
    TrailingDot(String),
    #[error("Go allows only A-Z, a-z, 0-9 and `-._~`, not {}\nwrite the path without it", quoted_char(*.0))]
    Character(char),
    #[error("Go rejects {}, a device name on Windows\nchoose another name", quoted(.0))]
    Device(String),
    #[error("Go rejects a tilde and digits at the end, in {}\nchoose another name", quoted(.0))]
    TildeDigits(String),
}

/// Why a URL is rejected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs)] // The messages describe the variants.
pub enum UrlFault {
    #[error("it is longer than {0} bytes\nis it the right URL?")]
    TooLong(usize),
    #[error("it has a line break in it\nwrite it on one line")]
    LineBreak,
    #[error("it has a space around it\nremove the space")]
    SpaceAround,
    #[error("it has a space in it\nwrite a space in a URL as `%20`")]
    Space,
    #[error("it has {} in it, which no URL can have\nremove it, or percent-encode it", quoted_char(*.0))]
    Character(char),
    #[error("it has {} in it\nis this a template that nothing filled in?", quoted(.0))]
    Template(String),
    #[error("it is a command\nwrite the URL alone: {}", quoted(.0))]
    Command(String),
    #[error("it is a path on one machine\nwrite the URL that others fetch it from")]
    Local,
    #[error("the go command rejects `file:`\nserve the repository over https, or run `git daemon`")]
    File,
    #[error("it has no scheme\nwrite {}", .0.as_ref().map_or("one such as `https://github.com/bigwhite/gowechat`".into(), |url| quoted(url)))]
    NoScheme(Option<String>),
    #[error("it is the scp form, which only git reads\nwrite {}", quoted(.0))]
    Scp(String),
    #[error("unknown scheme {}\n{}", quoted(.0), .1)]
    Scheme(String, String),
    #[error(
        "it does not start with `https://`\nwrite the whole address, such as `https://pkg.go.dev`"
    )]
    NotWeb,
    #[error("it does not start with `https://`\nwrite `none` for no documentation")]
    MeansNone,
    #[error("it has no host\nwrite the whole URL, such as `https://github.com/bigwhite/gowechat`")]
    NoHost,
    #[error("its host has {} in it{}", quoted_char(*.0), if *.0 == ':' { "\nan IPv6 address needs brackets, as in `https://[::1]/a`" } else { "\nwrite the host without it" })]
    HostCharacter(char),
    #[error("{} is not an IPv6 address\nwrite one such as `[2001:db8::7]`", quoted(.0))]
    Ipv6(String),
    #[error("{}", match .0.as_str() {
        "" => "it has a colon without a port\nremove the colon".to_owned(),
        port => format!("{} is not a valid port\nwrite a number from 1 to 65535, or none", quoted(port)),
    })]
    Port(String),
    #[error("{} is not a percent escape\nwrite `%25` for a percent sign", quoted(.0))]
    Escape(String),
    #[error("its user name has {} in it\nwrite a plain one, such as `git`", quoted_char(*.0))]
    UserCharacter(char),
    #[error("a `*` can be in its path only\nwrite the part before the path without it")]
    Star,
    #[error("it has a query or a fragment\nwrite {}", quoted(.0))]
    Query(String),
    #[error(
        "it has a query or a fragment\nthe import path is appended to it, so it ends in a path"
    )]
    QueryBeforePath,
    #[error("it has a version in it\nwrite {}: the repository's tags are its versions", quoted(.0))]
    AtVersion(String),
    #[error("it is the address of a page in the repository\nwrite {0}")]
    Page(String),
    #[error("it names an owner, not a repository\nwrite the repository's URL, such as {}", quoted(.0))]
    Owner(String),
    #[error(
        "it is a public module proxy, which gets modules from their repositories\nwrite the URL of the repository itself"
    )]
    PublicProxy,
}
