//! `weal offer`

use weal_domain::agreements::Purpose;
use weal_domain::agreements::sentence::purpose_label;
use weal_domain::catalogue::{Approval, Mode, Offer, PrivacyPolicy, ProductName, Terms};
use weal_domain::governance::Charter;
use weal_domain::identity::{Did, Role};
use weal_domain::{InvalidName, Timestamp};
use weal_node::api::{MakeOffer, ProductShown, WithdrawOffer};

use super::ask::loss_of_epsilon;
use super::person::role;
use crate::client::Client;
use crate::compose::Setting;
use crate::failure::{Exit, Failure, Result};
use crate::print::Table;
use crate::words;

/// Offer a product on one rung of the ladder, or withdraw an offer.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: weal offer payroll --mode statistics --purpose fraud --legal-basis public-task
Example: weal offer --withdraw urn:uuid:0b5e1c9e-51f1-4c0f-8d4f-0c1d8f0f8a11")]
pub struct Args {
    /// The product to offer.
    #[arg(required_unless_present = "withdraw")]
    product: Option<ProductName>,
    /// The rung: metadata, synthetic, statistics, matching, training, lookup or extract.
    #[arg(long, required_unless_present = "withdraw", value_parser = mode)]
    mode: Option<Mode>,
    #[command(flatten)]
    terms: TermsArgs,
    /// Withdraw this offer; agreements that stand go on.
    #[arg(long, value_name = "OFFER", conflicts_with = "product")]
    withdraw: Option<String>,
}

/// The widest terms that the owner grants.
#[derive(Debug, clap::Args)]
pub(super) struct TermsArgs {
    /// What it may be used for: an IRI, or a word such as `fraud`. May be repeated; every purpose of the
    /// charter by default.
    #[arg(long)]
    pub purpose: Vec<String>,
    /// What a use may rest on: an IRI, or a word such as `public-task`, which is the default. May be
    /// repeated.
    #[arg(long)]
    pub legal_basis: Vec<String>,
    /// Only this member may have it. May be repeated; every member by default.
    #[arg(long = "to", value_name = "DID")]
    pub recipients: Vec<Did>,
    /// Only persons in this role may use it. May be repeated; analysts by default.
    #[arg(long = "role", value_name = "ROLE", value_parser = role)]
    pub roles: Vec<Role>,
    /// Only these columns, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "COLUMN,...")]
    pub columns: Vec<String>,
    /// Only rows that satisfy this SQL condition.
    #[arg(long, value_name = "SQL")]
    pub row_filter: Option<String>,
    /// Until when, for example 2027-12-31T23:59:59Z.
    #[arg(long, value_name = "TIME")]
    pub until: Option<Timestamp>,
    /// How many uses a day at most.
    #[arg(long, value_name = "N")]
    pub uses_per_day: Option<u32>,
    /// The privacy budget of one agreement, as epsilon; half of the product's by default.
    #[arg(long, value_name = "EPSILON")]
    pub budget: Option<f64>,
    /// A steward says yes to each request; the node does by default.
    #[arg(long)]
    pub ask_steward: bool,
    /// Days until what was received is deleted.
    #[arg(long, default_value_t = 365, value_name = "DAYS")]
    pub retention_days: u32,
}

impl TermsArgs {
    /// The terms as given; what was left out is the ecosystem's own.
    pub(super) async fn terms(&self, client: &Client) -> Result<Terms> {
        let mut purposes =
            self.purpose.iter().map(|word| words::purpose(word)).collect::<Result<Vec<_>>>()?;
        if purposes.is_empty() {
            purposes = charter_purposes(client).await?;
        }
        let mut legal_bases =
            self.legal_basis.iter().map(|word| words::legal_basis(word)).collect::<Result<Vec<_>>>()?;
        if legal_bases.is_empty() {
            legal_bases.push(words::legal_basis(LEGAL_BASIS_DEFAULT)?);
        }
        Ok(Terms {
            purposes,
            legal_bases,
            recipients: self.recipients.clone(),
            roles: self.roles.clone(),
            columns: (!self.columns.is_empty()).then(|| self.columns.clone()),
            row_filter: self.row_filter.clone(),
            valid_until: self.until,
            uses_per_day_max: self.uses_per_day,
            budget: self.budget.map(loss_of_epsilon).transpose()?,
            retention_days: self.retention_days,
            approval: if self.ask_steward { Approval::Steward } else { Approval::Automatic },
            ..standard_terms()
        })
    }
}

/// One agreement may spend this part of the product's budget where the offer names no budget of its own.
const BUDGET_PART: u64 = 2;

/// An offer of a product with this privacy policy: private modes get a budget.
pub fn offer_of(
    product: &ProductName,
    mode: Mode,
    terms: &Terms,
    privacy: Option<&PrivacyPolicy>,
) -> MakeOffer {
    let mut terms = terms.clone();
    if mode == Mode::Statistics {
        terms.budget = terms.budget.or_else(|| privacy.map(|policy| policy.budget.scaled_down(BUDGET_PART)));
    }
    MakeOffer { product: product.clone(), mode, terms }
}

/// What public bodies' uses rest on where nobody says otherwise.
const LEGAL_BASIS_DEFAULT: &str = "public-task";

/// Every purpose that the charter knows.
async fn charter_purposes(client: &Client) -> Result<Vec<Purpose>> {
    match client.get::<Charter>("/charter", "reading the charter").await {
        Ok(charter) => Ok(charter.purposes),
        Err(Failure::Refused { .. }) => Err(Failure::usage(
            "an offer needs a purpose, and there is no charter yet to name them",
        )
        .next("name one, for example --purpose fraud, or join an ecosystem first with `weal join DID`")),
        Err(other) => Err(other),
    }
}

/// The words that an offer has where its owner says nothing else.
pub fn standard_terms() -> Terms {
    Terms {
        purposes: Vec::new(),
        legal_bases: Vec::new(),
        recipients: Vec::new(),
        roles: Vec::new(),
        columns: None,
        row_filter: None,
        valid_until: None,
        uses_per_day_max: None,
        budget: None,
        budget_rules: Default::default(),
        service_level: "Best effort on working days.".into(),
        liability: "Each side answers for its own breaches; the owner answers for no error in the data."
            .into(),
        licence: "Use for the agreed purpose only; no onward sharing of what was received.".into(),
        retention_days: 365,
        disposal: "Delete what was received and confirm it to the owner.".into(),
        approval: Approval::Automatic,
    }
}

pub(super) async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let client = setting.client()?;
    if let Some(offer) = args.withdraw {
        let body = WithdrawOffer { offer: offer.clone() };
        client.post_raw("/offers/withdraw", &body, "withdrawing an offer").await?;
        setting.terminal.answer(&body, || format!("Withdrawn: {offer}. Agreements that stand go on."));
        return Ok(Exit::Ok);
    }
    let (Some(product), Some(mode)) = (args.product, args.mode) else {
        return Err(Failure::usage("name the product and --mode"));
    };
    let shown: ProductShown = client.get(&format!("/products/{product}"), "reading a product").await?;
    let terms = args.terms.terms(&client).await?;
    let body = offer_of(&product, mode, &terms, shown.product.privacy.as_ref());
    let made: Offer = client.post("/offers", &body, "making an offer").await?;
    setting
        .terminal
        .answer(&made, || format!("Offered: {} for {}, as {}.", made.product, made.mode, made.id));
    Ok(Exit::Ok)
}

/// Offers as a table, lowest disclosure first.
pub(super) fn modes(offers: &[Offer]) -> Table {
    let mut offers: Vec<&Offer> = offers.iter().collect();
    offers.sort_by_key(|offer| offer.mode);
    let mut table = Table::new(&[">rung", "mode", "purposes", "id"]);
    for offer in offers {
        let purposes = purposes(&offer.terms.purposes);
        let withdrawn = if offer.withdrawn_at.is_some() { " (withdrawn)" } else { "" };
        table.row([
            offer.mode.rung().to_string(),
            format!("{}{withdrawn}", offer.mode),
            purposes,
            offer.id.to_string(),
        ]);
    }
    table
}

/// The first purposes in words, and how many more there are.
fn purposes(all: &[Purpose]) -> String {
    const SHOWN: usize = 2;
    let mut words: Vec<String> = all.iter().take(SHOWN).map(purpose_label).collect();
    if all.len() > SHOWN {
        words.push(format!("{} more", all.len() - SHOWN));
    }
    words.join("; ")
}

pub(super) fn mode(given: &str) -> Result<Mode, String> {
    given.parse().map_err(|cause: InvalidName| cause.rule.to_owned())
}
