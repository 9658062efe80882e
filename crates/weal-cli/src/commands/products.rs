//! `weal products`

use weal_domain::catalogue::{Column, ColumnProfile, Identifying, Offer, Product, ProductName};
use weal_node::api::ProductShown;

use super::offer::modes;
use crate::client::Client;
use crate::compose::Setting;
use crate::failure::{Exit, Result};
use crate::print::Table;
use crate::print::number::{bytes, thousands, time};

/// Products asked for at once.
const AT_ONCE: usize = 500;

/// List this node's products, or show one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weal products payroll")]
pub struct Args {
    /// Show this product with its columns and offers.
    name: Option<ProductName>,
    /// Print its data contract (ODCS 3.1, YAML) instead.
    #[arg(long, requires = "name")]
    contract: bool,
}

pub(super) async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let client = setting.client()?;
    let Some(name) = args.name else {
        let products = all(&client).await?;
        setting.terminal.answer(&products, || listed(&products));
        return Ok(Exit::Ok);
    };
    if args.contract {
        let yaml = client.get_text(&format!("/products/{name}/contract"), "reading a contract").await?;
        setting.terminal.answer(&yaml, || yaml.clone());
        return Ok(Exit::Ok);
    }
    let shown: ProductShown = client.get(&format!("/products/{name}"), "reading a product").await?;
    setting.terminal.answer(&shown, || {
        format!(
            "{}\n{}\n{}",
            head(&shown.product),
            profile(&shown.product.columns, &shown.product.profile),
            offers(&shown.offers)
        )
    });
    Ok(Exit::Ok)
}

/// Every product, a stretch at a time.
async fn all(client: &Client) -> Result<Vec<Product>> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/products?limit={AT_ONCE}&after={after}");
        let some: Vec<Product> = client.get(&path, "listing the products").await?;
        let is_last = some.len() < AT_ONCE;
        after = some.last().map(|last| last.name.to_string()).unwrap_or_default();
        all.extend(some);
        if is_last {
            return Ok(all);
        }
    }
}

fn listed(products: &[Product]) -> String {
    if products.is_empty() {
        return "Nothing is published yet; publish a file with `weal publish FILE`.".into();
    }
    let mut table = Table::new(&["product", ">version", ">rows", ">size", "class", "title"]);
    for product in products {
        table.row([
            product.name.to_string(),
            product.version.to_string(),
            thousands(product.rows),
            bytes(product.size_bytes),
            product.classification.as_str().to_owned(),
            product.title.clone(),
        ]);
    }
    table.to_string()
}

fn head(product: &Product) -> String {
    format!(
        "{} ({}, version {}): {}\n{} rows, {}, {}, updated {}\n{}",
        product.title,
        product.name,
        product.version,
        product.classification.as_str(),
        thousands(product.rows),
        bytes(product.size_bytes),
        product.privacy.as_ref().map_or_else(
            || "no protected subjects".to_owned(),
            |privacy| format!("subjects in column {}", privacy.subject)
        ),
        time(product.updated_at),
        product.description,
    )
}

/// The columns with what the owner's node measured of them.
pub(super) fn profile(columns: &[Column], profiles: &[ColumnProfile]) -> Table {
    let mut table =
        Table::new(&["column", "kind", "identifying", ">nulls", ">distinct", "least", "greatest"]);
    for column in columns {
        let profile = profiles.iter().find(|profile| profile.column == column.name);
        let measured = |of: fn(&ColumnProfile) -> String| profile.map_or_else(String::new, of);
        table.row([
            column.name.clone(),
            format!("{:?}", column.kind).to_lowercase(),
            identifying(column.identifying).to_owned(),
            measured(|profile| thousands(profile.nulls)),
            measured(|profile| thousands(profile.distinct)),
            measured(|profile| profile.min.clone().unwrap_or_default()),
            measured(|profile| profile.max.clone().unwrap_or_default()),
        ]);
    }
    table
}

fn identifying(identifying: Identifying) -> &'static str {
    match identifying {
        Identifying::Direct => "directly",
        Identifying::Quasi => "together",
        Identifying::No => "",
    }
}

fn offers(offers: &[Offer]) -> String {
    if offers.is_empty() {
        return "It is offered on no rung; offer it with `weal offer`.".into();
    }
    modes(offers).to_string()
}
