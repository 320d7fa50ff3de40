//! Build script of every bare guest: stack, data and first allocations share one page of memory.

fn main() {
    println!("cargo::rerun-if-changed=../bare/link.rs");
    println!("cargo::rustc-link-arg-cdylib=-zstack-size=32768");
}
