//! What the owner says for catalogues elsewhere.

use weal_domain::Date;
use weal_domain::catalogue::{Contact, Particulars, Theme, WebAddress};

/// The EU's authority table of countries.
const COUNTRIES: &str = "http://publications.europa.eu/resource/authority/country/";

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "For catalogues elsewhere")]
pub(super) struct AboutArgs {
    /// A theme of the EU's table: AGRI, ECON, EDUC, ENER, ENVI, GOVE, HEAL, INTR, JUST, REGI, SOCI, TECH or
    /// TRAN. May be repeated.
    #[arg(long, value_name = "THEME")]
    theme: Vec<Theme>,
    /// Whom to ask about it: "Data desk <data@example.org>". It will be public.
    #[arg(long, value_name = "NAME <EMAIL>", value_parser = contact)]
    contact: Option<Contact>,
    /// The address of its licence.
    #[arg(long, value_name = "ADDRESS")]
    licence: Option<WebAddress>,
    /// A place it is about: a country as EST, or the address by which the EU's tables or GeoNames know it. May
    /// be repeated.
    #[arg(long, value_name = "PLACE", value_parser = place)]
    place: Vec<WebAddress>,
    /// The first day it is about, for example 2026-01-01.
    #[arg(long, value_name = "DAY")]
    first_day: Option<Date>,
    /// The last day it is about.
    #[arg(long, value_name = "DAY")]
    last_day: Option<Date>,
    /// The law under which it is kept or shared, by its European Legislation Identifier. May be repeated.
    #[arg(long, value_name = "ADDRESS")]
    law: Vec<WebAddress>,
}

impl AboutArgs {
    pub(super) fn particulars(&self) -> Particulars {
        Particulars {
            themes: self.theme.clone(),
            contact: self.contact.clone(),
            licence: self.licence.clone(),
            places: self.place.clone(),
            from: self.first_day,
            until: self.last_day,
            laws: self.law.clone(),
        }
    }
}

fn contact(given: &str) -> Result<Contact, String> {
    let halves = given.strip_suffix('>').and_then(|rest| rest.split_once('<'));
    let (name, email) = halves.ok_or("write it as: Data desk <data@example.org>")?;
    Ok(Contact { name: name.trim().to_owned(), email: email.trim().to_owned() })
}

fn place(given: &str) -> Result<WebAddress, String> {
    let is_country = given.len() == 3 && given.bytes().all(|letter| letter.is_ascii_uppercase());
    let address = if is_country { format!("{COUNTRIES}{given}") } else { given.to_owned() };
    address.parse().map_err(|_| "write a country as EST, or a place's whole address".to_owned())
}
