//! Who may do what, in which role it is recorded, and how access ends.

use weal_domain::catalogue::Mode;
use weal_domain::compute::Loss;
use weal_domain::identity::{Act, Person, Role, may};
use weal_domain::ledger::{Entry, Fact};
use weal_node::acts::identity::{Came, Knock};
use weal_node::api::{Ask, Inspect, MakeToken, Publish};
use weal_node::fault::Error;
use weal_node::http::ClientAddress;
use weal_testkit::{FRAUD, Federation, MemberNode, open_terms, statistics_terms, wire};

const PASSWORD: &str = "correct horse battery";
const OTHER_PASSWORD: &str = "slow green river stone";

async fn adds(node: &MemberNode, account: &str, roles: &[Role]) -> Person {
    let person = Person {
        account: account.parse().expect("a name"),
        display_name: account.to_uppercase(),
        roles: roles.to_vec(),
    };
    node.house().add_person(&node.person, person, PASSWORD).await.expect("added")
}

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, Error>, code: &str) {
    match outcome {
        Err(Error::Refused(refusal)) => assert_eq!(refusal.code, code, "{refusal:?}"),
        other => panic!("not refused as {code}: {other:?}"),
    }
}

async fn newest(node: &MemberNode, is_wanted: fn(&Fact) -> bool) -> Option<Entry> {
    let (entries, _) = node.house().entries_newest(None, 200).await.expect("entries");
    entries.into_iter().map(|(_, entry)| entry).find(|entry| is_wanted(&entry.fact))
}

fn ask(sql: &str) -> Ask {
    Ask { sql: sql.into(), preview: false, loss: None, format: None, agreement: None }
}

fn payroll() -> String {
    let mut csv = String::from("person_id,region,monthly_wage\n");
    for person in 0..2_000 {
        csv.push_str(&format!("p{person:05},{},{}\n", ["north", "south"][person % 2], 2_000 + person % 3));
    }
    csv
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_ends_with_the_password_the_roles_or_the_account() {
    let federation = Federation::of(&["revenue"]).await;
    let revenue = federation.member("revenue");
    let house = revenue.house();
    let ben = adds(revenue, "ben", &[Role::Steward, Role::Operator]).await;
    let from = ClientAddress::of("192.0.2.7".parse().expect("an address"));
    let sign_in = async |password: &str| {
        let knock = Knock { account: "ben", password, from, browser: None };
        house.sign_in(knock).await.map(|signed_in| signed_in.session)
    };
    let session = sign_in(PASSWORD).await.expect("signed in");
    let make = MakeToken { label: "nightly".into(), roles: vec![Role::Steward] };
    let made = house.make_token(Came::SignedIn(&ben), make).await.expect("a token");

    house
        .set_password(Came::SignedIn(&revenue.person), &ben.account, OTHER_PASSWORD, None)
        .await
        .expect("changed");
    assert!(house.session(&session).await.expect("read").is_none(), "the old password's session is over");
    refused(sign_in(PASSWORD).await, "sign-in-wrong");
    let session = sign_in(OTHER_PASSWORD).await.expect("signed in again");
    house.sign_out_everywhere(Came::SignedIn(&ben), &ben.account).await.expect("one's own");
    assert!(house.session(&session).await.expect("read").is_none());

    let session = sign_in(OTHER_PASSWORD).await.expect("signed in again");
    assert_eq!(house.person_of_token(&made.token).await.expect("known").roles, [Role::Steward]);
    house.set_roles(&revenue.person, &ben.account, vec![Role::Auditor]).await.expect("changed");
    let signed = house.session(&session).await.expect("read").expect("still signed in");
    assert_eq!(signed.person.roles, [Role::Auditor], "at once");
    refused(house.person_of_token(&made.token).await, "role-missing");

    let ben = signed.person;
    refused(
        house.set_password(Came::SignedIn(&ben), &revenue.person.account, PASSWORD, None).await,
        "role-missing",
    );
    refused(house.remove_person(&ben, &revenue.person.account).await, "role-missing");
    refused(house.remove_person(&revenue.person, &revenue.person.account).await, "own-account");
    let analyst = vec![Role::Analyst];
    refused(house.set_roles(&revenue.person, &revenue.person.account, analyst).await, "own-account");

    house.remove_person(&revenue.person, &ben.account).await.expect("removed");
    assert!(house.session(&session).await.expect("read").is_none());
    refused(house.person_of_token(&made.token).await, "token-unknown");
    refused(sign_in(OTHER_PASSWORD).await, "sign-in-wrong");
    let removed = newest(revenue, |fact| matches!(fact, Fact::PersonRemoved { .. })).await.expect("sealed");
    assert!(may(removed.by.role.expect("a role"), Act::GiveRoles));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_does_what_its_roles_may_until_it_is_revoked() {
    let federation = Federation::of(&["revenue"]).await;
    let revenue = federation.member("revenue");
    revenue.publishes("regions", "region,seat\nnorth,Aston\n", vec![(Mode::Extract, open_terms())]).await;
    let house = revenue.house();
    let ana = adds(revenue, "ana", &[Role::Analyst]).await;
    let more = MakeToken { label: "x".into(), roles: vec![Role::Operator] };
    refused(house.make_token(Came::SignedIn(&ana), more).await, "token-roles");

    let make = |label: &str, role| MakeToken { label: label.into(), roles: vec![role] };
    let operator = house
        .make_token(Came::SignedIn(&revenue.person), make("prometheus", Role::Operator))
        .await
        .expect("made");
    let analyst =
        house.make_token(Came::SignedIn(&ana), make("notebook", Role::Analyst)).await.expect("made");
    let get =
        async |token: &str, path: &str| wire::get(&format!("{}{path}", revenue.origin()), Some(token)).await;
    assert_eq!(get(&operator.token, "/metrics").await.status, 200);
    for path in ["/metrics", "/api/v1/persons"] {
        get(&analyst.token, path).await.is_refused(403, "role-missing");
    }
    for token in [&operator.token, &analyst.token] {
        let products = get(token, "/api/v1/products").await.text;
        assert!(products.contains("regions") && !products.contains("Aston"), "no values: {products}");
    }
    assert!(get(&revenue.operator_token(), "/api/v1/products").await.text.contains("Aston"));

    assert_eq!(house.tokens(&ana).await.expect("own").len(), 1);
    refused(house.revoke_token(Came::SignedIn(&ana), &operator.shown.id).await, "token-unknown");
    let listed = house.tokens(&revenue.person).await.expect("all");
    let used = listed.iter().find(|token| token.id == operator.shown.id).expect("listed");
    assert!(used.last_used_at.is_some() && used.label == "prometheus");
    house.revoke_token(Came::SignedIn(&revenue.person), &operator.shown.id).await.expect("revoked");
    get(&operator.token, "/metrics").await.is_refused(401, "token-unknown");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_is_recorded_in_a_role_that_may_do_it() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    revenue.publishes("regions", "region,seat\nnorth,Aston\n", vec![(Mode::Extract, open_terms())]).await;
    education.looks_around().await;
    let agreement = education.requests("revenue.regions", Mode::Extract).for_purpose(FRAUD).await.is_agreed();
    let ben = adds(revenue, "ben", &[Role::Analyst, Role::Auditor, Role::Ombudsman]).await;
    let revoked = revenue.house().revoke(&ben, &agreement.id, "It was asked for.").await.expect("revoked");
    let sealed = newest(revenue, |fact| matches!(fact, Fact::AgreementRevoked { .. })).await.expect("sealed");
    assert_eq!(sealed.by.role, Some(Role::Ombudsman));
    let told = serde_json::to_string(&revoked.status).expect("JSON");
    assert!(told.contains("ombudsman"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_rows_are_for_those_who_may_read_them_and_leave_an_entry() {
    let federation = Federation::of(&["revenue"]).await;
    let revenue = federation.member("revenue");
    revenue.publishes("payroll", &payroll(), Vec::new()).await;
    let house = revenue.house();
    let sql = "SELECT person_id, monthly_wage FROM revenue.payroll LIMIT 1";
    let is_read = |fact: &Fact| matches!(fact, Fact::OwnRowsRead { .. });
    let ana = adds(revenue, "ana", &[Role::Analyst, Role::Operator]).await;
    refused(house.ask(&ana, &ask(sql)).await.map(drop), "role-missing");
    assert!(newest(revenue, is_read).await.is_none());

    let steward = adds(revenue, "sam", &[Role::Analyst, Role::Steward]).await;
    let asked = house.ask(&steward, &ask(sql)).await.expect("rows");
    let sealed = newest(revenue, is_read).await.expect("sealed before the rows are read");
    assert_eq!(sealed.by.role, Some(Role::Steward));
    assert_eq!(sealed.by.person, Some(house.pseudonym(&steward)));
    drop(asked);
}

async fn publishes_with_budget(node: &MemberNode, by: &Person, rho_nano: u64) -> Result<(), Error> {
    let house = node.house();
    let upload = house.begin_upload(by).await?;
    let body = futures::stream::iter([Ok::<_, std::io::Error>(bytes::Bytes::from(payroll()))]);
    house.receive_file(by, &upload, "payroll.csv", body).await?;
    let inspected = house.inspect(by, &upload, &Inspect::default()).await?;
    let mut privacy = inspected.privacy.expect("about persons");
    privacy.budget.rho_nano = rho_nano;
    let publish = Publish {
        identifier: None,
        upload,
        name: "payroll".parse().expect("a name"),
        title: "Payroll".into(),
        description: String::new(),
        keywords: Vec::new(),
        classification: inspected.classification,
        about_nobody: false,
        privacy: Some(privacy),
        particulars: Default::default(),
        offers: Vec::new(),
    };
    house.publish(by, publish).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_granted_budget_is_raised_by_the_data_protection_officer_alone() {
    let federation = Federation::of(&["revenue"]).await;
    let revenue = federation.member("revenue");
    let house = revenue.house();
    let steward = adds(revenue, "sam", &[Role::Steward]).await;
    let officer = adds(revenue, "dora", &[Role::DataProtectionOfficer]).await;
    let is_grant = |fact: &Fact| matches!(fact, Fact::BudgetGranted { .. });
    let granted = async || house.budget_shown("product:payroll").await.expect("a budget").granted;

    publishes_with_budget(revenue, &steward, 1_000_000_000).await.expect("the first grant is the steward's");
    let first = newest(revenue, is_grant).await.expect("sealed");
    assert!(matches!(first.fact, Fact::BudgetGranted { before: None, .. }), "{first:?}");
    let more = publishes_with_budget(revenue, &steward, 2_000_000_000).await;
    refused(more, "budget-raised");
    assert_eq!(granted().await.rho_nano, 1_000_000_000);
    publishes_with_budget(revenue, &steward, 500_000_000).await.expect("less is anybody's");

    let name = "payroll".parse().expect("a name");
    let loss = Loss { rho_nano: 3_000_000_000, delta_femto: granted().await.delta_femto };
    refused(house.grant_budget(&steward, &name, loss, None).await, "role-missing");
    house.grant_budget(&officer, &name, loss, None).await.expect("the officer's act");
    assert_eq!(granted().await, loss);
    let raised = newest(revenue, is_grant).await.expect("sealed");
    assert_eq!(raised.by.role, Some(Role::DataProtectionOfficer));
    assert!(matches!(raised.fact, Fact::BudgetGranted { before: Some(before), .. }
        if before.rho_nano == 500_000_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_closed_before_it_was_spent_stays_closed_to_who_publishes_anew() {
    let federation = Federation::of(&["revenue"]).await;
    let revenue = federation.member("revenue");
    let house = revenue.house();
    let steward = adds(revenue, "sam", &[Role::Steward]).await;
    let officer = adds(revenue, "dora", &[Role::DataProtectionOfficer]).await;
    publishes_with_budget(revenue, &steward, 1_000_000_000).await.expect("the first grant");
    let name = "payroll".parse().expect("a name");
    house.grant_budget(&officer, &name, Loss::default(), None).await.expect("closed");
    let anew = publishes_with_budget(revenue, &steward, 1_000_000_000).await;
    refused(anew, "budget-raised");
    assert!(house.budget_shown("product:payroll").await.expect("a budget").granted.is_zero());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_read_the_ledger_sees_their_own_uses() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    revenue.publishes("payroll", &payroll(), vec![(Mode::Statistics, statistics_terms(500_000_000))]).await;
    education.looks_around().await;
    let agreement =
        education.requests("revenue.payroll", Mode::Statistics).for_purpose(FRAUD).await.is_agreed();
    let house = education.house();
    let (ana, ben) =
        (adds(education, "ana", &[Role::Analyst]).await, adds(education, "ben", &[Role::Analyst]).await);
    let auditor = adds(education, "otto", &[Role::Auditor]).await;
    for person in [&ana, &ben, &ben] {
        let question = ask("SELECT COUNT(*) FROM revenue.payroll");
        house.answered(house.ask(person, &question).await.expect("asked")).await.expect("answered");
    }
    let seen = async |by: &Person| {
        let all = house.uses(by, None, 10).await.expect("uses").len();
        let shown = house.show_agreement(by, &agreement.id).await.expect("shown");
        assert_eq!(shown.uses.len(), all);
        all
    };
    assert_eq!((seen(&ana).await, seen(&ben).await, seen(&auditor).await), (1, 2, 3));
    let stranger = adds(revenue, "ana", &[Role::Analyst]).await;
    assert!(revenue.house().uses(&stranger, None, 10).await.expect("uses").is_empty());
}
