use weal_domain::Refusal;

/// A refusal as a page of its own.
#[derive(Debug, Clone)]
pub struct RefusalView {
    /// What was refused, as a sentence without its end: "Your request for the rows of Payroll".
    pub what: String,
    pub refusal: Refusal,
    /// A page of this portal that does what would work instead.
    pub instead_href: Option<String>,
}

/// An incident; nothing of it is said but the number under which the log has it.
#[derive(Debug, Clone)]
pub struct FaultView {
    pub id: String,
}
