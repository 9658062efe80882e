//! What accountants and keepers of answers are told of a question before any data is read.

use std::collections::BTreeMap;

use proptest::prelude::*;
use weal_domain::catalogue::PrivacyPolicy;
use weal_domain::compute::{Loss, Mechanism, Release};
use weal_engine::same_question;

use crate::given::{House, owner, payroll, policy};

const QUESTIONS: [&str; 5] = [
    "SELECT COUNT(*) FROM owner.payroll",
    "SELECT region, COUNT(*) AS heads FROM owner.payroll GROUP BY region",
    "SELECT region, COUNT(*), SUM(wage), AVG(\"Hours\") FROM owner.payroll GROUP BY region",
    "SELECT active, SUM(wage) AS wages, SUM(\"Hours\") AS hours FROM owner.payroll GROUP BY active",
    "SELECT region, AVG(wage) AS wage FROM owner.payroll WHERE wage > 100 GROUP BY region",
];

/// Computed here from the figures alone, as somebody else would: at least what they come to is charged.
#[tokio::test]
async fn the_noise_told_to_accountants_costs_what_is_charged_or_less() {
    let house = House::new();
    let public = BTreeMap::from([("active".to_owned(), vec!["true".to_owned(), "false".to_owned()])]);
    for policy in [policy(), PrivacyPolicy { public_keys: public, ..policy() }] {
        let product = payroll(policy);
        for (sql, rho_nano) in
            QUESTIONS.into_iter().flat_map(|sql| [1_000_000, 100_000_000].map(|rho| (sql, rho)))
        {
            let loss = Loss { rho_nano, delta_femto: 1_000_000 };
            let preview = house.engine.preview(sql, &product, &owner(), None, Some(loss)).unwrap();
            assert!(!preview.releases.is_empty(), "{sql}");
            let told = Release::total(&preview.releases).unwrap();
            assert!(told.fits(preview.loss), "{sql}: {told:?} of {:?}", preview.loss);
            let mut rho = 0.0;
            for release in &preview.releases {
                assert!(
                    (release.l2 - f64::from(release.l0).sqrt() * release.linf as f64).abs()
                        < 1e-6 * release.l2
                );
                rho += release.count as f64 * (release.l2 / release.scale).powi(2) / 2.0;
                let has_threshold = release.mechanism == Mechanism::DiscreteGaussianThreshold;
                assert_eq!(
                    (release.threshold.is_some(), release.loss.delta_femto > 0),
                    (has_threshold, has_threshold)
                );
            }
            assert!(rho <= preview.loss.rho_nano as f64 / 1e9, "{sql}: {rho}");
            assert!(rho > 0.9 * preview.loss.rho_nano as f64 / 1e9, "{sql}: what is paid for is used: {rho}");
        }
    }
}

#[test]
fn a_question_stays_the_same_however_it_is_written_down() {
    let plain = same_question("SELECT region, COUNT(*) AS heads FROM owner.payroll GROUP BY region").unwrap();
    for same in [
        "select region, count(*) as heads\nfrom owner.payroll\ngroup by region;",
        "SELECT region , Count( * ) AS heads FROM owner . payroll GROUP BY region -- by region",
        "/* heads */ SELECT region, COUNT(*) AS heads FROM owner.payroll GROUP BY region ; ",
    ] {
        assert_eq!(same_question(same).unwrap(), plain, "{same}");
    }
    for other in [
        "SELECT region, COUNT(*) AS Heads FROM owner.payroll GROUP BY region",
        "SELECT \"region\", COUNT(*) AS heads FROM owner.payroll GROUP BY region",
        "SELECT region, COUNT(wage) AS heads FROM owner.payroll GROUP BY region",
        "SELECT region, COUNT(*) AS heads FROM owner.payroll WHERE region = 'a' GROUP BY region",
    ] {
        assert_ne!(same_question(other).unwrap(), plain, "{other}");
    }
    let with = |text: &str| {
        same_question(&format!("SELECT COUNT(*) FROM owner.payroll WHERE region = {text}")).unwrap()
    };
    assert_ne!(with("'a b'"), with("'a  b'"), "what stands in quotes is left alone");
    assert_ne!(with("'A'"), with("'a'"));
    assert_ne!(with("'x'"), with("\"x\""));
    assert_ne!(with("1"), with("'1'"));
    assert_eq!(same_question("SELECT 1; SELECT 2").unwrap_err().code, "one-question-at-a-time");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Two different literals never make one question.
    #[test]
    fn different_texts_make_different_questions(a in "[ -~]{0,12}", b in "[ -~]{0,12}") {
        let with = |text: &str| {
            same_question(&format!("SELECT COUNT(*) FROM owner.payroll WHERE region = '{}'", text.replace('\'', "''")))
        };
        prop_assert_eq!(with(&a).unwrap() == with(&b).unwrap(), a == b);
    }
}
