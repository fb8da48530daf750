//! The fields of another tool's file. A wrong type is the fault of one entry, not of the file.

use serde_yaml::Value;

/// A map of the file, or whatever is in its place.
#[derive(Clone, Copy)]
pub(super) struct Fields<'v>(pub(super) &'v Value);

impl<'v> Fields<'v> {
    /// Returns the value of a key in any case, as Go's encoding/json does: the last of several.
    pub(super) fn get(self, key: &str) -> Fields<'v> {
        let mut found = &Value::Null;
        for (name, value) in self.entries() {
            if is_same(name, key) && !value.0.is_null() {
                found = value.0;
            }
        }
        Fields(found)
    }

    /// Returns the text of a key; none if it is absent or empty, which Go does not tell apart.
    pub(super) fn text(self, key: &str) -> Result<Option<&'v str>, String> {
        match self.get(key).0 {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Value::Number(_) | Value::Bool(_) => Err(format!("`{key}` is not a text: quote it")),
            _ => Err(format!("`{key}` is a list or a map, not a text")),
        }
    }

    /// Returns whether a key is true.
    pub(super) fn is_true(self, key: &str) -> bool {
        self.get(key).0.as_bool().unwrap_or_default()
    }

    /// Returns the entries of a map whose keys are texts; none of anything else.
    pub(super) fn entries(self) -> impl Iterator<Item = (&'v str, Fields<'v>)> {
        let map = self.0.as_mapping().into_iter().flatten();
        map.filter_map(|(key, value)| Some((key.as_str()?, Fields(value))))
    }

    /// Returns the items of a list; none of anything else.
    pub(super) fn items(self) -> impl Iterator<Item = Fields<'v>> {
        self.0.as_sequence().into_iter().flatten().map(Fields)
    }

    /// Notes the keys that the tool does not know either: nothing is lost, but the author should
    /// know.
    pub(super) fn unknown(self, known: &[&str], tool: &str) -> Vec<String> {
        self.entries()
            .filter(|(name, _)| !known.iter().any(|key| is_same(name, key)))
            .map(|(name, _)| format!("`{name}`: not a key of {tool}, left out"))
            .collect()
    }
}

/// Compares keys as Go's encoding/json does, for which a Kelvin sign and a long s are letters too.
fn is_same(name: &str, key: &str) -> bool {
    name == key || name.to_lowercase().to_uppercase() == key.to_uppercase()
}
