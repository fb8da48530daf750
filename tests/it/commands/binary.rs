//! What the executable contains besides code.

#[test]
fn unwinder_is_linked_statically() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_govanityurls")).unwrap();
    let text = String::from_utf8_lossy(&program);
    assert!(text.contains("libc.so.6\0") && !text.contains("libgcc_s.so.1\0"));
}
