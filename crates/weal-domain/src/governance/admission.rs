//! How a member joins, is suspended and leaves.

use serde::{Deserialize, Serialize};

use super::{Charter, Member, Standing};
use crate::identity::{Did, MemberName};
use crate::ledger::Fact;
use crate::words::{is_line, moment};
use crate::{Refusal, Timestamp};

/// What an organisation says of itself when it asks to join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    pub did: Did,
    pub name: MemberName,
    pub title: String,
    /// The node's public origin, `https://revenue.example`.
    pub origin: String,
    /// The version of the charter that it accepts.
    pub charter_version: u32,
}

/// The longest title or origin, in bytes.
const TITLE_BYTES_MAX: usize = 200;
/// The longest reason of a suspension, in characters.
const REASON_CHARS_MAX: usize = 1_000;

impl Member {
    /// Enters an application in the register. `others` are all its lines: names and identifiers are
    /// unique. The same application again is answered with the line that stands.
    pub fn apply(
        application: Application,
        others: &[Member],
        charter: &Charter,
        now: Timestamp,
    ) -> Result<Member, Refusal> {
        if application.charter_version != charter.version {
            return Err(Refusal::conflict(
                "charter-version",
                format!("The charter in force is version {}.", charter.version),
            )
            .remedy("Read the charter in force and apply again."));
        }
        for text in [&application.title, &application.origin] {
            if !is_line(text, TITLE_BYTES_MAX) || text.len() > TITLE_BYTES_MAX {
                return Err(Refusal::invalid(
                    "application-malformed",
                    format!("A member's title and origin have 1 to {TITLE_BYTES_MAX} bytes, on one line."),
                ));
            }
        }
        if let Some(line) = others.iter().find(|line| line.did == application.did) {
            let same = line.name == application.name && line.origin == application.origin;
            return if same && line.standing != Standing::Left {
                Ok(line.clone())
            } else {
                Err(Refusal::conflict(
                    "member-exists",
                    "A member with this identifier is in the register already.",
                )
                .changed_by("the governing body"))
            };
        }
        if others.iter().any(|line| line.name == application.name) {
            return Err(Refusal::conflict(
                "name-taken",
                format!("Another member bears the name {}.", application.name),
            )
            .remedy("Choose another short name."));
        }
        let folded = |title: &str| title.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        if others.iter().any(|line| folded(&line.title) == folded(&application.title)) {
            return Err(Refusal::conflict(
                "title-taken",
                format!("Another member is called {} already.", application.title.trim()),
            )
            .remedy("Say in [node] title what tells you apart, and join again."));
        }
        Ok(Member {
            did: application.did,
            name: application.name,
            title: application.title,
            origin: application.origin,
            standing: Standing::Applied,
            since: now,
        })
    }

    /// The governing body says yes: to an application, or again to a member it had suspended.
    pub fn admit(&self, now: Timestamp) -> Result<(Member, Vec<Fact>), Refusal> {
        match self.standing {
            Standing::Applied | Standing::Suspended => {
                let fact = Fact::MemberAdmitted { member: self.did.clone(), name: self.name.clone() };
                Ok((self.now_standing(Standing::Good, now), vec![fact]))
            }
            Standing::Good => Ok((self.clone(), Vec::new())),
            Standing::Left => Err(self.has_left()),
        }
    }

    /// The governing body suspends a member: from now on no agreement with it opens anything.
    pub fn suspend(&self, reason: &str, now: Timestamp) -> Result<(Member, Vec<Fact>), Refusal> {
        if !reason.is_empty() && !is_line(reason, REASON_CHARS_MAX) {
            return Err(Refusal::invalid(
                "reason-malformed",
                format!("A reason has at most {REASON_CHARS_MAX} characters, on one line."),
            ));
        }
        match self.standing {
            Standing::Good => {
                let fact =
                    Fact::MemberSuspended { member: self.did.clone(), reason: reason.trim().to_owned() };
                Ok((self.now_standing(Standing::Suspended, now), vec![fact]))
            }
            Standing::Applied => Err(Refusal::conflict(
                "member-only-applied",
                format!("{} has only applied, and is no member to be suspended.", self.title),
            )
            .remedy("Decline the application.")),
            Standing::Suspended => Ok((self.clone(), Vec::new())),
            Standing::Left => Err(self.has_left()),
        }
    }

    /// The governing body says no to an application. Nothing of it stays in the register, so its name is free
    /// again.
    pub fn decline(&self) -> Result<Vec<Fact>, Refusal> {
        if self.standing == Standing::Applied {
            return Ok(vec![Fact::ApplicationDeclined { applicant: self.did.clone() }]);
        }
        Err(Refusal::conflict("member-admitted", format!("{} has been admitted.", self.title))
            .remedy("Suspend it instead."))
    }

    fn now_standing(&self, standing: Standing, now: Timestamp) -> Member {
        Member { standing, since: now, ..self.clone() }
    }

    fn has_left(&self) -> Refusal {
        Refusal::conflict("member-left", format!("{} left on {}.", self.title, moment(self.since)))
            .remedy("It can apply again under a new identifier.")
    }
}

/// Whether this party may act in the ecosystem now (`GO-1`); `None` is a party that nobody knows.
pub fn good_standing(member: Option<&Member>, who: &Did) -> Result<(), Refusal> {
    let refuse = |code: &str, reason: String, remedy: &str| {
        Err(Refusal::forbidden(code, reason).remedy(remedy).changed_by("the governing body"))
    };
    let Some(member) = member else {
        return refuse(
            "not-a-member",
            format!("{who} is not a member of this ecosystem."),
            "Apply to the governing body for membership.",
        );
    };
    match member.standing {
        Standing::Good => Ok(()),
        Standing::Applied => refuse(
            "membership-pending",
            format!("{} has applied and is not admitted yet.", member.title),
            "Wait for the governing body's decision.",
        ),
        Standing::Suspended => refuse(
            "member-suspended",
            format!("{} is suspended since {}.", member.title, moment(member.since)),
            "Ask the governing body what must change.",
        ),
        Standing::Left => refuse(
            "member-left",
            format!("{} left this ecosystem on {}.", member.title, moment(member.since)),
            "Apply to the governing body for membership.",
        ),
    }
}
