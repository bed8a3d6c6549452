//! `cargo pgrx` reads the SQL of the extension from a section of the shared library, which the linker would drop as
//! unused. cargo-pgrx keeps it by passing its own compiler flags to every crate, so that everything is compiled twice:
//! once for it and once for `cargo test`. Asking for it here, for the shared library alone, lets both use one build
//! (tools/lib.sh tells cargo-pgrx so, with CARGO_PGRX_DISABLE_GC_SECTIONS_WORKAROUND).

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let family = std::env::var("CARGO_CFG_TARGET_FAMILY").unwrap_or_default();
    let os = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if family.split(',').any(|f| f == "unix") && os != "macos" {
        println!("cargo:rustc-cdylib-link-arg=-Wl,--no-gc-sections");
    }
}
