//! For what a budget is kept. Every question about a product is paid from all the accounts it touches at once.

use serde::{Deserialize, Serialize};

use crate::InvalidName;
use crate::agreements::AgreementId;
use crate::catalogue::ProductName;
use crate::identity::Did;

/// One account. Its text (`product:payroll`, `agreement:<id>`, `member:payroll/<did>`,
/// `analyst:payroll/<did>/<person>`) is its name in the store and before people, and is never reused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Account {
    /// Everybody's questions about a product, in all its versions.
    Product(ProductName),
    /// What was asked under one agreement.
    Agreement(AgreementId),
    /// One member's questions about a product, under whichever agreement.
    Member(ProductName, Did),
    /// The same of one of its persons or programs, by the pseudonym that its node vouches for.
    Analyst(ProductName, Did, String),
}

impl std::fmt::Display for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Account::Product(product) => write!(f, "product:{product}"),
            Account::Agreement(id) => write!(f, "agreement:{id}"),
            Account::Member(product, member) => write!(f, "member:{product}/{member}"),
            Account::Analyst(product, member, person) => write!(f, "analyst:{product}/{member}/{person}"),
        }
    }
}

impl From<Account> for String {
    fn from(account: Account) -> Self {
        account.to_string()
    }
}

impl TryFrom<String> for Account {
    type Error = InvalidName;
    fn try_from(given: String) -> Result<Self, InvalidName> {
        given.parse()
    }
}

impl std::str::FromStr for Account {
    type Err = InvalidName;
    fn from_str(given: &str) -> Result<Self, InvalidName> {
        let wrong = || InvalidName {
            what: "account",
            given: given.chars().take(80).collect(),
            rule: "write product:NAME, agreement:ID, member:NAME/DID or analyst:NAME/DID/PERSON",
        };
        let (kind, rest) = given.split_once(':').ok_or_else(wrong)?;
        // A DID of did:web holds no slash; a pseudonym may.
        let mut parts = rest.splitn(3, '/');
        let mut next = || parts.next().filter(|part| !part.is_empty());
        match kind {
            "product" => Ok(Account::Product(rest.parse()?)),
            "agreement" => Ok(Account::Agreement(rest.parse()?)),
            "member" => {
                let (product, member) = rest.split_once('/').ok_or_else(wrong)?;
                Ok(Account::Member(product.parse()?, member.parse()?))
            }
            "analyst" => {
                let product = next().ok_or_else(wrong)?.parse()?;
                let member = next().ok_or_else(wrong)?.parse()?;
                Ok(Account::Analyst(product, member, next().ok_or_else(wrong)?.to_owned()))
            }
            _ => Err(wrong()),
        }
    }
}
