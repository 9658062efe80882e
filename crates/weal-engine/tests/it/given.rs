//! A folder, an engine in it, a product of it, and permits for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures::StreamExt;
use weal_domain::agreements::{
    Agreement, AgreementId, AgreementStatus, LegalBasis, Purpose, Side, policy_of_terms,
};
use weal_domain::catalogue::{
    Approval, Bounds, Classification, Column, ColumnKind, Identifying, Mode, PrivacyPolicy, Product,
    ProductName, Terms,
};
use weal_domain::citizens::ConsentCover;
use weal_domain::compute::{Budget, Loss};
use weal_domain::exchange::{Asking, Budgets, GateQuestion, Permit, Rung, UseId, decide};
use weal_domain::governance::{Member, Standing};
use weal_domain::identity::{Did, MemberName, Role};
use weal_domain::{Refusal, Timestamp};
use weal_engine::{Engine, EngineError, EngineLimits, Ingested, RowStream, Source};

pub(crate) struct House {
    pub folder: tempfile::TempDir,
    pub engine: Engine,
}

impl House {
    pub(crate) fn new() -> House {
        House::with(|_| {})
    }
    pub(crate) fn with(change: impl FnOnce(&mut EngineLimits)) -> House {
        let folder = tempfile::tempdir().unwrap();
        let mut limits =
            EngineLimits { spill_dir: folder.path().join("spill"), threads: 2, ..EngineLimits::default() };
        change(&mut limits);
        House { engine: Engine::new(limits).unwrap(), folder }
    }
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }
    pub(crate) async fn ingest(&self, input: &Path) -> Result<Ingested, EngineError> {
        self.engine.ingest(input, &self.path("product.parquet"), None, &|_| {}).await
    }
    pub(crate) async fn refusal(&self, input: &Path) -> Refusal {
        refusal_of(self.ingest(input).await)
    }
    /// Puts the rows of a file in the order of its subjects, as a node does that publishes it.
    pub(crate) async fn put_in_order(&self, product: &Product, source: &Source) {
        let Some(policy) = &product.privacy else { return };
        self.engine.put_in_order(&source.file, &product.columns, &policy.subject).await.unwrap();
    }
    /// Takes a CSV in as a product of `owner`; without a policy it is about nobody.
    pub(crate) async fn publish_as(
        &self,
        name: &str,
        csv: &str,
        privacy: Option<PrivacyPolicy>,
    ) -> (Product, Source) {
        let (input, out) = (self.write(&format!("{name}.csv"), csv), self.path(&format!("{name}.parquet")));
        let ingested = self.engine.ingest(&input, &out, None, &|_| {}).await.unwrap();
        (named(name, product(ingested, privacy)), Source { file: out })
    }
    /// Takes a CSV in as the product `payroll` of `owner`.
    pub(crate) async fn publish(&self, csv: &str, privacy: PrivacyPolicy) -> (Product, Source) {
        let ingested = self.ingest(&self.write("input.csv", csv)).await.unwrap();
        let source = Source { file: ingested.file.clone() };
        (product(ingested, Some(privacy)), source)
    }
}

pub(crate) fn refusal_of<T>(result: Result<T, EngineError>) -> Refusal {
    match result {
        Err(EngineError::Refused(refusal)) => refusal,
        Err(EngineError::Fault(fault)) => panic!("a fault, not a refusal: {fault}"),
        Ok(_) => panic!("this should have been refused"),
    }
}

pub(crate) fn product(ingested: Ingested, privacy: Option<PrivacyPolicy>) -> Product {
    Product {
        identifier: None,
        name: ProductName::new("payroll").unwrap(),
        version: 1,
        title: "Payroll".into(),
        description: String::new(),
        keywords: Vec::new(),
        classification: Classification::Personal,
        about_nobody: false,
        columns: ingested.columns,
        privacy,
        rows: ingested.rows,
        size_bytes: ingested.size_bytes,
        profile: ingested.profile,
        particulars: Default::default(),
        published_at: now(),
        updated_at: now(),
    }
}

/// The same product under another name.
pub(crate) fn named(name: &str, product: Product) -> Product {
    let classification =
        if product.privacy.is_some() { Classification::Personal } else { Classification::Open };
    Product { name: ProductName::new(name).unwrap(), title: name.into(), classification, ..product }
}

/// The columns of the payroll, for questions that read no data.
pub(crate) fn payroll(privacy: PrivacyPolicy) -> Product {
    let column = |name: &str, kind, nullable| Column {
        name: name.into(),
        kind,
        nullable,
        identifying: Identifying::No,
        description: None,
    };
    Product {
        identifier: None,
        name: ProductName::new("payroll").unwrap(),
        version: 1,
        title: "Payroll".into(),
        description: String::new(),
        keywords: Vec::new(),
        classification: Classification::Personal,
        about_nobody: false,
        columns: vec![
            column("person", ColumnKind::Text, false),
            column("region", ColumnKind::Text, true),
            column("wage", ColumnKind::Float, true),
            column("Hours", ColumnKind::Integer, false),
            column("hired", ColumnKind::Date, true),
            column("active", ColumnKind::Boolean, true),
        ],
        privacy: Some(privacy),
        rows: 0,
        size_bytes: 0,
        profile: Vec::new(),
        particulars: Default::default(),
        published_at: now(),
        updated_at: now(),
    }
}

pub(crate) fn policy() -> PrivacyPolicy {
    PrivacyPolicy {
        subject: "person".into(),
        groups_per_subject_max: 3,
        rows_per_group_max: 2,
        rows_per_subject_max: None,
        bounds: BTreeMap::from([
            ("wage".into(), Bounds { low: 0.0, high: 5000.0, decimals: 2 }),
            ("Hours".into(), Bounds { low: -10.0, high: 60.0, decimals: 0 }),
        ]),
        public_keys: BTreeMap::new(),
        group_size_min: 1,
        question_loss_default: Loss { rho_nano: 100_000_000, delta_femto: 1_000_000_000 },
        question_loss_max: Loss { rho_nano: 1_000_000_000, delta_femto: 10_000_000_000 },
        budget: Loss { rho_nano: 10_000_000_000, delta_femto: 100_000_000_000 },
        budget_rules: Default::default(),
    }
}

pub(crate) fn owner() -> MemberName {
    MemberName::new("owner").unwrap()
}

pub(crate) fn now() -> Timestamp {
    "2026-09-01T10:00:00Z".parse().unwrap()
}

/// What the gate gives for an agreement about the payroll with these columns and this row filter.
pub(crate) fn permit<M: Rung>(columns: Option<&[&str]>, row_filter: Option<&str>, loss: Loss) -> Permit<M> {
    permit_for("payroll", columns, row_filter, loss)
}

/// The same about another product.
pub(crate) fn permit_for<M: Rung>(
    product: &str,
    columns: Option<&[&str]>,
    row_filter: Option<&str>,
    loss: Loss,
) -> Permit<M> {
    let (provider, consumer) =
        (Did::new("did:web:owner.example").unwrap(), Did::new("did:web:asker.example").unwrap());
    let purpose = Purpose::new("https://w3id.org/dpv#ProvideOfficialStatistics").unwrap();
    let legal_basis = LegalBasis::new("https://w3id.org/dpv/legal/eu/gdpr#A6-1-e").unwrap();
    let terms = Terms {
        purposes: vec![purpose.clone()],
        legal_bases: vec![legal_basis.clone()],
        recipients: Vec::new(),
        roles: Vec::new(),
        columns: columns.map(|columns| columns.iter().map(|name| (*name).to_owned()).collect()),
        row_filter: row_filter.map(str::to_owned),
        valid_until: None,
        uses_per_day_max: None,
        budget: None,
        budget_rules: Default::default(),
        service_level: String::new(),
        liability: String::new(),
        licence: String::new(),
        retention_days: 1,
        disposal: String::new(),
        approval: Approval::Automatic,
    };
    let agreement = Agreement {
        id: AgreementId::new("urn:uuid:agreement").unwrap(),
        side: Side::Provider,
        provider,
        consumer: consumer.clone(),
        dataset: format!("did:web:owner.example#{product}"),
        product: ProductName::new(product).unwrap(),
        mode: M::MODE,
        purpose,
        legal_basis,
        policy: policy_of_terms(M::MODE, &terms),
        terms,
        agreed_at: now(),
        status: AgreementStatus::InForce,
    };
    let member = Member {
        did: consumer.clone(),
        name: MemberName::new("asker").unwrap(),
        title: String::new(),
        origin: "https://asker.example".into(),
        standing: Standing::Good,
        since: now(),
    };
    let asking =
        Asking { consumer, person: "someone".into(), role: Role::Analyst, purpose: None, legal_basis: None };
    let account = Budget::granted(Loss { rho_nano: u64::MAX, delta_femto: u64::MAX });
    decide::<M>(&GateQuestion {
        use_id: UseId::new("urn:uuid:use").unwrap(),
        now: now(),
        asking: &asking,
        member: Some(&member),
        agreement: Some(&agreement),
        offers: &[],
        columns: None,
        place: None,
        uses_today: 0,
        uses_ever: 0,
        consent: ConsentCover::NoRegister,
        loss: if matches!(M::MODE, Mode::Statistics) { loss } else { Loss::default() },
        is_repeat: false,
        budgets: Budgets { product: Some(account), agreement: Some(account), ..Budgets::default() },
    })
    .unwrap()
}

/// All rows of a stream as text, one line each.
pub(crate) async fn lines(mut stream: RowStream) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(batch) = stream.batches.next().await {
        let batch = batch.unwrap();
        let options = arrow::util::display::FormatOptions::default().with_null("NULL");
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|array| arrow::util::display::ArrayFormatter::try_new(array, &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            lines.push(
                columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|"),
            );
        }
    }
    lines
}
