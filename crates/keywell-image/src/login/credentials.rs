/// What a registry or its token server lets in. It has no `Debug`, so that nothing prints it.
pub(crate) enum Credentials {
    Password {
        user: String,
        password: String,
    },
    /// An identity token, which a token server exchanges for one of an image.
    Identity(String),
}
