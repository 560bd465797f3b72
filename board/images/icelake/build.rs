//! The ROM is laid out by rom.ld.

fn main() {
    println!("cargo::rerun-if-changed=rom.ld");
    println!(
        "cargo::rustc-link-arg-bins=-T{}/rom.ld",
        std::env::var("CARGO_MANIFEST_DIR").unwrap()
    );
}
