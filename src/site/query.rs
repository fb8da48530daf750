//! The query of a list's address: a page number, and what to search for.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::text::is_digits;

/// The longest query that a list searches for, in characters.
pub(super) const LONGEST_QUERY: usize = 100;

/// What a request asks of a list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ListQuery {
    /// The text to search for, as typed; empty for the whole list. It has no control characters.
    pub(super) text: String,
    /// The number of the page, from 0.
    pub(super) page: usize,
}

impl ListQuery {
    /// Parses the query of a request target, such as `q=http+client&page=2`. Returns none for a
    /// page that no list has.
    pub(super) fn parse(query: Option<&str>) -> Option<Self> {
        let mut parsed = Self::default();
        for pair in query.unwrap_or_default().split('&') {
            match pair.split_once('=') {
                Some(("q", value)) => parsed.text = decoded(value),
                Some(("page", value)) => parsed.page = page(value)?,
                _ => {}
            }
        }
        Some(parsed)
    }

    /// Returns the address of another page of this list, which is at `path`.
    pub(super) fn address(&self, path: &str, page: usize) -> String {
        let mut address = path.to_owned();
        let mut separator = "?";
        if !self.text.is_empty() {
            let text = utf8_percent_encode(&self.text, NON_ALPHANUMERIC);
            address.extend(["?q=", &text.to_string()]);
            separator = "&";
        }
        if page > 0 {
            address.extend([separator, "page=", &(page + 1).to_string()]);
        }
        address
    }
}

/// Decodes a form's value, and cuts it to what is searched for.
fn decoded(value: &str) -> String {
    let value = value.replace('+', " ");
    let text = percent_decode_str(&value).decode_utf8_lossy();
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(LONGEST_QUERY).collect()
}

/// Parses a page number. Each page has one address: `01` is none.
fn page(value: &str) -> Option<usize> {
    if !is_digits(value) || value.starts_with('0') {
        return None;
    }
    let number: usize = value.parse().ok()?;
    Some(number - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_and_written() {
        for (query, text, page, address) in [
            ("", "", 0, "/x"),
            ("page=1", "", 0, "/x"),
            ("page=2", "", 1, "/x?page=2"),
            ("q=", "", 0, "/x"),
            ("q=+&utm=a", "", 0, "/x"),
            ("q=http+Client", "http Client", 0, "/x?q=http%20Client"),
            (
                "page=3&q=a%26b%3d%22",
                "a&b=\"",
                2,
                "/x?q=a%26b%3D%22&page=3",
            ),
            ("q=%00a%01%0d%0Ab", "a b", 0, "/x?q=a%20b"),
            ("q=%ff", "\u{fffd}", 0, "/x?q=%EF%BF%BD"),
        ] {
            let parsed = ListQuery::parse(Some(query)).unwrap();
            assert_eq!((&*parsed.text, parsed.page), (text, page), "{query}");
            assert_eq!(parsed.address("/x", page), address, "{query}");
        }
        let long = format!("q={}", "%C3%A9".repeat(LONGEST_QUERY + 1));
        let parsed = ListQuery::parse(Some(&long)).unwrap();
        assert_eq!(parsed.text, "é".repeat(LONGEST_QUERY));
    }

    #[test]
    fn a_page_is_a_plain_number() {
        for bad in [
            "",
            "0",
            "01",
            "+1",
            "-1",
            "1.0",
            "x",
            "1x",
            "%31",
            "99999999999999999999",
        ] {
            assert_eq!(
                ListQuery::parse(Some(&format!("page={bad}"))),
                None,
                "{bad}"
            );
        }
    }
}
