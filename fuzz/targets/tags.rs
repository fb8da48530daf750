//! verify's tag parser: any bytes are read without a panic and alike every time, and the page
//! that this program makes of any description has exactly its own tag.

#![no_main]

use std::sync::LazyLock;

use govanityurls::internal::Answer;
use govanityurls::internal::{GoImport, Head};
use govanityurls::{Config, Host, Site};
use libfuzzer_sys::fuzz_target;

static HOST: LazyLock<Host> = LazyLock::new(|| Host::parse("go.example").unwrap());

fuzz_target!(|bytes: &[u8]| {
    let head = Head::parse(bytes);
    assert_eq!(head, Head::parse(bytes));
    for tag in head
        .metas
        .iter()
        .filter_map(|meta| GoImport::parse(&meta.content))
    {
        assert_eq!(GoImport::parse(&tag.to_string()), Some(tag));
    }

    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let quoted = text.replace('\'', "''");
    let file = format!("/m:\n  repo: https://h.example/m\n  description: '{quoted}'\n");
    let Ok(config) = Config::parse("vanity.yaml", &file, Some(&HOST)) else {
        return;
    };
    let site = Site::new(HOST.clone(), config);
    let Answer::Module(_, page) = site.answer(None, "/m", true) else {
        panic!("no module");
    };
    let head = Head::parse(&page.body);
    assert_eq!(head.error, None);
    let tags = head.metas.iter().filter(|meta| meta.name == "go-import");
    let tags: Vec<_> = tags.map(|meta| meta.content.as_str()).collect();
    assert_eq!(tags, ["go.example/m git https://h.example/m"]);
});
