//! What a preview says would make an answer sharper is what a preview of the changed question says.

use weal_domain::catalogue::{PrivacyPolicy, Product};
use weal_domain::compute::{Advice, Change, Loss, Preview};

use crate::given::{House, owner, payroll, policy};

const SQL: &str = "SELECT region, COUNT(*), SUM(wage), MEDIAN(hours) FROM owner.payroll GROUP BY region";

fn preview(house: &House, product: &Product, sql: &str, loss: Option<Loss>) -> Preview {
    house.engine.preview(sql, product, &owner(), None, loss).unwrap()
}

fn advice(preview: &Preview, change: Change) -> &Advice {
    preview
        .advice
        .iter()
        .find(|advice| advice.change == change)
        .unwrap_or_else(|| panic!("{change:?}: {preview:?}"))
}

#[test]
fn advice_is_computed_and_true() {
    let house = House::new();
    let product = payroll(policy());
    let now = preview(&house, &product, SQL, None);
    let more = advice(&now, Change::Loss);
    let spent = preview(&house, &product, SQL, Some(policy().question_loss_max));
    assert_eq!(more.half_widths, spent.half_widths);
    assert!(more.said.contains(&format!("instead of {}", now.shown_from.unwrap())), "{}", more.said);
    let options =
        SQL.replacen("SELECT", "SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS (max_groups_contributed = 1)", 1);
    let fewer = advice(&now, Change::Groups);
    assert_eq!(fewer.half_widths, preview(&house, &product, &options, None).half_widths);
    let alone = advice(&now, Change::Alone);
    for (place, asked) in ["COUNT(*)", "SUM(wage)", "MEDIAN(hours)"].into_iter().enumerate() {
        let sql = format!("SELECT region, {asked} FROM owner.payroll GROUP BY region");
        assert_eq!(alone.half_widths[place], preview(&house, &product, &sql, None).half_widths[0], "{asked}");
    }
    let bounds = advice(&now, Change::Bounds);
    assert_eq!(bounds.column.as_deref(), Some("wage"));
    let mut narrow = policy();
    narrow.bounds.get_mut("wage").unwrap().high = 2500.0;
    assert_eq!(bounds.half_widths, preview(&house, &payroll(narrow), SQL, None).half_widths);
    for advice in &now.advice {
        let narrower =
            |(was, is): (&Option<f64>, &Option<f64>)| was.zip(*is).is_none_or(|(was, is)| is <= was);
        assert!(now.half_widths.iter().zip(&advice.half_widths).all(narrower), "{advice:?}");
    }
    insta::assert_snapshot!(now.advice.iter().map(|advice| advice.said.as_str()).collect::<Vec<_>>().join("\n"), @r"
    With the most loss that the owner allows for one question: `COUNT(*)` ± 9 instead of ± 29, `SUM(wage)` ± 45364 instead of ± 143455, `MEDIAN(hours)` with 32 % of the noise, groups are shown from about 17 subjects instead of 54.
    With max_groups_contributed = 1: `COUNT(*)` ± 17 instead of ± 29, `SUM(wage)` ± 82824 instead of ± 143455, `MEDIAN(hours)` with 58 % of the noise, groups are shown from about 31 subjects instead of 54; who is in more groups is then counted in one of them, drawn by lot.
    In a question of its own, at the same loss: `COUNT(*)` ± 19 instead of ± 29, `SUM(wage)` ± 93913 instead of ± 143455, `MEDIAN(hours)` with 65 % of the noise.
    With bounds of `wage` half as wide, which only the owner can change: `SUM(wage)` ± 71727 instead of ± 143455.
    ");
}

#[test]
fn there_is_no_advice_where_nothing_would_help() {
    let house = House::new();
    let product = payroll(PrivacyPolicy { groups_per_subject_max: 1, ..policy() });
    let most = Some(policy().question_loss_max);
    let sql = "SELECT region, COUNT(DISTINCT person) FROM owner.payroll GROUP BY region";
    assert_eq!(preview(&house, &product, sql, most).advice, []);
    // Of a mean the width depends on the data, what weighs in it does not.
    let sql = "SELECT region, AVG(wage) FROM owner.payroll GROUP BY region";
    let said: Vec<_> =
        preview(&house, &product, sql, most).advice.into_iter().map(|advice| advice.said).collect();
    assert_eq!(
        said,
        [
            "With bounds of `wage` half as wide, which only the owner can change: `AVG(wage)` with 50 % of the noise."
        ]
    );
}
