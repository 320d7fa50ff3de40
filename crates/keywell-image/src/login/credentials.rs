/// Credentials for a registry or its token server. There is no `Debug`, so that nothing prints
/// them.
pub(crate) enum Credentials {
    Password {
        user: String,
        password: String,
    },
    /// An identity token, which a token server exchanges for one of an image.
    Identity(String),
}
