//! What an owner says of a product for catalogues elsewhere, in the EU's words where it has some. All of it may
//! be left out; none of it binds anybody.

use serde::{Deserialize, Serialize};

use crate::words::is_line;
use crate::{Date, InvalidName, Refusal};

/// The most of one kind: themes, places, laws.
const OF_ONE_KIND_MAX: usize = 16;
const CONTACT_CHARS_MAX: usize = 200;
/// The longest address, in bytes.
const ADDRESS_BYTES_MAX: usize = 512;

crate::names::text_type!(
    /// The address of something on the web, as it stands in other people's catalogues.
    WebAddress, "web address", check_address
);

/// Everything of a product that other catalogues want to know and this node has no use for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Particulars {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub themes: Vec<Theme>,
    /// Whom to ask about it; without one, its owner's node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
    /// The licence's own address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<WebAddress>,
    /// Places it is about, as the EU's authority tables or GeoNames call them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<WebAddress>,
    /// The first and the last day it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    /// The law under which it is kept or shared, by its European Legislation Identifier.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub laws: Vec<WebAddress>,
}

/// A desk rather than a person: what is written here is public.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    pub name: String,
    pub email: String,
}

impl Particulars {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether this can be said at all.
    pub fn check(&self) -> Result<(), Refusal> {
        let most = self.themes.len().max(self.places.len()).max(self.laws.len());
        if most > OF_ONE_KIND_MAX {
            return Err(Refusal::invalid(
                "particulars",
                format!("A product has at most {OF_ONE_KIND_MAX} themes, places and laws each."),
            ));
        }
        if let (Some(from), Some(until)) = (self.from, self.until)
            && from > until
        {
            return Err(Refusal::invalid("particulars", "The last day comes before the first one."));
        }
        let Some(contact) = &self.contact else { return Ok(()) };
        let plain = |c: char| c.is_ascii_graphic() && !"<>\"\\^`{|}%?#".contains(c);
        let halves =
            contact.email.split_once('@').filter(|(name, host)| !name.is_empty() && !host.is_empty());
        let email = halves.is_some() && contact.email.chars().all(plain);
        if email && is_line(&contact.email, CONTACT_CHARS_MAX) && is_line(&contact.name, CONTACT_CHARS_MAX) {
            return Ok(());
        }
        Err(Refusal::invalid("particulars", "A contact is a name and an e-mail address on one line.")
            .remedy("Write it as: Data desk <data@example.org>"))
    }
}

/// A theme of the EU's authority table `data-theme`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Theme {
    Agri,
    Econ,
    Educ,
    Ener,
    Envi,
    Gove,
    Heal,
    Intr,
    Just,
    Regi,
    Soci,
    Tech,
    Tran,
}

impl Theme {
    pub const ALL: [Theme; 13] = [
        Theme::Agri,
        Theme::Econ,
        Theme::Educ,
        Theme::Ener,
        Theme::Envi,
        Theme::Gove,
        Theme::Heal,
        Theme::Intr,
        Theme::Just,
        Theme::Regi,
        Theme::Soci,
        Theme::Tech,
        Theme::Tran,
    ];

    /// The table's code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Theme::Agri => "AGRI",
            Theme::Econ => "ECON",
            Theme::Educ => "EDUC",
            Theme::Ener => "ENER",
            Theme::Envi => "ENVI",
            Theme::Gove => "GOVE",
            Theme::Heal => "HEAL",
            Theme::Intr => "INTR",
            Theme::Just => "JUST",
            Theme::Regi => "REGI",
            Theme::Soci => "SOCI",
            Theme::Tech => "TECH",
            Theme::Tran => "TRAN",
        }
    }

    /// The table's English label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Theme::Agri => "Agriculture, fisheries, forestry and food",
            Theme::Econ => "Economy and finance",
            Theme::Educ => "Education, culture and sport",
            Theme::Ener => "Energy",
            Theme::Envi => "Environment",
            Theme::Gove => "Government and public sector",
            Theme::Heal => "Health",
            Theme::Intr => "International issues",
            Theme::Just => "Justice, legal system and public safety",
            Theme::Regi => "Regions and cities",
            Theme::Soci => "Population and society",
            Theme::Tech => "Science and technology",
            Theme::Tran => "Transport",
        }
    }
}

impl std::str::FromStr for Theme {
    type Err = InvalidName;
    fn from_str(given: &str) -> Result<Self, InvalidName> {
        let same = |theme: &Theme| theme.code().eq_ignore_ascii_case(given);
        Theme::ALL.into_iter().find(same).ok_or_else(|| InvalidName {
            what: "theme",
            given: given.chars().take(80).collect(),
            rule: "use AGRI, ECON, EDUC, ENER, ENVI, GOVE, HEAL, INTR, JUST, REGI, SOCI, TECH or TRAN",
        })
    }
}

fn check_address(what: &'static str, given: &str) -> Result<(), InvalidName> {
    let rule = "use an address that begins with https:// or http://, of at most 512 letters without spaces";
    let rest = given.strip_prefix("https://").or_else(|| given.strip_prefix("http://"));
    let letters = given.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"\\^`{|}".contains(&b));
    if letters && rest.is_some_and(|rest| !rest.is_empty()) && given.len() <= ADDRESS_BYTES_MAX {
        Ok(())
    } else {
        Err(InvalidName { what, given: given.chars().take(80).collect(), rule })
    }
}
