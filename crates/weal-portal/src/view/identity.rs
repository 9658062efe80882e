use super::FieldError;

/// The sign-in form: posts `account`, `password` and `next`.
#[derive(Debug, Clone, Default)]
pub struct SignInView {
    /// What was typed before, after a failed attempt.
    pub account: String,
    /// The path to go to afterwards, on this node; empty for home.
    pub next: String,
    /// Fields: `account`, `password`. Wrong credentials are an error of `account` that does not say which.
    pub errors: Vec<FieldError>,
}
