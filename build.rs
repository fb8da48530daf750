//! Links libgcc's unwinder statically, so that the program does not need `libgcc_s.so.1`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The standard library adds libgcc_s after this; by then the linker does not need it.
    if std::env::var_os("CARGO_CFG_TARGET_ENV").is_some_and(|env| env == "gnu") {
        println!("cargo::rustc-link-lib=gcc_eh");
    }
}
