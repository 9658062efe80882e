//! Every page with something on it, and every form that acts.

use std::time::Duration;

use weal_domain::catalogue::{
    Approval, Classification, Column, ColumnKind, ColumnProfile, Identifying, Mode, Offer, PrivacyPolicy,
    Product, Terms,
};
use weal_domain::compute::Loss;
use weal_domain::identity::{Person, Role};
use weal_portal::paths;
use weal_store::StoredProduct;
use weal_testkit::{
    FRAUD, Federation, GOVERNING, MemberNode, PUBLIC_TASK, RESEARCH, open_terms, statistics_terms,
};

use super::browser::{Browser, PASSWORD};

const PAGE_BYTES_MAX: usize = 100_000;
/// A title that would run if it were ever taken for markup.
const HOSTILE: &str = "<script>alert('x')</script><b title=\"' onload='x'\">Payroll & more";

fn column(name: &str, kind: ColumnKind, identifying: Identifying) -> Column {
    Column { name: name.into(), kind, nullable: false, identifying, description: Some(HOSTILE.into()) }
}

fn payroll(node: &MemberNode) -> Product {
    let at = node.house().clock.now();
    let loss = Loss { rho_nano: 1_000_000, delta_femto: 0 };
    Product {
        identifier: None,
        name: "payroll".parse().expect("a name"),
        version: 1,
        title: HOSTILE.into(),
        description: HOSTILE.into(),
        keywords: vec![HOSTILE.into()],
        classification: Classification::Personal,
        about_nobody: false,
        columns: vec![
            column("person", ColumnKind::Text, Identifying::Direct),
            column("region", ColumnKind::Text, Identifying::No),
            column("wage", ColumnKind::Float, Identifying::No),
        ],
        privacy: Some(PrivacyPolicy {
            subject: "person".into(),
            groups_per_subject_max: 1,
            rows_per_group_max: 1,
            rows_per_subject_max: None,
            bounds: [].into(),
            public_keys: [].into(),
            group_size_min: 10,
            question_loss_default: loss,
            question_loss_max: loss,
            budget: Loss { rho_nano: 100_000_000, delta_femto: 0 },
            budget_rules: Default::default(),
        }),
        rows: 12,
        size_bytes: 400,
        profile: vec![ColumnProfile {
            column: "wage".into(),
            nulls: 0,
            distinct: 12,
            min: Some("1200.5".into()),
            max: Some("<i>9800</i>".into()),
        }],
        particulars: Default::default(),
        published_at: at,
        updated_at: at,
    }
}

/// Puts a product into the owner's catalogue as publishing does, with words nobody should write.
async fn offers(node: &MemberNode, offers: Vec<(Mode, Terms)>) {
    let product = payroll(node);
    let mut tx = node.house().store.write("test.publish").await.expect("a writer");
    for (mode, terms) in offers {
        let id = node.house().entropy.urn().expect("an id").parse().expect("an offer id");
        let offer =
            Offer { id, product: product.name.clone(), mode, terms, policy: None, withdrawn_at: None };
        tx.put_offer(&offer).await.expect("offered");
    }
    let path = "products/payroll.parquet".into();
    tx.put_product(&StoredProduct { product, path, content_sha256: "0".repeat(64) }).await.expect("stored");
    tx.commit().await.expect("committed");
}

async fn add_person(node: &MemberNode, account: &str, role: Role) {
    let person = Person {
        account: account.parse().expect("an account"),
        display_name: account.into(),
        roles: vec![role],
    };
    node.house().add_person(&node.person, person, PASSWORD).await.expect("added");
}

fn by_a_steward() -> Terms {
    Terms { approval: Approval::Steward, columns: Some(vec!["region".into(), "wage".into()]), ..open_terms() }
}

/// A provider whose statistics are granted at once and whose rows are granted by a steward.
async fn two_agencies() -> Federation {
    let federation = Federation::of(&["revenue", "education"]).await;
    let owner = federation.member("revenue");
    offers(owner, vec![(Mode::Statistics, statistics_terms(50_000_000)), (Mode::Extract, by_a_steward())])
        .await;
    federation.member("education").looks_around().await;
    federation
}

async fn request(browser: &Browser, node: &MemberNode, mode: Mode) -> String {
    let entry = node.house().entry_of(&"revenue.payroll".parse().expect("a product")).await.expect("seen");
    let offer = entry.offers.iter().find(|offer| offer.mode == mode).expect("offered").id.to_string();
    let fields = [
        ("offer", offer.as_str()),
        ("member", "revenue"),
        ("product", "payroll"),
        ("purpose", FRAUD),
        ("legal_basis", PUBLIC_TASK),
    ];
    browser.fill_in("/catalogue/revenue/payroll", "/agreements/request", &fields).await.leads_to().to_owned()
}

/// The page is whole, small, and holds nothing that came from elsewhere as anything but text.
async fn reads_well(browser: &Browser, path: &str) -> String {
    let shown = browser.get(path).await;
    assert_eq!(shown.status, 200, "{path}: {}", shown.text);
    assert!(shown.text.len() < PAGE_BYTES_MAX, "{path} has {} bytes", shown.text.len());
    assert!(shown.text.starts_with("<!DOCTYPE html>") && shown.text.ends_with("</html>"), "{path}");
    for wrong in ["<script", "<b title", "<i>9800", " style=", " onclick"] {
        assert!(!shown.text.contains(wrong), "{path} contains {wrong}");
    }
    for attribute in ["src=\"", "href=\"", "action=\""] {
        for value in shown.text.split(attribute).skip(1).map(|after| after.split('"').next().unwrap_or("")) {
            let is_member =
                value.starts_with("http://127.0.0.1:") && attribute == "href=\"" && path == "/members";
            let is_local = value.starts_with('/') && !value.starts_with("//") || value.starts_with('#');
            assert!(is_local || is_member, "{path} refers to {value}");
        }
    }
    shown.text
}

/// What the other side does reaches this page within a moment.
async fn until_it_says(browser: &Browser, path: &str, words: &str) {
    for _ in 0..1_500 {
        if reads_well(browser, path).await.contains(words) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{path} does not say {words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_finding_a_product_to_the_end_of_its_agreement() {
    let federation = two_agencies().await;
    let (owner, asker) = (federation.member("revenue"), federation.member("education"));
    let (at_owner, at_asker) = (Browser::of(owner, "ada").await, Browser::of(asker, "ada").await);

    let found = reads_well(&at_asker, "/catalogue?q=payroll").await;
    assert!(found.contains("/catalogue/revenue/payroll"));
    let nothing = reads_well(&at_asker, "/catalogue?q=nothingofthekind&mode=extract&class=open&page=9").await;
    assert!(!nothing.contains("/catalogue/revenue/payroll"));
    reads_well(&at_asker, "/catalogue/revenue/payroll").await;

    let agreement = request(&at_asker, asker, Mode::Statistics).await;
    assert!(agreement.starts_with("/agreements/urn"), "{agreement}");
    let page = reads_well(&at_asker, &agreement).await;
    assert!(page.contains("Education Agency may ask Revenue Agency for statistics about payroll"), "{page}");
    assert!(page.contains("ContractAgreementMessage"), "the message that made it");
    until_it_says(&at_owner, &agreement, "In force").await;
    for (browser, path) in [(&at_asker, "/agreements"), (&at_owner, "/agreements"), (&at_asker, "/ask")] {
        assert!(reads_well(browser, path).await.contains("statistics"), "{path}");
    }
    let form = reads_well(
        &at_asker,
        &format!("/ask?agreement={}&sql=SELECT%201", &agreement["/agreements/".len()..]),
    )
    .await;
    assert!(form.contains("SELECT 1") && form.contains("revenue.payroll"));

    let revoke = format!("{agreement}/revoke");
    let unsaid = at_owner.fill_in(&agreement, &revoke, &[("reason", " \n ")]).await;
    assert_eq!(unsaid.status, 400);
    let twice = at_owner.fill_in(&agreement, &revoke, &[("reason", "The purpose\nhas ended.")]).await;
    assert_eq!(twice.status, 200);
    assert!(
        twice.text.contains("name=\"confirm\" value=\"yes\"")
            && twice.text.contains("The purpose has ended.")
    );
    assert!(reads_well(&at_owner, &agreement).await.contains("In force"), "asking once more changes nothing");
    let fields = [("reason", "The purpose has ended."), ("confirm", "yes")];
    assert_eq!(at_owner.fill_in(&agreement, &revoke, &fields).await.leads_to(), agreement);
    assert!(reads_well(&at_owner, &agreement).await.contains("Revoked"));
    let again = at_owner.fill_in("/", &revoke, &fields).await;
    assert_eq!(again.status, 409, "{}", again.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_steward_decides_what_waits() {
    let federation = two_agencies().await;
    let (owner, asker) = (federation.member("revenue"), federation.member("education"));
    let (at_owner, at_asker) = (Browser::of(owner, "ada").await, Browser::of(asker, "ada").await);
    let mut asked = Vec::new();
    for purpose in [FRAUD, RESEARCH] {
        let house = asker.house();
        let wanted = weal_node::api::RequestAgreement {
            product: "revenue.payroll".parse().expect("a product"),
            mode: Mode::Extract,
            purpose: purpose.parse().expect("a purpose"),
            legal_basis: None,
            wait_ms: Some(200),
        };
        asked.push(house.request_agreement(&asker.person, wanted).await.expect("it waits").negotiation.id);
    }
    let entry = asker.house().entry_of(&"revenue.payroll".parse().expect("a product")).await.expect("seen");
    let offer =
        entry.offers.iter().find(|offer| offer.mode == Mode::Extract).expect("offered").id.to_string();
    let again = [
        ("offer", offer.as_str()),
        ("member", "revenue"),
        ("product", "payroll"),
        ("purpose", FRAUD),
        ("legal_basis", PUBLIC_TASK),
    ];
    let again = at_asker.fill_in("/catalogue/revenue/payroll", "/agreements/request", &again).await;
    assert!(again.status == 409 && again.text.contains("request-open"), "one at a time: {}", again.text);
    let waiting = owner.house().negotiations().await.expect("negotiations");
    assert!(waiting.iter().all(|one| one.waits_for_us), "{waiting:?}");
    assert!(reads_well(&at_owner, "/").await.contains("/negotiations/urn"), "home says so");
    reads_well(&at_owner, "/negotiations").await;
    let [yes, no] = [0, 1].map(|at: usize| paths::negotiation(&waiting[at].id));
    assert!(reads_well(&at_owner, &yes).await.contains(&format!("{yes}/approve")));
    assert_eq!(at_owner.fill_in(&yes, &format!("{yes}/approve"), &[]).await.leads_to(), yes);
    let unsaid = at_owner.fill_in(&no, &format!("{no}/refuse"), &[("reason", "")]).await;
    assert_eq!(unsaid.status, 400);
    let fields = [("reason", "Statistics answer this.")];
    assert_eq!(at_owner.fill_in(&no, &format!("{no}/refuse"), &fields).await.leads_to(), no);
    assert!(reads_well(&at_owner, &no).await.contains("Statistics answer this."));
    let twice = at_owner.fill_in("/", &format!("{no}/approve"), &[]).await;
    assert_eq!(twice.status, 409);
    for id in &asked {
        for _ in 0..1_500 {
            if asker.house().negotiation(id).await.expect("known").state.is_final() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        reads_well(&at_asker, &paths::negotiation(id)).await;
    }
    assert!(reads_well(&at_asker, "/negotiations").await.contains("/negotiations/urn"));
    reads_well(&at_asker, "/catalogue/revenue/payroll").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_form_leaves_out_is_said_at_its_field_and_what_is_refused_on_its_page() {
    let federation = two_agencies().await;
    let asker = federation.member("education");
    let browser = Browser::of(asker, "ada").await;
    let entry = asker.house().entry_of(&"revenue.payroll".parse().expect("a product")).await.expect("seen");
    let offer = entry.offers[0].id.to_string();
    let product = [("offer", offer.as_str()), ("member", "revenue"), ("product", "payroll")];
    let page = "/catalogue/revenue/payroll";

    let unsaid = browser.fill_in(page, "/agreements/request", &product).await;
    assert_eq!(unsaid.status, 400);
    assert!(unsaid.text.contains("Choose the purpose"), "{}", unsaid.text);
    let other = [("purpose", "https://w3id.org/dpv#Marketing"), ("legal_basis", PUBLIC_TASK)];
    let refused = browser.fill_in(page, "/agreements/request", &[&product[..], &other[..]].concat()).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text.contains("purpose-not-in-charter"), "{}", refused.text);
    let gone = [
        ("offer", "urn:uuid:gone"),
        ("member", "revenue"),
        ("product", "payroll"),
        ("purpose", FRAUD),
        ("legal_basis", PUBLIC_TASK),
    ];
    assert_eq!(browser.fill_in(page, "/agreements/request", &gone).await.status, 409);

    // A double click makes one agreement.
    let form = browser.get(page).await;
    let (csrf, once) = (form.csrf(), form.hidden("once"));
    let good = [
        &product[..],
        &[("purpose", FRAUD), ("legal_basis", PUBLIC_TASK), ("csrf", &csrf), ("once", &once)][..],
    ]
    .concat();
    let (first, second) =
        tokio::join!(browser.send("/agreements/request", &good), browser.send("/agreements/request", &good));
    assert_eq!(first.leads_to(), second.leads_to());
    assert_eq!(asker.house().agreements().await.expect("agreements").len(), 1);

    let asked = browser.fill_in(page, "/ask", &[("agreement", ""), ("sql", ""), ("act", "ask")]).await;
    assert_eq!(asked.status, 400, "a question has words");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_its_owner_sees_a_products_profile_and_only_in_the_right_role() {
    let federation = two_agencies().await;
    let (owner, asker) = (federation.member("revenue"), federation.member("education"));
    add_person(owner, "ana", Role::Analyst).await;
    let page = "/catalogue/revenue/payroll";
    let at_owner = Browser::of(owner, "ada").await;
    assert!(reads_well(&at_owner, page).await.contains("1200.5"));
    assert!(reads_well(&at_owner, "/products").await.contains(page));
    let contract = at_owner.get(&format!("{page}/contract")).await;
    assert!(contract.status == 200 && contract.text.contains("apiVersion"), "{}", contract.text);
    assert!(!reads_well(&Browser::of(asker, "ada").await, page).await.contains("1200.5"));
    let analyst = Browser::of(owner, "ana").await;
    assert!(!reads_well(&analyst, page).await.contains("1200.5"));
    assert_eq!(analyst.get(&format!("{page}/contract")).await.status, 403);
    assert_eq!(analyst.get("/ledger").await.status, 403);
    reads_well(&analyst, "/").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_is_proved_where_it_is_read() {
    let federation = two_agencies().await;
    let owner = federation.member("revenue");
    let browser = Browser::of(owner, "ada").await;
    let ledger = reads_well(&browser, "/ledger").await;
    assert!(ledger.contains("/ledger/0"));
    for path in ["/ledger?kind=governance", "/ledger?kind=uses&page=7", "/ledger?kind=none", "/ledger?page=x"]
    {
        reads_well(&browser, path).await;
    }
    let entry = reads_well(&browser, "/ledger/0").await;
    let checked = reads_well(&browser, "/ledger/0?check=1").await;
    assert!(checked.len() > entry.len() && !checked.contains("does not hold"), "{checked}");
    let proof = browser.get("/ledger/0/proof").await;
    let parsed = weal_trust::proof::TlogProof::parse(&proof.text).expect("a proof");
    let leaf = owner.house().proved_entry(0).await.expect("an entry").sealed.commitment.leaf_hash();
    let key = owner.house().key().public();
    parsed.verify(&leaf, &owner.house().ledger_origin(), &key).expect("it verifies");
    assert_eq!(browser.get("/ledger/99999").await.status, 404);
    assert_eq!(browser.get("/ledger/not-a-number").await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_governing_body_admits() {
    use weal_domain::governance::{Member, Standing};
    let federation = Federation::of(&["education"]).await;
    let council = federation.member(GOVERNING);
    let at = council.house().clock.now();
    let applicant = Member {
        did: "did:web:127.0.0.1%3A1".parse().expect("a DID"),
        name: "applicant".parse().expect("a name"),
        title: HOSTILE.into(),
        origin: "javascript:alert(1)".into(),
        standing: Standing::Applied,
        since: at,
    };
    let mut tx = council.house().store.write("test.apply").await.expect("a writer");
    tx.put_member(&applicant).await.expect("applied");
    tx.commit().await.expect("committed");
    council.house().reload_ecosystem().await.expect("read again");
    let browser = Browser::of(council, "ada").await;
    assert!(reads_well(&browser, "/").await.contains("/members"));
    let page = browser.get("/members").await;
    assert!(!page.text.contains("href=\"javascript") && !page.text.contains("<script"), "{}", page.text);
    let admit = paths::admit(&applicant.did);
    assert!(page.text.contains(&admit));
    assert_eq!(browser.fill_in("/members", &admit, &[]).await.leads_to(), "/members");
    assert!(!browser.get("/members").await.text.contains(&admit));
    let member = Browser::of(federation.member("education"), "ada").await;
    assert_eq!(member.fill_in("/", &admit, &[]).await.status, 403);
    assert!(!reads_well(&member, "/members").await.contains("/admit\""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_are_seen_imported_and_issued() {
    use weal_domain::governance::Standing;
    const PAGE: &str = "/credentials";
    let federation = Federation::of(&["education"]).await;
    let (council, education) = (federation.member(GOVERNING), federation.member("education"));
    let house = education.house();
    let held = house.credentials_shown(&education.person).await.expect("seen").credentials;
    let signed = house.export_credential(&education.person, &held[0].number).await.expect("as signed");
    add_person(education, "stella", Role::Steward).await;
    add_person(education, "ana", Role::Analyst).await;
    let steward = Browser::of(education, "stella").await;
    let page = reads_well(&steward, PAGE).await;
    for said in ["with our membership", council.did().as_str(), &held[0].number, ">Good<"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(!page.contains("no end is set"), "a membership has one");
    assert!(!page.contains("What we have issued"), "it governs nobody");

    let wrong = steward.fill_in(PAGE, PAGE, &[("credential", "no <b>credential</b>")]).await;
    assert_eq!(wrong.status, 400);
    assert!(
        wrong.text.contains("id=\"credential-error\"") && wrong.text.contains("no &lt;b&gt;"),
        "{}",
        wrong.text
    );
    assert!(wrong.text.contains("<title>Error: "));
    for one in &held {
        house.remove_credential(&education.person, &one.number).await.expect("removed");
    }
    assert!(reads_well(&steward, PAGE).await.contains("This node holds no credential yet."));
    // As a mail program breaks it into lines.
    let (half, rest) = signed.split_at(signed.len() / 2);
    let pasted = format!("  {half}\r\n{rest}\r\n");
    assert_eq!(steward.fill_in(PAGE, PAGE, &[("credential", &pasted)]).await.leads_to(), PAGE);
    assert!(reads_well(&steward, PAGE).await.contains("imported here"));

    let analyst = Browser::of(education, "ana").await;
    assert!(!reads_well(&analyst, PAGE).await.contains("<textarea"));
    assert_eq!(analyst.fill_in(PAGE, PAGE, &[("credential", &signed)]).await.status, 403);

    let governor = Browser::of(council, "ada").await;
    let page = reads_well(&governor, PAGE).await;
    assert!(page.contains("What we have issued") && page.contains(education.did().as_str()), "{page}");
    assert!(!page.contains(">Revoked<"));
    let reason = Some("audit outstanding".into());
    let standing = Standing::Suspended;
    council
        .house()
        .set_standing(&council.person, &education.did(), standing, reason)
        .await
        .expect("suspended");
    assert!(reads_well(&governor, PAGE).await.contains(">Revoked<"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_a_page_for_people_and_a_problem_for_programs() {
    let federation = Federation::of(&[]).await;
    let node = federation.member(GOVERNING);
    let stranger = Browser::at(node);
    let page = stranger.get("/no/such/page").await;
    assert_eq!(page.status, 404);
    assert!(page.header("content-type").starts_with("text/html") && page.text.contains("/sign-in"));
    for path in ["/api/v1/nothing", "/dsp/2025-1/nothing", "/.well-known/nothing", "/ledger/tile/nothing"] {
        let problem = stranger.get(path).await;
        assert_eq!(problem.status, 404, "{path}");
        assert_eq!(problem.header("content-type"), "application/problem+json", "{path}");
    }
    let browser = Browser::of(node, "ada").await;
    for path in ["/agreements/x", "/negotiations/x", "/catalogue/no/such", "/ask/x/answer.csv", "/ledger/-1"]
    {
        let shown = browser.get(path).await;
        assert_eq!(shown.status, 404, "{path}: {}", shown.text);
        assert!(shown.text.contains("Sign out"), "{path}");
    }
    let wrong = browser.send("/ledger", &[]).await;
    assert_eq!(wrong.status, 405);
    assert!(wrong.text.contains("<html"), "{}", wrong.text);
    reads_well(&browser, "/accessibility").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn style_and_mark_are_kept_for_ever_under_their_own_address() {
    let federation = Federation::of(&[]).await;
    let browser = Browser::at(federation.member(GOVERNING));
    let page = browser.get("/sign-in").await;
    for asset in weal_portal::style::assets() {
        assert!(page.text.contains(asset.path));
        let shown = browser.get(asset.path).await;
        assert_eq!(shown.status, 200);
        assert_eq!(shown.header("content-type"), asset.content_type);
        assert!(shown.header("cache-control").contains("immutable"));
        assert_eq!(shown.text, asset.body);
        assert!(!asset.body.contains("url(http"));
    }
}
