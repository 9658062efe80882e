//! Joining, being suspended, and who may do what.

use weal_domain::RefusalKind;
use weal_domain::governance::{Application, Issue, Member, Standing, good_standing};
use weal_domain::identity::{Act, MemberName, Role, fitting, may, one_may};
use weal_domain::ledger::Fact;

use crate::given::{FRAUD, assert_helps, at, charter, did, education, member, now, purpose};

fn application(name: &str) -> Application {
    Application {
        did: did(name),
        name: MemberName::new(name).unwrap(),
        title: format!("The {name} agency"),
        origin: format!("https://{name}.example"),
        charter_version: 1,
    }
}

#[test]
fn an_organisation_applies_is_admitted_and_can_be_suspended_and_readmitted() {
    let applied = Member::apply(application("education"), &[], &charter(), now()).unwrap();
    assert_eq!(applied.standing, Standing::Applied);
    assert_eq!(good_standing(Some(&applied), &education()).unwrap_err().code, "membership-pending");
    let (good, facts) = applied.admit(now()).unwrap();
    assert!(matches!(&facts[..], [Fact::MemberAdmitted { .. }]));
    good_standing(Some(&good), &education()).expect("GO-1 is met");
    assert!(good.admit(now()).unwrap().1.is_empty(), "a second yes says nothing new");
    let (suspended, facts) = good.suspend("It lost its keys.", now()).unwrap();
    assert!(matches!(&facts[..], [Fact::MemberSuspended { .. }]));
    assert!(good_standing(Some(&suspended), &education()).unwrap_err().reason.contains("suspended since"));
    assert_eq!(suspended.admit(now()).unwrap().0.standing, Standing::Good);
    let early = applied.suspend("It lost its keys.", now()).unwrap_err();
    assert_helps(&early, "member-only-applied");
    assert!(matches!(&applied.decline().unwrap()[..], [Fact::ApplicationDeclined { .. }]));
    assert_helps(&good.decline().unwrap_err(), "member-admitted");
    assert_eq!(good.suspend(&"x".repeat(1_001), now()).unwrap_err().code, "reason-malformed");
    let left = member("education", Standing::Left);
    assert_eq!(left.admit(now()).unwrap_err().kind, RefusalKind::Conflict);
    assert_eq!(left.suspend("x", now()).unwrap_err().kind, RefusalKind::Conflict);
}

#[test]
fn applications_that_cannot_stand_are_refused() {
    let register = [member("education", Standing::Good)];
    let again = Member::apply(application("education"), &register, &charter(), now()).unwrap();
    assert_eq!(again, register[0], "the same application is answered with the line that stands");
    let name_taken = Application { did: did("impostor"), ..application("education") };
    assert_helps(&Member::apply(name_taken, &register, &charter(), now()).unwrap_err(), "name-taken");
    let moved = Application { origin: "https://elsewhere.example".to_owned(), ..application("education") };
    assert_helps(&Member::apply(moved, &register, &charter(), now()).unwrap_err(), "member-exists");
    let old = Application { charter_version: 0, ..application("employment") };
    assert_helps(&Member::apply(old, &register, &charter(), now()).unwrap_err(), "charter-version");
    let twin = format!("  {}", register[0].title.to_uppercase());
    let twin = Application { title: twin, ..application("employment") };
    assert_helps(&Member::apply(twin, &register, &charter(), now()).unwrap_err(), "title-taken");
    for title in ["", "a\u{7}b", "revenue\u{202e}x", &"x".repeat(201)] {
        let bad = Application { title: title.to_owned(), ..application("employment") };
        let refusal = Member::apply(bad, &register, &charter(), now()).unwrap_err();
        assert_eq!(refusal.code, "application-malformed");
    }
}

#[test]
fn the_charter_says_for_what_data_may_be_shared_at_all() {
    charter().allows(&purpose(FRAUD)).expect("in the charter");
    let refusal = charter().allows(&purpose("https://w3id.org/dpv#Marketing")).unwrap_err();
    assert_helps(&refusal, "purpose-not-in-charter");
    assert!(refusal.remedy.unwrap().contains("preventing and finding fraud"));
}

#[test]
fn roles_may_what_the_table_says() {
    let allowed = |act: Act| -> Vec<&str> {
        Role::ALL.into_iter().filter(|role| may(*role, act)).map(Role::as_str).collect()
    };
    assert_eq!(
        allowed(Act::Ask),
        ["analyst"],
        "whoever runs or owns the machine asks nothing of others' data"
    );
    assert_eq!(
        allowed(Act::Revoke),
        ["owner", "steward", "data_protection_officer", "chief_data_officer", "ombudsman"]
    );
    assert_eq!(allowed(Act::Govern), ["owner", "chief_data_officer"]);
    assert_eq!(
        allowed(Act::GrantBudget),
        ["data_protection_officer"],
        "whoever offers data does not raise what it may cost the persons in it"
    );
    assert_eq!(allowed(Act::ReadRows), ["owner", "steward"]);
    assert_eq!(
        allowed(Act::GiveRoles),
        ["owner", "chief_data_officer"],
        "whoever runs the machine gives no roles"
    );
    assert_eq!(allowed(Act::Look).len(), Role::ALL.len());
    assert!(!may(Role::Operator, Act::ReadProfile), "an operator sees no data");
    for act in Act::ALL {
        if !matches!(act, Act::Look | Act::ReadLedger) {
            assert!(!may(Role::Auditor, act), "an auditor only reads: {act:?}");
        }
        assert!(!act.in_words().is_empty());
    }
    assert!(one_may(&[Role::Auditor, Role::Analyst], Act::Ask));
    assert_eq!(fitting(&[Role::Auditor, Role::Analyst], Act::Ask), Some(Role::Analyst));
    assert!(!one_may(&[], Act::Look));
}

#[test]
fn a_paper_of_the_governing_body_never_goes_back() {
    let issue = |version, at_text| Issue { version, issued_at: at(at_text) };
    let (june, july) = ("2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z");
    let held = Some(issue(2, july));
    assert_eq!(issue(1, june).replaces(None, "charter"), Ok(true), "the first one");
    assert_eq!(issue(3, july).replaces(held, "charter"), Ok(true));
    assert_eq!(issue(2, july).replaces(held, "charter"), Ok(false), "the same one again");
    assert_eq!(issue(3, "2026-08-01T00:00:00Z").replaces(held, "charter"), Ok(true));
    for older in [issue(1, july), issue(2, june), issue(1, "2026-08-01T00:00:00Z"), issue(3, june)] {
        assert_helps(&older.replaces(held, "charter").expect_err("older"), "charter-older");
    }
}
