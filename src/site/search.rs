//! Search over names and descriptions.

use memchr::memmem::Finder;

use crate::config::Module;

/// The searched text of each module, in lower case, back to back: a search reads it from start to
/// end, and visits no module that it does not find.
#[derive(Debug)]
pub(super) struct SearchText {
    text: String,
    /// The end of each module's text.
    ends: Box<[usize]>,
}

impl SearchText {
    pub(super) fn new(modules: &[Module]) -> Self {
        let mut text = String::new();
        let line = |module: &Module| {
            if module.hidden {
                return text.len();
            }
            push_lower(&mut text, module.key.path.as_str());
            text.push_str(if module.key.pattern { "/*" } else { "" });
            // No word contains a space, so none matches across it.
            text.push(' ');
            push_lower(&mut text, module.description.as_deref().unwrap_or_default());
            text.len()
        };
        let ends = modules.iter().map(line).collect();
        text.shrink_to_fit();
        Self { text, ends }
    }

    /// Returns whether the module with this index has all words, which are in lower case.
    pub(super) fn has(&self, index: u32, words: &[Finder<'_>]) -> bool {
        let index = index as usize;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        let text = &self.text.as_bytes()[start..self.ends[index]];
        words.iter().all(|word| word.find(text).is_some())
    }
}

/// Appends a text in lower case. Most are ASCII, and need no allocation.
fn push_lower(text: &mut String, more: &str) {
    if more.is_ascii() {
        let start = text.len();
        text.push_str(more);
        text[start..].make_ascii_lowercase();
    } else {
        text.push_str(&more.to_lowercase());
    }
}
