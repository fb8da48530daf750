//! A module as the file spells it, and its conversion to a valid one.

use serde::{Deserialize, Deserializer};

use super::model::{Module, ModuleDocs};
use super::problem::Problem;
use super::scalar::{At, Boolean, Branch, Description, Display, Proxy, Subdir};
use crate::module::{Forge, Key, RepoUrl, Vcs};

/// The keys of a module. A missing or null key has its default.
#[derive(Deserialize)]
pub(super) struct RawModule {
    /// Null is an error: `repo:` with nothing after it is reported at its place.
    #[serde(default, deserialize_with = "some")]
    pub repo: Option<At<RepoUrl>>,
    vcs: Option<Vcs>,
    subdir: Option<Subdir>,
    display: Option<Display>,
    forge: Option<Forge>,
    branch: Option<Branch>,
    docs: Option<ModuleDocs>,
    description: Option<Description>,
    hidden: Option<Boolean>,
    redirect: Option<Boolean>,
    proxy: Option<Proxy>,
}

fn some<'de, T: Deserialize<'de>, D: Deserializer<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

impl RawModule {
    /// Checks what takes more than one value; returns the module and its size in bytes of text. An
    /// error has the address of the value at fault, if that is known.
    pub fn into_module(self, key: Key) -> Result<(Module, usize), (Problem, Option<usize>)> {
        let Some(At(repo, address)) = self.repo else {
            return Err((Problem::NoRepo(key.to_string()), None));
        };
        let vcs = self.vcs.unwrap_or_else(|| Vcs::infer(&repo));
        let stars = repo.stars();
        if stars != usize::from(key.pattern) {
            let problem = Problem::Stars {
                repo: repo.to_string(),
                key: key.to_string(),
                stars: if key.pattern { 0 } else { stars },
            };
            return Err((problem, address));
        }
        if !vcs.schemes().contains(&repo.scheme()) {
            let problem = Problem::SchemeOfVcs {
                vcs,
                scheme: repo.scheme().into(),
                known: vcs.schemes().join(", "),
            };
            return Err((problem, address));
        }
        if vcs == Vcs::Mod && self.proxy.is_some() {
            return Err((Problem::ProxyTwice, None));
        }
        let subdir = self.subdir.map(|subdir| subdir.0);
        let display = self.display.map(|display| display.0);
        let branch = self.branch.map(|branch| branch.0);
        let description = self.description.and_then(|description| description.0);
        let texts = [&subdir, &display, &branch, &description];
        let bytes = repo.as_str().len()
            + texts
                .into_iter()
                .flatten()
                .map(|text| text.len())
                .sum::<usize>();
        // A module proxy shows no source.
        let inferred = match vcs {
            Vcs::Mod => None,
            _ => Forge::infer(repo.host()),
        };
        let module = Module {
            forge: self.forge.or(inferred),
            key,
            repo,
            vcs,
            subdir,
            branch,
            display,
            docs: self.docs.unwrap_or(ModuleDocs::OnSite),
            description,
            hidden: self.hidden.is_some_and(|hidden| hidden.0),
            redirect: self.redirect.map(|redirect| redirect.0),
            proxy: self.proxy.map(|proxy| proxy.0),
        };
        Ok((module, bytes))
    }
}

#[cfg(test)]
mod tests {
    use serde::de::value::Error;
    use serde::forward_to_deserialize_any;

    use super::*;
    use crate::config::MODULE_KEYS;

    /// Compares the fields of a struct with the known keys.
    struct Fields;

    impl<'de> Deserializer<'de> for Fields {
        type Error = Error;

        fn deserialize_struct<V: serde::de::Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Error> {
            assert_eq!(fields, MODULE_KEYS);
            Err(serde::de::Error::custom("compared"))
        }

        fn deserialize_any<V: serde::de::Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
            unreachable!("it is a struct")
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
            option unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier
            ignored_any
        }
    }

    #[test]
    fn module_keys_match_the_fields() {
        assert!(RawModule::deserialize(Fields).is_err());
    }
}
