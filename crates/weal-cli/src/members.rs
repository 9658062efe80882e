//! Members by the names that people know them by.

use weal_domain::InvalidName;
use weal_domain::governance::Member;
use weal_domain::identity::Did;

use crate::client::Client;
use crate::failure::{Failure, Result};

/// How many letters somebody may get wrong and still be told what they may have meant.
const SLIPS_MAX: usize = 3;

/// The member, or the applicant, that goes by this name; a DID is taken as it is.
pub async fn did_of(client: &Client, given: &str) -> Result<Did> {
    if given.starts_with("did:") {
        return given.parse().map_err(|cause: InvalidName| Failure::usage(cause.to_string()));
    }
    let members: Vec<Member> = client.get("/members", "listing the members").await?;
    named(&members, given).cloned()
}

/// The one that goes by this name. Where there is none, the name that is nearest is told and not taken.
pub fn named<'m>(members: &'m [Member], given: &str) -> Result<&'m Did> {
    if let Some(member) = members.iter().find(|member| member.name.as_str() == given) {
        return Ok(&member.did);
    }
    let letters = given.chars().count();
    let slips = |member: &&Member| strsim::damerau_levenshtein(member.name.as_str(), &given.to_lowercase());
    let nearest = members.iter().min_by_key(slips).filter(|nearest| {
        // Of a short word less is left to be meant.
        slips(nearest) <= SLIPS_MAX.min(letters / 2)
    });
    let unknown = Failure::usage(format!("no member is called `{given}`"));
    Err(match nearest {
        Some(nearest) => unknown.next(format!("did you mean `{}`, {}?", nearest.name, nearest.did)),
        None => unknown.next("see `weal members` for their names"),
    })
}
