//! Every address the pages link and post to. The node's routes are these.
//!
//! Identifiers are IRIs; [`segment`] makes one path segment of any text. Axum's `Path` decodes it again.

use weal_domain::agreements::AgreementId;
use weal_domain::catalogue::{Classification, Mode, ProductName, ProductRef};
use weal_domain::exchange::UseId;
use weal_domain::identity::{Did, MemberName};

use crate::view::{CatalogueQuery, ExportFormat, FactGroup};

pub const HOME: &str = "/";
pub const SIGN_IN: &str = "/sign-in";
pub const SIGN_OUT: &str = "/sign-out";
pub const CATALOGUE: &str = "/catalogue";
/// What this node shares.
pub const PRODUCTS: &str = "/products";
pub const AGREEMENTS: &str = "/agreements";
/// POST: `offer`, `member`, `product`, `purpose`, `legal_basis`.
pub const REQUEST: &str = "/agreements/request";
pub const NEGOTIATIONS: &str = "/negotiations";
pub const ASK: &str = "/ask";
pub const LEDGER: &str = "/ledger";
pub const MEMBERS: &str = "/members";
/// GET; POST: `credential`.
pub const CREDENTIALS: &str = "/credentials";
pub const ACCESSIBILITY: &str = "/accessibility";

/// Percent-encodes everything but RFC 3986's unreserved characters, so that any text is one segment
/// of a path or one value of a query.
#[must_use]
pub fn segment(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => {
                out.push('%');
                out.push(char::from(HEX[usize::from(byte >> 4)]));
                out.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
    out
}

#[must_use]
pub fn product(member: &MemberName, product: &ProductName) -> String {
    format!("{CATALOGUE}/{}/{}", segment(member.as_str()), segment(product.as_str()))
}

/// The ODCS 3.1 data contract of an own product, as YAML.
#[must_use]
pub fn contract(member: &MemberName, name: &ProductName) -> String {
    format!("{}/contract", product(member, name))
}

/// The product's page, at the rung that would help where one would.
#[must_use]
pub fn rung(reference: &ProductRef, mode: Option<Mode>) -> String {
    let product = product(&reference.member, &reference.product);
    match mode {
        Some(mode) => format!("{product}#rung-{}", mode.rung()),
        None => product,
    }
}

#[must_use]
pub fn agreement(id: &AgreementId) -> String {
    format!("{AGREEMENTS}/{}", segment(id.as_str()))
}

/// POST: `reason`, and on the second step `confirm=yes`.
#[must_use]
pub fn revoke(id: &AgreementId) -> String {
    format!("{}/revoke", agreement(id))
}

#[must_use]
pub fn negotiation(id: &str) -> String {
    format!("{NEGOTIATIONS}/{}", segment(id))
}

/// POST, no fields.
#[must_use]
pub fn approve(id: &str) -> String {
    format!("{}/approve", negotiation(id))
}

/// POST: `reason`.
#[must_use]
pub fn refuse(id: &str) -> String {
    format!("{}/refuse", negotiation(id))
}

/// The ask page with this agreement chosen.
#[must_use]
pub fn ask_under(id: &AgreementId) -> String {
    format!("{ASK}?agreement={}", segment(id.as_str()))
}

/// The ask page with this agreement chosen and this question in the editor.
#[must_use]
pub fn ask_example(id: &AgreementId, sql: &str) -> String {
    format!("{}&sql={}", ask_under(id), segment(sql))
}

/// The answer of a use, for the person who asked.
#[must_use]
pub fn answer(use_id: &UseId) -> String {
    format!("{ASK}/{}", segment(use_id.as_str()))
}

/// Where an answer that was given can be fetched again, by the person who asked.
#[must_use]
pub fn answer_export(use_id: &UseId, format: ExportFormat) -> String {
    format!("{ASK}/{}/answer.{}", segment(use_id.as_str()), format.extension())
}

#[must_use]
pub fn entry(index: u64) -> String {
    format!("{LEDGER}/{index}")
}

/// The entry's proof as a `tlog-proof` file.
#[must_use]
pub fn proof(index: u64) -> String {
    format!("{LEDGER}/{index}/proof")
}

/// POST, no fields.
#[must_use]
pub fn admit(member: &Did) -> String {
    format!("{MEMBERS}/{}/admit", segment(member.as_str()))
}

/// POST, no fields.
#[must_use]
pub fn decline(applicant: &Did) -> String {
    format!("{MEMBERS}/{}/decline", segment(applicant.as_str()))
}

#[must_use]
pub fn catalogue_page(query: &CatalogueQuery, page: u64) -> String {
    let member = query.member.as_ref().map(MemberName::as_str);
    let mode = query.mode.map(Mode::as_str);
    let class = query.class.map(Classification::as_str);
    let text = Some(query.text.as_str()).filter(|text| !text.is_empty());
    let page = Some(page.to_string()).filter(|_| page > 1);
    with_query(
        CATALOGUE,
        &[("q", text), ("member", member), ("mode", mode), ("class", class), ("page", page.as_deref())],
    )
}

#[must_use]
pub fn ledger_page(kind: Option<FactGroup>, page: u64) -> String {
    let page = Some(page.to_string()).filter(|_| page > 1);
    with_query(LEDGER, &[("kind", kind.map(FactGroup::as_str)), ("page", page.as_deref())])
}

#[must_use]
pub fn products_page(page: u64) -> String {
    let page = Some(page.to_string()).filter(|_| page > 1);
    with_query(PRODUCTS, &[("page", page.as_deref())])
}

fn with_query(path: &str, pairs: &[(&str, Option<&str>)]) -> String {
    let mut out = path.to_owned();
    let mut joint = '?';
    for (name, value) in pairs {
        if let Some(value) = value {
            out.push(joint);
            out.push_str(name);
            out.push('=');
            out.push_str(&segment(value));
            joint = '&';
        }
    }
    out
}
