//! `cargo xtask conformance dcp`: the public test kit of the Decentralized Claims Protocol against a real node, in each
//! of the three roles that a node plays. The kit plays the others. It ends well only if every test that is written
//! down here ended as it must.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::kit::{Options, Outcome, Selection, Tested, assemble, run};

/// All tests of a role together need less than a minute; one that waits in vain gives up after some seconds.
const RUN_TIME_MAX: Duration = Duration::from_secs(1_200);

/// How a test must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Must {
    Pass,
    /// The kit has switched it off: there is nothing behind its name.
    BeEmpty,
    /// What it wants is not what the protocol says, for this reason: a node that keeps to the protocol fails it.
    Fail(&'static str),
}

/// A role and its tests, by the names of their methods.
#[derive(Debug)]
struct Role {
    name: &'static str,
    packages: &'static [&'static str],
    tests: &'static [(Must, &'static [&'static str])],
}

const VERIFIER: Role = Role {
    name: "verifier",
    packages: &["org.eclipse.dataspacetck.dcp.verification.presentation.verifier"],
    tests: &[(
        Must::Pass,
        &[
            "presentationResponse_endpointDiscovery",
            "presentationResponse_rejectMissingBearerPrefix",
            "verifier_04_03_01_presentationResponse_idTokenNoTokenClaim",
            "verifier_04_03_03_idTokenExpired",
            "verifier_04_03_03_idTokenIncorrectAud",
            "verifier_04_03_03_idTokenIncorrectSub",
            "verifier_04_03_03_idTokenInvalidIssuerSub",
            "verifier_04_03_03_idTokenInvalidSub",
            "verifier_04_03_03_idTokenJtiUsedTwice",
            "verifier_04_03_03_idTokenNbfInFuture",
            "verifier_05_01_presentationResponse_success",
            "verifier_05_04_02_01_presentationResponse_tooFewCredentials",
            "verifier_05_04_02_02_presentationResponse_tooManyCredentials",
            "verifier_05_04_02_03_presentationResponse_emptyPresentations",
            "verifier_05_04_02_04_presentationResponse_emptyCredentials",
            "verifier_05_04_03_06_presentationResponse_credentialRevoked",
            "verifier_05_04_03_06_presentationResponse_notYetValidCredential",
            "verifier_05_04_03_07_presentationResponse_expiredCredential",
            "verifier_05_04_03_presentationResponse_holderNotEqualSubjectId",
            "verifier_x_x_presentationResponse_invalidCredentialSchema",
        ],
    )],
};

const HOLDER: Role = Role {
    name: "holder",
    packages: &[
        "org.eclipse.dataspacetck.dcp.verification.presentation.cs",
        "org.eclipse.dataspacetck.dcp.verification.issuance.cs",
    ],
    tests: &[
        (
            Must::Pass,
            &[
                "cs_04_03_03_idTokenInvalidIssuerSub",
                "cs_04_03_03_idTokenInvalidSub",
                "cs_04_03_03_idtokenExpired",
                "cs_04_03_03_idtokenIncorrectAud",
                "cs_04_03_03_idtokenIncorrectSub",
                "cs_04_03_03_idtokenJtiUsedTwice",
                "cs_04_03_03_idtokenNbfInFuture",
                "cs_05_02_endpointDiscovery",
                "cs_05_03_01_accessTokenInvalidHeader",
                "cs_05_04_01_02_lessScopesThanAuthorizedByTypeRequest",
                "cs_05_04_01_02_scopeByTypeRequest",
                "cs_05_04_01_emptyPresentationDefinition",
                "cs_05_04_01_invalidScopeAndPresentationRequest",
                "cs_05_04_02_emptyScopeExpect4xx",
                "cs_05_04_invalidTokenNotAuthorized",
                "cs_06_05_01_credentialMessage",
                "cs_06_05_01_credentialMessage_iatInFuture",
                "cs_06_05_01_credentialMessage_incorrectAudience",
                "cs_06_05_01_credentialMessage_invalidBody",
                "cs_06_05_01_credentialMessage_invalidStatus",
                "cs_06_05_01_credentialMessage_issNotEqualToSub",
                "cs_06_05_01_credentialMessage_jtiAlreadyUsed",
                "cs_06_05_01_credentialMessage_missingBearerPrefix",
                "cs_06_05_01_credentialMessage_nbfViolated",
                "cs_06_05_01_credentialMessage_noAuthHeader",
                "cs_06_05_01_credentialMessage_tokenExpired",
                "cs_06_05_01_credentialMessage_tokenSignedWithWrongKey",
                "cs_06_06_01_credentialOfferMessage",
                "cs_06_06_01_credentialOfferMessage_iatInFuture",
                "cs_06_06_01_credentialOfferMessage_incorrectAudience",
                "cs_06_06_01_credentialOfferMessage_invalidBody",
                "cs_06_06_01_credentialOfferMessage_issNotEqualToSub",
                "cs_06_06_01_credentialOfferMessage_jtiAlreadyUsed",
                "cs_06_06_01_credentialOfferMessage_missingBearerPrefix",
                "cs_06_06_01_credentialOfferMessage_nbfViolated",
                "cs_06_06_01_credentialOfferMessage_noAuthHeader",
                "cs_06_06_01_credentialOfferMessage_onlyIds",
                "cs_06_06_01_credentialOfferMessage_tokenExpired",
                "cs_06_06_01_credentialOfferMessage_tokenSignedWithWrongKey",
            ],
        ),
        (
            Must::BeEmpty,
            &[
                "cs_05_04_01_01_invalidPresentationEscalationRequest",
                "cs_05_04_01_01_presentationRequest",
                "cs_05_04_01_02_lessTypesThanAuthorizedByTypeRequest",
            ],
        ),
        (
            Must::Fail(
                "asked for more than a token opens, a node answers with less, as the protocol says (5.4.1.2)",
            ),
            &["cs_05_04_01_02_invalidScopeEscalationRequest"],
        ),
    ],
};

const ISSUER: Role = Role {
    name: "issuer",
    packages: &["org.eclipse.dataspacetck.dcp.verification.issuance.issuer"],
    tests: &[(
        Must::Pass,
        &[
            "is_6_2_endpointDiscovery",
            "is_6_4_10_credentialRequest_issNotEqualSub",
            "is_6_4_11_credentialRequest_jtiAlreadyUsed",
            "is_6_4_12_credentialRequest_missingHolderPid",
            "is_6_4_1_credentialRequest",
            "is_6_4_2_credentialRequest_noAuthHeader",
            "is_6_4_3_credentialRequest_noBearerPrefix",
            "is_6_4_4_credentialRequest_invalidBody",
            "is_6_4_5_credentialRequest_tokenSignedWithWrongKey",
            "is_6_4_6_credentialRequest_tokenExpired",
            "is_6_4_7_credentialRequest_iatInFuture",
            "is_6_4_8_credentialRequest_invalidAud",
            "is_6_4_8_credentialRequest_nbfViolated",
            "is_6_7_issuerMetadata",
            "is_6_8_10_credentialStatusRequest_issNotEqualSub",
            "is_6_8_11_credentialStatusRequest_jtiAlreadyUsed",
            "is_6_8_12_credentialStatusRequest_requestIdNotFound",
            "is_6_8_1_credentialStatusRequest",
            "is_6_8_2_credentialStatusRequest_noAuthHeader",
            "is_6_8_3_credentialStatusRequest_noBearerPrefix",
            "is_6_8_5_credentialStatusRequest_tokenSignedWithWrongKey",
            "is_6_8_6_credentialStatusRequest_tokenExpired",
            "is_6_8_7_credentialStatusRequest_iatInFuture",
            "is_6_8_8_credentialStatusRequest_invalidAud",
            "is_6_8_8_credentialStatusRequest_nbfViolated",
        ],
    )],
};

const ROLES: [Role; 3] = [VERIFIER, HOLDER, ISSUER];
const TESTS_COUNT: usize = 88;

pub(crate) fn dcp(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let options = Options::read(arguments)?;
    let node = options.program(root)?;
    let jars = assemble(root, "dcp", options.version)?;
    let (mut sums, mut wrong) = (Sums::default(), Vec::new());
    for role in &ROLES {
        println!("as {}:", role.name);
        match play(root, &node, &jars, role) {
            Ok(played) => {
                sums.add(&played.sums);
                wrong.extend(played.wrong);
            }
            Err(why) => wrong.push(format!("as {}: {why}", role.name)),
        }
    }
    let known: usize = ROLES.iter().flat_map(|role| role.tests).map(|(_, tests)| tests.len()).sum();
    if known != TESTS_COUNT {
        wrong.push(format!("{known} tests are written down, the kit has {TESTS_COUNT}"));
    }
    if wrong.is_empty() { Ok(sums.said()) } else { Err(format!("{}\n{}", wrong.join("\n"), sums.said())) }
}

/// How many tests ended in which way.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sums {
    passed: usize,
    empty: usize,
    against: usize,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.empty += other.empty;
        self.against += other.against;
    }

    fn said(&self) -> String {
        format!(
            "{} of {TESTS_COUNT} tests of the Decentralized Claims Protocol's public kit passed; {} are empty in the kit, \
             {} wants what the protocol forbids and failed",
            self.passed, self.empty, self.against
        )
    }
}

#[derive(Debug)]
struct Played {
    sums: Sums,
    wrong: Vec<String>,
    /// Whatever is wrong, is wrong because the kit waited no longer.
    only_late: bool,
}

/// Whether the kit gave up waiting. A node that never answers is late every time.
fn is_late(why: &str) -> bool {
    ["java.net.SocketTimeoutException", "org.awaitility.core.ConditionTimeoutException"]
        .iter()
        .any(|kind| why.contains(kind))
}

/// How often a role is played at most, where the kit's time was too short: it waits for ten seconds, whatever the machine.
const RUNS_MAX: usize = 3;

fn play(root: &Path, node: &Path, jars: &Path, role: &Role) -> Result<Played, String> {
    let mut run = 1;
    loop {
        let played = play_once(root, node, jars, role)?;
        if played.wrong.is_empty() || !played.only_late || run == RUNS_MAX {
            return Ok(played);
        }
        println!("the kit did not wait long enough; once more as {}:", role.name);
        run += 1;
    }
}

/// One role: a node and the kit, both made anew.
fn play_once(root: &Path, node: &Path, jars: &Path, role: &Role) -> Result<Played, String> {
    let place = crate::target(root).join("conformance");
    let properties = place.join(format!("dcp-{}.properties", role.name));
    let log = place.join(format!("dcp-{}.log", role.name));
    let tested = Tested::start(node, &format!("dcp-{}", role.name), &properties)?;
    let selection = Selection { packages: role.packages, all: false, time_max: RUN_TIME_MAX };
    let mut outcomes = BTreeMap::new();
    let ran = run(root, jars, &properties, &log, &selection, |report| {
        let said = match &report.outcome {
            Outcome::Passed => "passed",
            Outcome::Failed(_) => "failed",
            Outcome::Skipped(_) => "empty in the kit",
        };
        println!("  {:70} {said}", report.method);
        outcomes.insert(report.method, report.outcome);
    });
    let (said, complaints) = tested.end();
    ran?;
    let mut played = judge(role, &outcomes);
    // What the kit is not told, it plays itself; then it would test itself, and pass.
    let asked =
        said.lines().find_map(|line| line.strip_prefix("asked: ")).and_then(|count| count.parse().ok());
    if asked.unwrap_or(0) < outcomes.len() {
        played.wrong.push(format!("as {}: the node was asked {asked:?} times only", role.name));
        played.only_late = false;
    }
    if !played.wrong.is_empty() {
        played.wrong.push(format!("The kit's log is {}.\n{complaints}", log.display()));
    }
    Ok(played)
}

fn judge(role: &Role, outcomes: &BTreeMap<String, Outcome>) -> Played {
    let mut played = Played { sums: Sums::default(), wrong: Vec::new(), only_late: true };
    let mut late = 0;
    let known = || role.tests.iter().flat_map(|(must, tests)| tests.iter().map(move |test| (*test, *must)));
    for (test, must) in known() {
        let Some(outcome) = outcomes.get(test) else {
            played.wrong.push(format!("{test} was not run"));
            continue;
        };
        match (must, outcome) {
            (Must::Pass, Outcome::Passed) => played.sums.passed += 1,
            (Must::BeEmpty, Outcome::Skipped(_)) => played.sums.empty += 1,
            (Must::Fail(_), Outcome::Failed(_)) => played.sums.against += 1,
            (Must::Fail(why), _) => played.wrong.push(format!("{test} must fail, but {outcome:?}: {why}")),
            (Must::BeEmpty, _) => {
                played.wrong.push(format!("{test} is no longer empty in the kit: {outcome:?}"))
            }
            (Must::Pass, Outcome::Failed(why) | Outcome::Skipped(why)) => {
                late += usize::from(is_late(why));
                played.wrong.push(format!("{test} failed: {why}"));
            }
        }
    }
    let unknown = outcomes.iter().filter(|(test, _)| !known().any(|(known, _)| known == test.as_str()));
    played.wrong.extend(unknown.map(|(test, outcome)| format!("{test} is not one of ours: {outcome:?}")));
    played.only_late = late == played.wrong.len();
    played
}

#[cfg(test)]
mod tests {
    use super::*;

    fn as_they_must(role: &Role) -> BTreeMap<String, Outcome> {
        let outcome = |must: &Must| match must {
            Must::Pass => Outcome::Passed,
            Must::BeEmpty => Outcome::Skipped("off".into()),
            Must::Fail(_) => Outcome::Failed("200".into()),
        };
        let tests =
            role.tests.iter().flat_map(|(must, tests)| tests.iter().map(move |test| (test, outcome(must))));
        tests.map(|(test, outcome)| ((*test).to_owned(), outcome)).collect()
    }

    #[test]
    fn every_test_must_end_as_it_must() {
        let mut sums = Sums::default();
        for role in &ROLES {
            let played = judge(role, &as_they_must(role));
            assert_eq!(played.wrong, Vec::<String>::new());
            sums.add(&played.sums);
        }
        assert_eq!(sums, Sums { passed: TESTS_COUNT - 4, empty: 3, against: 1 });
    }

    #[test]
    fn who_was_late_is_told_from_who_was_wrong() {
        let mut outcomes = as_they_must(&ISSUER);
        let late = "org.awaitility.core.ConditionTimeoutException: Expected within 10 seconds.";
        outcomes.insert("is_6_4_1_credentialRequest".into(), Outcome::Failed(late.into()));
        let played = judge(&ISSUER, &outcomes);
        assert!(played.only_late && played.wrong.len() == 1, "{:?}", played.wrong);
        outcomes.insert("is_6_7_issuerMetadata".into(), Outcome::Failed("expected: 200".into()));
        let played = judge(&ISSUER, &outcomes);
        assert!(!played.only_late && played.wrong.len() == 2, "{:?}", played.wrong);
    }

    #[test]
    fn a_missing_a_failed_and_an_unknown_test_are_said() {
        let mut outcomes = as_they_must(&HOLDER);
        outcomes.remove("cs_05_02_endpointDiscovery");
        outcomes.insert("cs_06_06_01_credentialOfferMessage".into(), Outcome::Failed("no".into()));
        outcomes.insert("cs_09".into(), Outcome::Passed);
        let wrong = judge(&HOLDER, &outcomes).wrong.join("\n");
        assert!(wrong.contains("cs_05_02_endpointDiscovery was not run"), "{wrong}");
        assert!(wrong.contains("cs_06_06_01_credentialOfferMessage failed: no"), "{wrong}");
        assert!(wrong.contains("cs_09 is not one of ours"), "{wrong}");
        assert!(!judge(&HOLDER, &outcomes).only_late);
        // A node that leaves the protocol would please the kit.
        let pleased =
            BTreeMap::from([("cs_05_04_01_02_invalidScopeEscalationRequest".to_owned(), Outcome::Passed)]);
        assert!(judge(&HOLDER, &pleased).wrong.iter().any(|line| line.contains("must fail")));
        assert_eq!(judge(&VERIFIER, &BTreeMap::new()).wrong.len(), 20);
    }
}
