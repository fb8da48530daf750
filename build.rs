//! Links the unwinder of libgcc into the program: a machine need not have `libgcc_s.so.1`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The standard library asks for libgcc_s after this, which the linker then does not need.
    if std::env::var_os("CARGO_CFG_TARGET_ENV").is_some_and(|env| env == "gnu") {
        println!("cargo::rustc-link-lib=gcc_eh");
    }
}
