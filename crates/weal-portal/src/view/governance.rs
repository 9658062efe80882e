use weal_domain::governance::{Charter, Member};

use super::Party;

/// `GET /members`
#[derive(Debug, Clone)]
pub struct MembersView {
    /// `None` where the node has not joined an ecosystem.
    pub charter: Option<Charter>,
    pub governing_body: Option<Party>,
    /// Applicants first.
    pub members: Vec<MemberLine>,
    /// Whether this person may admit members here.
    pub may_admit: bool,
}

#[derive(Debug, Clone)]
pub struct MemberLine {
    pub member: Member,
    /// Whether it is this node.
    pub own: bool,
}
