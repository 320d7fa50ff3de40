use keywell_config::has_password;

/// Warns once where an argument of this process is a URL with a password, or has one.
pub(super) fn warn() {
    let mut arguments = std::env::args_os();
    if arguments.any(|argument| argument.to_str().is_some_and(has_password)) {
        tracing::warn!(
            "every user of this machine can read the password in the arguments of this process; give \
             the URL of a store by KEYWELL_STORE, or by a keywell.toml as {{ secret = \"NAME\" }}"
        );
    }
}
