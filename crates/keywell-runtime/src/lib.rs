//! Runs components: compiling, pooling, HTTP and command triggers.
