//! The products that a question is about: which of them are about persons, and the limits that hold for all.
//!
//! A question may join products of one owner. Those with a privacy policy are private: each is used under a permit
//! for statistics of its own, and each pays the whole loss. Those about nobody are taken as they are, under a permit
//! for their rows: whoever may have these could have written them into the question as `VALUES`.

use datafusion::common::TableReference;
use weal_domain::catalogue::{Column, ColumnKind, PrivacyPolicy, Product, ProductRef};
use weal_domain::exchange::{Extract, Grant, Permit, Statistics};
use weal_domain::identity::MemberName;
use weal_domain::words::{list, number};
use weal_domain::{Refusal, RefusalKind};

use crate::{Fault, Source};

/// A product of a question, as far as an agreement covers it.
#[derive(Debug, Clone)]
pub struct Covered {
    pub product: Product,
    /// `None` is all of them.
    pub columns: Option<Vec<String>>,
}

/// A product of a question, with what permits its use and where its rows are.
#[derive(Debug, Clone, Copy)]
pub struct Permitted<'a> {
    pub permit: PermitFor<'a>,
    pub product: &'a Product,
    pub source: &'a Source,
}

/// What a product may be used for in a private question.
#[derive(Debug, Clone, Copy)]
pub enum PermitFor<'a> {
    /// About persons: it is asked about, and they are protected.
    Statistics(&'a Permit<Statistics>),
    /// About nobody, and the asker may have its rows.
    Rows(&'a Permit<Extract>),
}

impl<'a> Permitted<'a> {
    /// `GT-1`: what the permit allows, if it is one for this product and for what it is used for.
    pub(crate) fn grant(&self) -> Result<&'a Grant, Fault> {
        let (grant, is_private) = match self.permit {
            PermitFor::Statistics(permit) => (permit.grant(), true),
            PermitFor::Rows(permit) => (permit.grant(), false),
        };
        if grant.product != self.product.name {
            return Err(Fault::new("checking a permit", "it is for another product"));
        }
        if is_private != self.product.privacy.is_some() {
            return Err(Fault::new("checking a permit", "it is for another use of the product"));
        }
        Ok(grant)
    }

    pub(crate) fn covered(&self) -> Result<Covered, Fault> {
        Ok(Covered { product: self.product.clone(), columns: self.grant()?.columns.clone() })
    }
}

/// One product as plans know it.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub about: ProductRef,
    pub name: TableReference,
    /// All that it has.
    pub columns: Vec<Column>,
    /// Those that may be asked about.
    pub covered: Vec<Column>,
    /// Its own subject, bounds and public keys, within the limits of all; `None` where it is about nobody.
    pub policy: Option<PrivacyPolicy>,
    /// For how much one subject may count where it is asked about alone.
    alone: Option<Alone>,
}

/// What an owner allows of one subject in a question about one product alone.
#[derive(Debug, Clone, Copy)]
struct Alone {
    groups: u32,
    rows_in_group: u32,
    rows_in_all: u64,
}

impl Alone {
    fn of(policy: &PrivacyPolicy) -> Self {
        let (groups, rows) = (policy.groups_per_subject_max, policy.rows_per_group_max);
        let both = u64::from(groups) * u64::from(rows);
        let rows_in_all = policy.rows_per_subject_max.map_or(both, |most| both.min(most.into()));
        Self { groups, rows_in_group: rows, rows_in_all }
    }
}

/// The products of a question, each named in it; at least one is private.
#[derive(Debug, Clone)]
pub(crate) struct Tables {
    pub all: Vec<Table>,
}

impl Tables {
    /// `named` are those that the question names.
    pub(crate) fn of(
        covered: &[Covered],
        member: &MemberName,
        named: &[ProductRef],
    ) -> Result<Tables, Refusal> {
        let all: Vec<Table> = covered.iter().map(|each| Table::of(each, member)).collect();
        refuse_other_products(named, &all)?;
        let tables = Tables { all };
        let about = || tables.all.iter().map(|table| format!("`{}`", table.about)).collect::<Vec<_>>();
        if tables.private().next().is_none() {
            let reason = format!("Private statistics are not offered on {}.", list(&about(), "or"));
            return Err(Refusal::forbidden("no-privacy-policy", reason).changed_by("the owner's steward"));
        }
        for each in covered.iter().filter(|each| each.product.privacy.is_none()) {
            if each.product.classification.is_personal() {
                return Err(unprotected(&each.product));
            }
        }
        tables.refuse_other_kinds()?;
        Ok(tables)
    }

    pub(crate) fn private(&self) -> impl Iterator<Item = (&Table, &PrivacyPolicy)> {
        self.all.iter().filter_map(|table| Some((table, table.policy.as_ref()?)))
    }

    /// Of the first private product, with the strictest limits of all.
    pub(crate) fn strictest(&self) -> Result<PrivacyPolicy, Refusal> {
        let policies = self.private().map(|(_, policy)| policy.clone());
        // Every field is named, so that no new limit of a second product is forgotten here.
        let strictest = policies.reduce(|one, other| PrivacyPolicy {
            subject: one.subject,
            groups_per_subject_max: one.groups_per_subject_max.min(other.groups_per_subject_max),
            rows_per_group_max: one.rows_per_group_max.min(other.rows_per_group_max),
            rows_per_subject_max: one
                .rows_per_subject_max
                .into_iter()
                .chain(other.rows_per_subject_max)
                .min(),
            bounds: one.bounds,
            public_keys: one.public_keys,
            group_size_min: one.group_size_min.max(other.group_size_min),
            question_loss_default: one.question_loss_default.min(other.question_loss_default),
            question_loss_max: one.question_loss_max.min(other.question_loss_max),
            budget: one.budget,
            budget_rules: one.budget_rules,
        });
        strictest.ok_or_else(|| Refusal::forbidden("no-privacy-policy", "No product here is protected."))
    }

    /// The limits of `policy` hold for every table: a subject is bounded once, above all joins.
    pub(crate) fn limit(&mut self, policy: &PrivacyPolicy) {
        for own in self.all.iter_mut().filter_map(|table| table.policy.as_mut()) {
            own.groups_per_subject_max = policy.groups_per_subject_max;
            own.rows_per_group_max = policy.rows_per_group_max;
            own.rows_per_subject_max = policy.rows_per_subject_max;
            own.group_size_min = policy.group_size_min;
        }
    }

    /// Which products let one subject count for more where they are asked about alone, a sentence for each limit:
    /// whoever compares a joined count with one of either product must know it.
    pub(crate) fn stricter_than_alone(&self, has_groups: bool) -> Vec<String> {
        let rows =
            |count: u64| if count == 1 { "1 row".to_owned() } else { format!("{} rows", number(count)) };
        let of_rows = |(least, of, others): (u64, String, String), place: &str| {
            let verb = if least == 1 { "counts" } else { "count" };
            format!(
                "Joined, {} of each subject {verb}{place}, the limit of {of}, though {others}: what a subject has beyond \
                 that is in no count, sum or average.",
                rows(least)
            )
        };
        let mut said = Vec::new();
        let in_group = self.differing(|alone| alone.rows_in_group.into(), rows);
        said.extend(in_group.map(|found| of_rows(found, if has_groups { " in a group" } else { "" })));
        if !has_groups {
            return said;
        }
        let groups =
            |count: u64| if count == 1 { "1 group".to_owned() } else { format!("{} groups", number(count)) };
        said.extend(self.differing(|alone| alone.groups.into(), groups).map(|(least, of, others)| {
            format!("Joined, each subject counts in {}, the limit of {of}, though {others}.", groups(least))
        }));
        if said.is_empty() {
            let in_all = self.differing(|alone| alone.rows_in_all, rows);
            said.extend(in_all.map(|found| of_rows(found, " in all groups together")));
        }
        said
    }

    /// The least that any product allows, which ones do, and what the others allow alone; `None` where all allow the
    /// same.
    fn differing(
        &self,
        limit: impl Fn(&Alone) -> u64,
        in_words: impl Fn(u64) -> String,
    ) -> Option<(u64, String, String)> {
        let of = self.all.iter().filter_map(|table| Some((&table.about, limit(table.alone.as_ref()?))));
        let of: Vec<_> = of.collect();
        let least = of.iter().map(|(_, limit)| *limit).min()?;
        let strictest = of.iter().filter(|(_, limit)| *limit == least).map(|(about, _)| format!("`{about}`"));
        let others = of.iter().filter(|(_, limit)| *limit > least);
        let others: Vec<String> =
            others.map(|(about, limit)| format!("`{about}` alone allows {}", in_words(*limit))).collect();
        let strictest: Vec<String> = strictest.collect();
        (!others.is_empty()).then(|| (least, list(&strictest, "and"), list(&others, "and")))
    }

    pub(crate) fn of_scan(&self, name: &TableReference) -> Option<&Table> {
        self.all.iter().find(|table| table.name == *name)
    }

    /// All columns, and those that may be asked about, with the products' names: for what planning refuses.
    pub(crate) fn columns(&self) -> (String, Vec<Column>, Vec<Column>) {
        let names: Vec<String> = self.all.iter().map(|table| table.about.to_string()).collect();
        let gathered = |of: fn(&Table) -> &Vec<Column>| self.all.iter().flat_map(of).cloned().collect();
        (list(&names, "or"), gathered(|table| &table.covered), gathered(|table| &table.columns))
    }

    /// The same subject is told by the same value, so all their columns hold values of one kind: a cast could make
    /// one of two subjects.
    fn refuse_other_kinds(&self) -> Result<(), Refusal> {
        let kinds: Vec<(&Table, &PrivacyPolicy, Option<ColumnKind>)> = self
            .private()
            .map(|(table, policy)| (table, policy, kind_of(&table.columns, &policy.subject)))
            .collect();
        let Some(&(first, of_first, kind)) = kinds.first() else { return Ok(()) };
        let Some(&(other, of_other, _)) = kinds.iter().find(|(.., other)| *other != kind) else {
            return Ok(());
        };
        let reason = format!(
            "`{}` of {} and `{}` of {} are of different kinds, so it cannot be told who is the same.",
            of_first.subject, first.about, of_other.subject, other.about
        );
        Err(Refusal::new(RefusalKind::Forbidden, "subjects-differ", reason)
            .remedy("Ask about one of them at a time.")
            .changed_by("the owner's steward, by publishing both with subjects of one kind"))
    }
}

impl Table {
    fn of(Covered { product, columns }: &Covered, member: &MemberName) -> Self {
        let about = ProductRef { member: member.clone(), product: product.name.clone() };
        let is_covered =
            |column: &&Column| columns.as_ref().is_none_or(|columns| columns.contains(&column.name));
        Self {
            name: TableReference::partial(about.member.as_str(), about.product.as_str()),
            about,
            columns: product.columns.clone(),
            covered: product.columns.iter().filter(is_covered).cloned().collect(),
            policy: product.privacy.clone(),
            alone: product.privacy.as_ref().map(Alone::of),
        }
    }
}

fn kind_of(columns: &[Column], name: &str) -> Option<ColumnKind> {
    columns.iter().find(|column| column.name == name).map(|column| column.kind)
}

fn unprotected(product: &Product) -> Refusal {
    let reason = format!("{} is about persons, and does not say whom it protects.", product.title);
    Refusal::forbidden("persons-unprotected", reason)
        .remedy("Leave it out of the question.")
        .changed_by("the owner's steward, by publishing it with a subject")
}

/// A question names the products that agreements cover, all of them and no others.
fn refuse_other_products(named: &[ProductRef], tables: &[Table]) -> Result<(), Refusal> {
    let covered: Vec<String> = tables.iter().map(|table| format!("`{}`", table.about)).collect();
    let verb = if covered.len() == 1 { "The agreement covers" } else { "The agreements cover" };
    let covered = list(&covered, "and");
    if let Some(other) = named.iter().find(|named| tables.iter().all(|table| table.about != **named)) {
        let reason = format!("{verb} {covered}, not `{other}`.");
        return Err(Refusal::forbidden("other-product", reason)
            .remedy(format!("Ask about {covered}, or request an agreement for `{other}`.")));
    }
    match tables.iter().find(|table| !named.contains(&table.about)) {
        Some(unnamed) => {
            let reason =
                format!("The question does not name `{}`, and would be charged for it.", unnamed.about);
            Err(Refusal::invalid("product-not-named", reason).remedy("Ask under the other agreements alone."))
        }
        None => Ok(()),
    }
}
