//! The look-up in its plainest form, for the tests here and the fuzz target `request`.

use super::{Module, WELL_KNOWN, is_path_element};

/// Returns which of a host's modules answers a path.
pub fn look_up<'m>(modules: impl Iterator<Item = &'m Module>, path: &str) -> Option<&'m Module> {
    let ranked = modules.filter_map(|module| Some((rank(module, path)?, module)));
    ranked
        .max_by_key(|&(rank, _)| rank)
        .map(|(_, module)| module)
}

/// Returns whether a module, or what a pattern matches, is below a folder.
pub fn is_below(module: &Module, folder: &str) -> bool {
    let own = elements(module.key.path.as_str());
    let above = elements(folder);
    own.starts_with(&above) && own.len() + usize::from(module.key.pattern) > above.len()
}

fn elements(path: &str) -> Vec<&str> {
    path.split('/').skip(1).collect()
}

/// Returns how many elements of a request a module matches, if it does, and whether its key is
/// exact.
fn rank(module: &Module, request: &str) -> Option<(usize, bool)> {
    let (own, asked) = (elements(module.key.path.as_str()), elements(request));
    if !asked.starts_with(&own) {
        return None;
    }
    match (module.key.pattern, asked.get(own.len())) {
        (false, _) => Some((own.len(), true)),
        (true, Some(&element))
            if is_path_element(element) && !(own.is_empty() && WELL_KNOWN.contains(&element)) =>
        {
            Some((own.len() + 1, false))
        }
        _ => None,
    }
}
