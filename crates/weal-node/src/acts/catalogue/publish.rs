//! An inspected upload becomes a version of a product.

use std::path::Path;
use std::time::Duration;

use weal_domain::Refusal;
use weal_domain::catalogue::{
    Column, ColumnKind, Identifying, PrivacyPolicy, Product, ProductName, parse_dataset,
};
use weal_domain::identity::{Act, Did, Person, Role};
use weal_domain::ledger::Fact;
use weal_domain::words::{is_line, is_prose};
use weal_engine::Ingested;
use weal_privacy::bounds::{DECIMALS_MAX, FixedPoint, Sensitivity};
use weal_store::StoredProduct;

use super::uploads::{remove, upload_unknown};
use crate::acts::compute::Granting;
use crate::api::{Publish, Published};
use crate::fault::{Fault, Result};
use crate::house::House;

/// The longest title and description, in characters.
const TITLE_CHARS_MAX: usize = 200;
const DESCRIPTION_CHARS_MAX: usize = 4_000;
const KEYWORDS_MAX: usize = 32;
const KEYWORD_CHARS_MAX: usize = 60;
/// Longer than any request takes from finding a file to opening it.
const DISCARD_AFTER: Duration = Duration::from_secs(300);
/// The most that an owner may let one subject count for: above, noise drowns everything.
const GROUPS_PER_SUBJECT_MAX: u32 = 100_000;
const ROWS_PER_GROUP_MAX: u32 = 1_000_000;

impl House {
    /// Publishes an inspected upload with what its owner decided about it.
    pub async fn publish(&self, by: &Person, publish: Publish) -> Result<Published> {
        let role = self.require_act(by, Act::Publish)?;
        check_words(&publish)?;
        let upload = self.doors.uploads.take(by, &publish.upload).ok_or_else(upload_unknown)?;
        let outcome = match &upload.ingested {
            Some(ingested) => self.publish_ingested((by, role), &publish, ingested).await,
            None => {
                Err(Refusal::conflict("upload-not-inspected", "The upload has not been inspected yet.")
                    .into())
            }
        };
        match outcome {
            Ok(published) => {
                remove(upload.folder()).await;
                Ok(published)
            }
            Err(cause) => {
                // The owner may correct what was refused without sending the file again.
                self.doors.uploads.put_back(&publish.upload, upload);
                Err(cause)
            }
        }
    }

    async fn publish_ingested(
        &self,
        by: (&Person, Role),
        publish: &Publish,
        ingested: &Ingested,
    ) -> Result<Published> {
        let now = self.clock.now();
        // One publication at a time: the file gets its place, which may take long, before the record that names
        // it, and no writer of the database waits meanwhile.
        let _turn = self.doors.publishing.lock().await;
        let before = self.store.read("catalogue.before").await?.product(&publish.name).await?;
        let before = before.map(|stored| stored.product);
        let product = Product {
            name: publish.name.clone(),
            identifier: publish.identifier.clone(),
            version: before.as_ref().map_or(1, |before| before.version + 1),
            title: publish.title.clone(),
            description: publish.description.clone(),
            keywords: publish.keywords.clone(),
            classification: publish.classification,
            about_nobody: publish.about_nobody,
            columns: published_columns(&ingested.columns, publish),
            privacy: publish.privacy.clone(),
            rows: ingested.rows,
            size_bytes: ingested.size_bytes,
            profile: ingested.profile.clone(),
            particulars: publish.particulars.clone(),
            published_at: before.as_ref().map_or(now, |before| before.published_at),
            updated_at: now,
        };
        let dataset = product.dataset(&self.did);
        let mut tx = self.store.read("catalogue.others").await?;
        let namesake = tx.product_identified(&dataset).await?;
        // What is its own already, no catalogue elsewhere was allowed to describe.
        let is_new = before.as_ref().is_none_or(|before| before.dataset(&self.did) != dataset);
        let is_foreign = is_new && product.identifier.is_some() && tx.is_foreign(&dataset).await?;
        drop(tx);
        check_identifier(&self.did, &product, namesake.as_ref())?;
        if is_foreign {
            return Err(identifier_taken(&dataset).into());
        }
        check_still_protected(before.as_ref(), &product)?;
        if let Some(policy) = &product.privacy {
            check_policy(policy, &product.columns)?;
        }
        // A crash before the record leaves a file that the next publication of this version replaces.
        let file = file_of(&product.name, product.version);
        self.place(&ingested.file, &file).await?;
        let stored = StoredProduct {
            product: product.clone(),
            path: file,
            content_sha256: ingested.content_sha256.clone(),
        };
        let mut tx = self.store.write("catalogue.publish").await?;
        tx.put_product(&stored).await?;
        let mut facts = vec![Fact::ProductPublished {
            product: product.name.clone(),
            version: product.version,
            classification: product.classification,
            content_sha256: ingested.content_sha256.clone(),
        }];
        if let Some(policy) = &product.privacy {
            let former = before.as_ref().and_then(|before| before.privacy.as_ref());
            self.grant_in(&mut tx, by.0, &product.name, Granting::of(policy, former)).await?;
        }
        let mut offers = Vec::new();
        for make in &publish.offers {
            let (offer, fact) = self.offer_in(&mut tx, &product, make).await?;
            offers.push(offer);
            facts.push(fact);
        }
        let indices = self.remember(&mut tx, &self.actor(Some(by)), facts).await?;
        tx.commit().await?;
        if let Some(before) = before {
            self.discard(&before.name, before.version);
        }
        let ledger_index = indices.first().copied().unwrap_or_default();
        Ok(Published { product, offers, ledger_index })
    }

    /// Removes the file of a former version once whoever had found it is done with it.
    fn discard(&self, name: &ProductName, version: u32) {
        let file = self.folder.path().join(file_of(name, version));
        let engine = self.engine.clone();
        tokio::spawn(async move {
            tokio::time::sleep(DISCARD_AFTER).await;
            if let Err(cause) = engine.discard(&file).await {
                tracing::warn!(%cause, "the file of a former version could not be removed");
            }
        });
    }

    /// Removes what was to be discarded when the node stopped. A file that cannot be removed is no reason not
    /// to start: nothing reads it.
    pub(crate) async fn discard_former_versions(&self) -> Result<()> {
        let former = self.store.read("start.products").await?.former_versions().await?;
        for (name, version) in former {
            let former = file_of(&name, version);
            if let Err(cause) = self.engine.discard(&self.folder.path().join(&former)).await {
                tracing::warn!(%cause, file = former, "the file of a former version could not be removed");
            }
        }
        Ok(())
    }

    async fn place(&self, from: &Path, file: &str) -> Result<()> {
        let (from, to) = (from.to_owned(), self.folder.path().join(file));
        let placed = tokio::task::spawn_blocking(move || place(&from, &to)).await;
        let placed = placed.map_err(|cause| Fault::new("placing a product's file", cause))?;
        Ok(placed.map_err(|cause| Fault::new("placing a product's file", cause))?)
    }
}

fn file_of(name: &ProductName, version: u32) -> String {
    format!("products/{name}/{version}.parquet")
}

/// That a column of persons holds no null was found by looking at them, so it is not said.
fn published_columns(found: &[Column], publish: &Publish) -> Vec<Column> {
    let personal = publish.privacy.is_some() || publish.classification.is_personal();
    let mut columns = found.to_vec();
    columns.iter_mut().for_each(|column| column.nullable |= personal);
    columns
}

/// On the disk under its name when this returns.
fn place(from: &Path, to: &Path) -> std::io::Result<()> {
    let folder = to.parent().unwrap_or(to);
    std::fs::create_dir_all(folder)?;
    match std::fs::hard_link(from, to) {
        Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => {
            std::fs::remove_file(to)?;
            std::fs::hard_link(from, to)?;
        }
        other => other?,
    }
    std::fs::File::open(to)?.sync_all()?;
    std::fs::File::open(folder)?.sync_all()
}

/// One dataset, one identifier; and none that names another member's.
/// `namesake` is the product that has the same identifier already. The name that a product has without one is its
/// own, so no other can have it.
fn check_identifier(own: &Did, product: &Product, namesake: Option<&StoredProduct>) -> Result<(), Refusal> {
    let dataset = product.dataset(own);
    let foreign = parse_dataset(&dataset).is_ok_and(|named| named != (own.clone(), product.name.clone()));
    if foreign || namesake.is_some_and(|other| other.product.name != product.name) {
        return Err(identifier_taken(&dataset));
    }
    Ok(())
}

/// Whom the version before protects the next one protects, unless somebody says that no row is about a person.
fn check_still_protected(before: Option<&Product>, product: &Product) -> Result<(), Refusal> {
    let protected = before.is_some_and(|before| before.privacy.is_some());
    if !protected || product.privacy.is_some() || product.about_nobody || product.classification.is_personal()
    {
        return Ok(());
    }
    let reason = "The version before protects persons, and this one would protect nobody.";
    let remedy = "Name the column that tells them apart with --subject, or say --subject none where no row is about a person.";
    Err(Refusal::conflict("subject-dropped", reason).remedy(remedy))
}

fn identifier_taken(dataset: &str) -> Refusal {
    Refusal::conflict("identifier-taken", format!("The identifier {dataset} names another dataset already."))
        .remedy("Choose another one, or leave it out: then it is named after this node and the product.")
}

fn check_words(publish: &Publish) -> Result<(), Refusal> {
    let title = publish.title.trim();
    if !is_line(title, TITLE_CHARS_MAX) {
        return Err(Refusal::invalid(
            "title",
            format!("A title has 1 to {TITLE_CHARS_MAX} characters on one line."),
        ));
    }
    if !is_prose(&publish.description.replace("\r\n", "\n"), DESCRIPTION_CHARS_MAX) {
        return Err(Refusal::invalid(
            "description",
            format!("A description has at most {DESCRIPTION_CHARS_MAX} characters, all of them seen."),
        ));
    }
    let too_long = publish.keywords.iter().any(|keyword| !is_line(keyword, KEYWORD_CHARS_MAX));
    if publish.keywords.len() > KEYWORDS_MAX || too_long {
        return Err(Refusal::invalid(
            "keywords",
            format!("A product has at most {KEYWORDS_MAX} keywords of 1 to {KEYWORD_CHARS_MAX} characters."),
        ));
    }
    publish.particulars.check()?;
    if publish.classification.is_personal() && publish.privacy.is_none() {
        return Err(Refusal::invalid(
            "subject-needed",
            "Data about persons needs a subject column and a privacy policy.",
        )
        .remedy("Name the column that tells the persons apart with --subject."));
    }
    Ok(())
}

fn check_policy(policy: &PrivacyPolicy, columns: &[Column]) -> Result<(), Refusal> {
    policy.budget_rules.check()?;
    policy.check_losses()?;
    let named = |name: &str| columns.iter().find(|column| column.name == name);
    let unknown = |name: &str| {
        Refusal::invalid(
            "column-unknown",
            format!("The privacy policy names a column `{name}` that the product does not have."),
        )
    };
    named(&policy.subject).ok_or_else(|| unknown(&policy.subject))?;
    for name in policy.bounds.keys().chain(policy.public_keys.keys()) {
        let column = named(name).ok_or_else(|| unknown(name))?;
        let is_number = matches!(column.kind, ColumnKind::Integer | ColumnKind::Float | ColumnKind::Boolean);
        if policy.bounds.contains_key(name) && !is_number {
            return Err(Refusal::invalid(
                "bounds-of-no-number",
                format!("`{name}` holds no numbers, so it has no bounds."),
            )
            .remedy("Give bounds to columns of numbers alone."));
        }
        if policy.public_keys.contains_key(name) && column.identifying == Identifying::Direct {
            return Err(Refusal::invalid(
                "key-identifies",
                format!("`{name}` names persons, so its values cannot be public keys."),
            ));
        }
    }
    if policy
        .bounds
        .values()
        .any(|bounds| !(bounds.low.is_finite() && bounds.high.is_finite() && bounds.low <= bounds.high))
    {
        return Err(Refusal::invalid("bounds", "Bounds are two finite numbers, the lower one first."));
    }
    for (name, bounds) in &policy.bounds {
        // With fewer decimal places they may still do, so none are asked for here.
        let values = FixedPoint::new(0, bounds.low, bounds.high);
        let fits = values.and_then(|values| {
            Sensitivity::of_sum(policy.groups_per_subject_max, policy.rows_per_group_max, &values)
        });
        if bounds.decimals > DECIMALS_MAX || (policy.rows_per_group_max > 0 && fits.is_err()) {
            return Err(Refusal::invalid(
                "bounds-too-wide",
                format!(
                    "The bounds of `{name}` are too wide, or have too many decimal places, to be summed."
                ),
            )
            .remedy("Set narrower bounds, fewer places, or fewer rows per group."));
        }
    }
    if policy.groups_per_subject_max > GROUPS_PER_SUBJECT_MAX
        || policy.rows_per_group_max > ROWS_PER_GROUP_MAX
    {
        return Err(Refusal::invalid(
            "contribution",
            format!(
                "A subject may count in at most {GROUPS_PER_SUBJECT_MAX} groups and for {ROWS_PER_GROUP_MAX} rows in each."
            ),
        ));
    }
    if policy.groups_per_subject_max == 0
        || policy.rows_per_group_max == 0
        || policy.rows_per_subject_max == Some(0)
    {
        return Err(Refusal::invalid(
            "contribution",
            "A subject must be allowed at least one group and one row.",
        ));
    }
    Ok(())
}
