//! `govanityurls schema`: prints a JSON Schema of `vanity.yaml`, for editors.

use super::{Failure, print};

/// Draft 7, which yaml-language-server supports best.
const SCHEMA: &str = include_str!("../../docs/vanity.schema.json");

/// Prints the schema.
pub fn run() -> Result<(), Failure> {
    print(SCHEMA)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::{MODULE_KEYS, SETTINGS};
    use crate::module::{Forge, Vcs};

    fn schema() -> Value {
        serde_json::from_str(SCHEMA).unwrap()
    }

    #[test]
    fn lists_every_key_vcs_and_forge() {
        let schema = schema();
        let keys = &schema["definitions"]["keys"]["properties"];
        for (properties, known) in [(&schema["properties"], &SETTINGS[..]), (keys, &MODULE_KEYS)] {
            let properties = properties.as_object().unwrap();
            for key in known {
                let property = &properties[*key];
                assert!(property["description"].is_string(), "{key}");
            }
            assert_eq!(properties.len(), known.len());
        }
        let mut names = json!(Vcs::ALL.map(|(name, _)| name));
        names.as_array_mut().unwrap().push(Value::Null);
        assert_eq!(keys["vcs"]["enum"], names);
        let mut names = json!(Forge::NAMES);
        names.as_array_mut().unwrap().push(Value::Null);
        assert_eq!(keys["forge"]["enum"], names);
    }

    /// Without an error message for it, an editor shows the pattern itself.
    #[test]
    fn every_pattern_has_an_error_message() {
        fn check(value: &Value) {
            if let Some(map) = value.as_object() {
                let is_rule = map.get("pattern").is_some_and(Value::is_string);
                let is_condition = map.len() == 1;
                assert!(
                    !is_rule || is_condition || map.contains_key("patternErrorMessage"),
                    "{value}"
                );
                map.values().for_each(check);
            }
            if let Some(list) = value.as_array() {
                list.iter().for_each(check);
            }
        }
        let schema = schema();
        check(&schema);
        for (name, definition) in schema["definitions"].as_object().unwrap() {
            assert!(definition["description"].is_string(), "{name}");
        }
    }
}
