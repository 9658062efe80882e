//! Step two: a charter, members in good standing, and their products.

use std::collections::BTreeMap;
use std::path::Path;

use weal_domain::catalogue::{Bounds, Classification, Mode, PrivacyPolicy, ProductName, Terms};
use weal_domain::compute::Loss;
use weal_domain::governance::{Charter, Member, Standing};
use weal_node::api::{AdoptCharter, Inspected, Join, Joined, Publish, Published, SetStanding};

use super::Stage;
use crate::client::segment;
use crate::commands::{offer_of, publish as command, standard_terms};
use crate::demo::agencies::Agency;
use crate::demo::country::{AGE_BANDS, PAY_BANDS, REGIONS, SECTORS, WAGE_CEILING};
use crate::failure::{Doing as _, Result};
use crate::print::Table;
use crate::print::number::{duration, thousands};
use crate::words;

/// How long a member waits for an answer of the governing body at once.
const JOIN_WAIT_MS: u64 = 30_000;

/// What the owner of the payroll lets one question and all questions together cost, as rho in 10⁻⁹.
const QUESTION_RHO_NANO: u64 = 50_000_000;
const BUDGET_RHO_NANO: u64 = 1_000_000_000;
/// What thresholds may spend, as delta in 10⁻¹⁵.
const QUESTION_DELTA_FEMTO: u64 = 1_000_000;

/// The governing body adopts a charter and admits the three.
pub(super) async fn join(stage: &mut Stage) -> Result<()> {
    let council = &stage.agencies.council;
    let charter = AdoptCharter {
        name: "Halmere Data Commons".into(),
        purposes: vec![
            words::purpose("fraud")?,
            words::purpose("official statistics")?,
            words::purpose("public policy")?,
        ],
        text: "Members share data with the least disclosure that answers the question, keep a ledger of every use \
               and let each other verify it."
            .into(),
    };
    let charter: Charter = council.client.put("/charter", &charter, "adopting the charter").await?;
    let mut admitted = 0;
    for agency in stage.agencies.members() {
        let body = Join { governing_body: council.did.clone(), wait_ms: None };
        let _: Joined = agency.client.post("/ecosystem/join", &body, "joining the ecosystem").await?;
        let path = format!("/members/{}/standing", segment(agency.did.as_str()));
        let body = SetStanding { standing: Standing::Good, reason: None };
        let member: Member = council.client.post(&path, &body, "admitting a member").await?;
        let body = Join { governing_body: council.did.clone(), wait_ms: Some(JOIN_WAIT_MS) };
        let joined: Joined = agency.client.post("/ecosystem/join", &body, "joining the ecosystem").await?;
        admitted += usize::from(member.standing == Standing::Good && joined.admitted);
    }
    stage.narrator.say(&format!(
        "The council adopts the charter of the {} and admits the three agencies: each gets a signed membership \
         credential that its peers check. From here on nothing goes through the council's node.",
        charter.name
    ));
    stage.narrator.check("the council admitted all three agencies", admitted == 3);
    Ok(())
}

/// What is published and how.
struct Plan<'a> {
    owner: &'a Agency,
    file: &'a Path,
    name: &'static str,
    title: &'static str,
    description: &'static str,
    keywords: &'static [&'static str],
    class: Classification,
    modes: &'static [Mode],
}

pub(super) async fn publish(stage: &mut Stage) -> Result<()> {
    let mut table =
        Table::new(&["product", ">rows", "the node proposes", "published as", "offered for", ">took"]);
    let mut right = 0;
    for plan in plans(stage) {
        let began = std::time::Instant::now();
        let (inspected, published) = one(stage, &plan).await?;
        right +=
            usize::from(recognised(&inspected, plan.class) && published.offers.len() == plan.modes.len());
        let modes: Vec<&str> = plan.modes.iter().map(|mode| mode.as_str()).collect();
        table.row([
            format!("{}.{}", plan.owner.name, plan.name),
            thousands(published.product.rows),
            proposal(&inspected),
            published.product.classification.as_str().to_owned(),
            modes.join(", "),
            duration(began.elapsed()),
        ]);
    }
    stage.narrator.say(
        "Each agency publishes. The node infers the types, profiles every column and proposes whose data it is, how \
         far it may go and a data contract; the owner decides, and offers the product on rungs of the ladder:",
    );
    stage.narrator.show(&table.to_string());
    stage.narrator.check("data about persons was recognised, and nothing else taken for it", right == 4);
    Ok(())
}

fn proposal(inspected: &Inspected) -> String {
    let class = inspected.classification.as_str();
    match &inspected.subject {
        Some(subject) => format!("{class}, about {subject}"),
        None => class.to_owned(),
    }
}

/// Whether the proposal finds the persons in personal data and none in other data.
fn recognised(inspected: &Inspected, class: Classification) -> bool {
    let subject = class.is_personal().then_some("person_id");
    inspected.classification.is_personal() == class.is_personal() && inspected.subject.as_deref() == subject
}

fn plans(stage: &Stage) -> [Plan<'_>; 4] {
    const PERSONAL: &[Mode] = &[Mode::Metadata, Mode::Statistics];
    let (files, agencies) = (&stage.files, &stage.agencies);
    [
        Plan {
            owner: &agencies.revenue,
            file: &files.payroll,
            name: "payroll",
            title: "Payroll",
            description: "Every job reported for payroll tax: employer, region, sector, contract, hours, wage.",
            keywords: &["wages", "employment", "payroll tax", "apprentices"],
            class: Classification::Personal,
            modes: PERSONAL,
        },
        Plan {
            owner: &agencies.education,
            file: &files.claims,
            name: "claims",
            title: "Apprenticeship claims",
            description: "Subsidies that employers claim for their apprentices.",
            keywords: &["apprentices", "subsidies", "training"],
            class: Classification::Personal,
            modes: PERSONAL,
        },
        Plan {
            owner: &agencies.employment,
            file: &files.benefits,
            name: "benefits",
            title: "Benefits",
            description: "Spells of unemployment and what was paid during them.",
            keywords: &["unemployment", "support"],
            class: Classification::Personal,
            modes: PERSONAL,
        },
        Plan {
            owner: &agencies.employment,
            file: &files.regions,
            name: "regions",
            title: "Regions",
            description: "The eight regions with capital, area and residents. No personal data.",
            keywords: &["reference", "geography", "residents"],
            class: Classification::Open,
            modes: &[Mode::Metadata, Mode::Extract],
        },
    ]
}

async fn one(stage: &Stage, plan: &Plan<'_>) -> Result<(Inspected, Published)> {
    let (client, terminal) = (&plan.owner.client, stage.narrator.terminal());
    let upload = command::upload(client, plan.file, &terminal).await?;
    let inspected = command::inspect(client, &upload, None, None, &terminal).await?;
    let name: ProductName = plan.name.parse().doing("a name of the demo")?;
    let privacy = match inspected.privacy.clone() {
        Some(_) if plan.name == "payroll" => Some(payroll_policy()),
        proposed => proposed.filter(|_| plan.class.is_personal()),
    };
    let terms = Terms {
        purposes: vec![stage.purpose.clone(), words::purpose("official statistics")?],
        legal_bases: vec![stage.legal_basis.clone()],
        ..standard_terms()
    };
    let offers = plan.modes.iter().map(|mode| offer_of(&name, *mode, &terms, privacy.as_ref())).collect();
    let body = Publish {
        upload: inspected.upload.clone(),
        title: plan.title.into(),
        description: plan.description.into(),
        keywords: plan.keywords.iter().map(|word| (*word).to_owned()).collect(),
        classification: plan.class,
        about_nobody: privacy.is_none() && !plan.class.is_personal(),
        privacy,
        particulars: Default::default(),
        offers,
        name,
        identifier: None,
    };
    let published = client.post("/products", &body, "publishing").await?;
    Ok((inspected, published))
}

/// What the revenue agency knows and the data cannot tell: that regions and bands are public knowledge,
/// that the law bounds the wage, and that nobody has more than three jobs in one place.
fn payroll_policy() -> PrivacyPolicy {
    let names = |names: &mut dyn Iterator<Item = &'static str>| names.map(str::to_owned).collect::<Vec<_>>();
    let public_keys = BTreeMap::from([
        ("region".to_owned(), names(&mut REGIONS.iter().map(|region| region.name))),
        ("sector".to_owned(), names(&mut SECTORS.iter().map(|sector| sector.name))),
        ("age_band".to_owned(), names(&mut AGE_BANDS.iter().map(|(_, name)| *name))),
        ("pay_band".to_owned(), names(&mut PAY_BANDS.iter().map(|(_, name)| *name))),
    ]);
    let bounds = BTreeMap::from([
        ("monthly_wage".to_owned(), Bounds { low: 0.0, high: WAGE_CEILING.into(), decimals: 0 }),
        ("weekly_hours".to_owned(), Bounds { low: 0.0, high: 60.0, decimals: 0 }),
    ]);
    PrivacyPolicy {
        subject: "person_id".into(),
        groups_per_subject_max: 1,
        rows_per_group_max: 3,
        rows_per_subject_max: None,
        bounds,
        public_keys,
        group_size_min: 5,
        question_loss_default: Loss { rho_nano: QUESTION_RHO_NANO, delta_femto: QUESTION_DELTA_FEMTO },
        question_loss_max: Loss { rho_nano: 4 * QUESTION_RHO_NANO, delta_femto: 4 * QUESTION_DELTA_FEMTO },
        budget: Loss { rho_nano: BUDGET_RHO_NANO, delta_femto: 1_000 * QUESTION_DELTA_FEMTO },
        budget_rules: Default::default(),
    }
}
