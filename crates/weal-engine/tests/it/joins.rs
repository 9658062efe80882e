//! Several products of one owner in one question: private ones on the subject, and ones about nobody.

use std::collections::BTreeMap;
use std::fmt::Write;

use weal_domain::catalogue::{Bounds, PrivacyPolicy, Product};
use weal_domain::compute::{Answer, Cell, Loss};
use weal_domain::exchange::{Extract, Permit, Statistics};
use weal_engine::exact::{ExactAnswer, Held};
use weal_engine::{Covered, EngineError, PermitFor, Permitted, Source};

use crate::generated::of_question;
use crate::given::{House, owner, permit_for, policy, refusal_of};

const PLENTY: Loss = Loss { rho_nano: 1_000_000_000, delta_femto: 10_000_000_000 };

const PAYROLL: &str = "person,region,wage
a,north,1000
a,north,2000
a,south,3000
b,north,400
c,south,500
d,east,600
";
/// The subject has another name here; `e` is nobody's colleague.
const BENEFITS: &str = "pid,kind,amount
a,rent,100
a,child,50
b,child,70
c,rent,30
e,rent,90
";
const PLACES: &str = "place,climate,town
north,cold,x
south,warm,y
south,warm,z
west,wet,w
";
const TOWNS: &str = "name,size\nx,1\ny,2\n";

/// Limits of its own, stricter in one way and wider in another than those of the payroll.
fn of_benefits() -> PrivacyPolicy {
    PrivacyPolicy {
        subject: "pid".into(),
        groups_per_subject_max: 2,
        rows_per_group_max: 5,
        rows_per_subject_max: Some(3),
        bounds: BTreeMap::from([("amount".into(), Bounds { low: 0.0, high: 80.0, decimals: 0 })]),
        group_size_min: 2,
        question_loss_default: Loss { rho_nano: 90_000_000, delta_femto: 2_000_000_000 },
        question_loss_max: Loss { rho_nano: 800_000_000, delta_femto: 9_000_000_000 },
        ..policy()
    }
}

struct Tables {
    house: House,
    all: Vec<(Product, Source)>,
}

impl Tables {
    async fn new() -> Self {
        Self::with(policy(), of_benefits()).await
    }

    async fn with(payroll: PrivacyPolicy, benefits: PrivacyPolicy) -> Self {
        let house = House::new();
        let all = vec![
            house.publish_as("payroll", PAYROLL, Some(payroll)).await,
            house.publish_as("benefits", BENEFITS, Some(benefits)).await,
            house.publish_as("places", PLACES, None).await,
            house.publish_as("towns", TOWNS, None).await,
        ];
        Self { house, all }
    }

    fn held<'a>(&'a self, sql: &str, filters: &[(&str, &'a str)]) -> Vec<Held<'a>> {
        let filter_of = |name: &str| filters.iter().find(|(of, _)| *of == name).map(|(_, filter)| *filter);
        let held = |(product, source): &'a (Product, Source)| {
            let row_filter = filter_of(product.name.as_str());
            Held { product, source, row_filter }
        };
        of_question(sql, &self.all.iter().map(held).collect::<Vec<_>>())
    }

    async fn exact(&self, sql: &str, filters: &[(&str, &str)]) -> ExactAnswer {
        let held = self.held(sql, filters);
        ExactAnswer::of_all(&self.house.engine, sql, &held, (1, true)).await.unwrap()
    }

    async fn totals(&self, sql: &str) -> String {
        let exact = self.exact(sql, &[]).await;
        let mut said = format!("{sql}\n");
        for (keys, subjects, totals) in &exact.groups {
            let keys: Vec<_> = keys.iter().map(|key| key.as_deref().unwrap_or("NULL")).collect();
            writeln!(said, "  {} subjects={subjects} totals={totals:?}", keys.join(",")).unwrap();
        }
        said
    }

    fn product(&self, name: &str) -> (&Product, &Source) {
        let found = self.all.iter().find(|(product, _)| product.name.as_str() == name).unwrap();
        (&found.0, &found.1)
    }

    fn refused(&self, questions: &[&str]) -> String {
        let mut said = String::new();
        for sql in questions {
            let covered = self.held(sql, &[]).into_iter();
            let covered: Vec<Covered> =
                covered.map(|held| Covered { product: held.product.clone(), columns: None }).collect();
            let refusal = match self.house.engine.preview_about(sql, &covered, &owner(), None) {
                Err(refusal) => refusal,
                Ok(_) => panic!("not refused: {sql}"),
            };
            let remedy = refusal.remedy.map(|remedy| format!(" {remedy}")).unwrap_or_default();
            writeln!(said, "{sql}\n  {}: {}{remedy}", refusal.code, refusal.reason).unwrap();
        }
        said
    }
}

#[tokio::test]
async fn private_products_are_joined_on_their_subject_and_bounded_once_above() {
    // Two groups of a subject at most, two rows in each, three in all: the stricter of either product.
    let tables = Tables::new().await;
    let mut said = String::new();
    for sql in [
        "SELECT b.kind, COUNT(*), SUM(p.wage), SUM(b.amount) FROM owner.payroll p JOIN owner.benefits b ON p.person = b.pid GROUP BY b.kind",
        "SELECT COUNT(*), COUNT(b.kind), COUNT(DISTINCT p.person) FROM owner.payroll p LEFT JOIN owner.benefits b ON p.person = b.pid",
        "SELECT COUNT(*), COUNT(p.wage), COUNT(DISTINCT b.pid) FROM owner.payroll p RIGHT JOIN owner.benefits b ON p.person = b.pid",
        "SELECT region, COUNT(*) FROM owner.payroll WHERE person IN (SELECT pid FROM owner.benefits WHERE kind = 'child') GROUP BY region",
        "SELECT COUNT(*) FROM owner.payroll WHERE person NOT IN (SELECT pid FROM owner.benefits)",
        "SELECT COUNT(*), SUM(x) FROM (SELECT person, wage AS x FROM owner.payroll UNION ALL SELECT pid, amount FROM owner.benefits) AS both",
        "SELECT COUNT(*) FROM owner.payroll p JOIN owner.benefits b ON p.person = b.pid JOIN owner.payroll q ON q.person = b.pid",
        "SELECT COUNT(*), SUM(total) FROM owner.payroll p JOIN (SELECT pid, SUM(amount) AS total FROM owner.benefits GROUP BY pid) AS b ON p.person = b.pid WHERE p.region = 'north'",
    ] {
        said += &tables.totals(sql).await;
    }
    insta::assert_snapshot!(said, @r#"
    SELECT b.kind, COUNT(*), SUM(p.wage), SUM(b.amount) FROM owner.payroll p JOIN owner.benefits b ON p.person = b.pid GROUP BY b.kind
      child subjects=2 totals=[2, 2, 540000, 150]
      rent subjects=2 totals=[2, 3, 650000, 190]
    SELECT COUNT(*), COUNT(b.kind), COUNT(DISTINCT p.person) FROM owner.payroll p LEFT JOIN owner.benefits b ON p.person = b.pid
       subjects=4 totals=[5, 4, 4]
    SELECT COUNT(*), COUNT(p.wage), COUNT(DISTINCT b.pid) FROM owner.payroll p RIGHT JOIN owner.benefits b ON p.person = b.pid
       subjects=4 totals=[5, 4, 4]
    SELECT region, COUNT(*) FROM owner.payroll WHERE person IN (SELECT pid FROM owner.benefits WHERE kind = 'child') GROUP BY region
      north subjects=2 totals=[2, 3]
    SELECT COUNT(*) FROM owner.payroll WHERE person NOT IN (SELECT pid FROM owner.benefits)
       subjects=1 totals=[1]
    SELECT COUNT(*), SUM(x) FROM (SELECT person, wage AS x FROM owner.payroll UNION ALL SELECT pid, amount FROM owner.benefits) AS both
       subjects=5 totals=[8, 784000]
    SELECT COUNT(*) FROM owner.payroll p JOIN owner.benefits b ON p.person = b.pid JOIN owner.payroll q ON q.person = b.pid
       subjects=3 totals=[4]
    SELECT COUNT(*), SUM(total) FROM owner.payroll p JOIN (SELECT pid, SUM(amount) AS total FROM owner.benefits GROUP BY pid) AS b ON p.person = b.pid WHERE p.region = 'north'
       subjects=2 totals=[3, 330]
    "#);
}

#[tokio::test]
async fn products_about_nobody_are_joined_on_anything() {
    let tables = Tables::new().await;
    let mut said = String::new();
    for sql in [
        "SELECT climate, COUNT(*), SUM(wage) FROM owner.payroll JOIN owner.places ON region = place GROUP BY climate",
        "SELECT climate, COUNT(*) FROM owner.payroll LEFT JOIN owner.places ON region = place GROUP BY climate",
        "SELECT climate, COUNT(*) FROM owner.places RIGHT JOIN owner.payroll ON UPPER(region) = UPPER(place) GROUP BY climate",
        "SELECT COUNT(*), SUM(size) FROM (SELECT person, CASE WHEN t.size > 1 THEN 1 ELSE 0 END AS size FROM owner.payroll p JOIN owner.places s ON p.region = s.place JOIN owner.towns t ON t.name = s.town) AS all_of_it",
        "SELECT COUNT(*) FROM owner.payroll WHERE region IN (SELECT place FROM owner.places WHERE climate = 'cold')",
        "SELECT COUNT(*) FROM (SELECT place, climate, size FROM owner.places LEFT JOIN owner.towns ON town = name) AS known JOIN owner.payroll ON region = place",
    ] {
        said += &tables.totals(sql).await;
    }
    insta::assert_snapshot!(said, @r#"
    SELECT climate, COUNT(*), SUM(wage) FROM owner.payroll JOIN owner.places ON region = place GROUP BY climate
      cold subjects=2 totals=[2, 3, 340000]
      warm subjects=2 totals=[2, 4, 700000]
    SELECT climate, COUNT(*) FROM owner.payroll LEFT JOIN owner.places ON region = place GROUP BY climate
      NULL subjects=1 totals=[1, 1]
      cold subjects=2 totals=[2, 3]
      warm subjects=2 totals=[2, 4]
    SELECT climate, COUNT(*) FROM owner.places RIGHT JOIN owner.payroll ON UPPER(region) = UPPER(place) GROUP BY climate
      NULL subjects=1 totals=[1, 1]
      cold subjects=2 totals=[2, 3]
      warm subjects=2 totals=[2, 4]
    SELECT COUNT(*), SUM(size) FROM (SELECT person, CASE WHEN t.size > 1 THEN 1 ELSE 0 END AS size FROM owner.payroll p JOIN owner.places s ON p.region = s.place JOIN owner.towns t ON t.name = s.town) AS all_of_it
       subjects=3 totals=[4, 2]
    SELECT COUNT(*) FROM owner.payroll WHERE region IN (SELECT place FROM owner.places WHERE climate = 'cold')
       subjects=2 totals=[3]
    SELECT COUNT(*) FROM (SELECT place, climate, size FROM owner.places LEFT JOIN owner.towns ON town = name) AS known JOIN owner.payroll ON region = place
       subjects=3 totals=[5]
    "#);
}

#[tokio::test]
async fn each_product_keeps_the_rows_of_its_own_agreement() {
    let tables = Tables::new().await;
    let sql = "SELECT COUNT(*) FROM owner.payroll p JOIN owner.benefits b ON p.person = b.pid JOIN owner.places s ON p.region = s.place";
    let subjects = async |filters: &[(&str, &str)]| tables.exact(sql, filters).await.groups[0].1;
    assert_eq!(subjects(&[]).await, 3, "a, b and c");
    assert_eq!(subjects(&[("payroll", "region <> 'north'")]).await, 2, "a and c are in the south");
    assert_eq!(subjects(&[("benefits", "kind = 'rent'")]).await, 2, "a and c have a rent");
    assert_eq!(subjects(&[("places", "town = 'x'")]).await, 2, "a and b are in the north");
}

#[tokio::test]
async fn the_strictest_limits_of_all_are_what_is_claimed() {
    let tables = Tables::new().await;
    let sql = "SELECT b.kind, COUNT(*), SUM(b.amount) FROM owner.benefits b JOIN owner.payroll p ON p.person = b.pid GROUP BY b.kind";
    let exact = tables.exact(sql, &[]).await;
    assert_eq!((exact.groups_per_subject_max, &exact.per_group_max[..]), (2, &[1, 2, 160][..]));
    assert_eq!(exact.l2_squared_max[1], 2 * 2 + 1, "three rows in all, two in a group");
    let alone = tables.exact("SELECT kind, COUNT(*) FROM owner.benefits GROUP BY kind", &[]).await;
    assert_eq!(alone.l2_squared_max[1], 3 * 3);
    assert_eq!((alone.groups_per_subject_max, &alone.per_group_max[..]), (2, &[1, 5][..]));
    // Where a list names a table for nothing, its limits hold too.
    let unused = "WITH unused AS (SELECT kind FROM owner.benefits) SELECT region, COUNT(*) FROM owner.payroll GROUP BY region";
    assert_eq!(tables.exact(unused, &[]).await.groups_per_subject_max, 2);
}

#[tokio::test]
async fn a_preview_says_who_pays_and_takes_the_least_loss() {
    let tables = Tables::new().await;
    let preview = |sql: &str, loss| {
        let covered = tables.held(sql, &[]).into_iter();
        let covered: Vec<Covered> =
            covered.map(|held| Covered { product: held.product.clone(), columns: None }).collect();
        tables.house.engine.preview_about(sql, &covered, &owner(), loss).unwrap()
    };
    let sql = "SELECT COUNT(*) FROM owner.payroll p JOIN owner.benefits b ON p.person = b.pid JOIN owner.places ON p.region = place";
    let told = preview(sql, None);
    assert_eq!(told.loss.rho_nano, 90_000_000, "the least default");
    assert_eq!(preview(sql, Some(PLENTY)).loss.rho_nano, 800_000_000, "the least maximum");
    let said: Vec<&String> = told.explanation.iter().filter(|line| line.contains("charged")).collect();
    insta::assert_debug_snapshot!(said, @r#"
    [
        "The strictest limits of `owner.payroll` and `owner.benefits` hold, and each is charged the whole loss.",
        "`owner.places` is about nobody: taken as published, and charged nothing.",
    ]
    "#);
    let alone = preview("SELECT COUNT(*) FROM owner.payroll", None);
    assert!(!alone.explanation.iter().any(|line| line.contains("charged")), "{:?}", alone.explanation);
}

#[tokio::test]
async fn what_could_put_subjects_together_is_refused_by_name() {
    let tables = Tables::new().await;
    insta::assert_snapshot!(tables.refused(&[
        "SELECT COUNT(*) FROM owner.payroll p JOIN owner.benefits b ON p.region = b.kind",
        "SELECT COUNT(*) FROM owner.payroll p JOIN owner.benefits b ON p.person = b.kind",
        "SELECT COUNT(*) FROM owner.payroll p JOIN owner.benefits b ON UPPER(p.person) = UPPER(b.pid)",
        "SELECT COUNT(*) FROM owner.payroll p JOIN owner.benefits b ON p.person = b.pid OR p.wage > 5",
        "SELECT COUNT(*) FROM owner.payroll, owner.benefits WHERE person = pid",
        "SELECT COUNT(*) FROM owner.payroll p FULL JOIN owner.benefits b ON p.person = b.pid",
        "SELECT COUNT(*) FROM owner.payroll WHERE region IN (SELECT kind FROM owner.benefits)",
        "SELECT COUNT(*) FROM owner.places LEFT JOIN owner.payroll ON region = place",
        "SELECT COUNT(*) FROM owner.payroll RIGHT JOIN owner.places ON region = place",
        "SELECT COUNT(*) FROM owner.payroll JOIN owner.places ON region < place",
        "SELECT COUNT(*) FROM owner.payroll CROSS JOIN owner.places",
        "SELECT COUNT(*) FROM owner.places JOIN owner.towns ON town = name",
        "SELECT SUM(size) FROM owner.payroll JOIN owner.towns ON region = name",
        "SELECT COUNT(*) FROM (SELECT person FROM owner.payroll UNION ALL SELECT place FROM owner.places) AS x",
        "SELECT MAX(p.nothing) FROM owner.payroll p JOIN owner.benefits b ON p.person = b.pid",
    ]), @r#"
    SELECT COUNT(*) FROM owner.payroll p JOIN owner.benefits b ON p.region = b.kind
      unsupported-sql: A join of private rows on something else than their subject cannot be used in private statistics or row filters. Join ON `p.person` = `b.pid`: rows of different subjects cannot be put together.
    SELECT COUNT(*) FROM owner.payroll p JOIN owner.benefits b ON p.person = b.kind
      unsupported-sql: A join of private rows on something else than their subject cannot be used in private statistics or row filters. Join ON `p.person` = `b.pid`: rows of different subjects cannot be put together.
    SELECT COUNT(*) FROM owner.payroll p JOIN owner.benefits b ON UPPER(p.person) = UPPER(b.pid)
      unsupported-sql: A join of private rows on something else than their subject cannot be used in private statistics or row filters. Join ON `p.person` = `b.pid`: rows of different subjects cannot be put together.
    SELECT COUNT(*) FROM owner.payroll p JOIN owner.benefits b ON p.person = b.pid OR p.wage > 5
      unsupported-sql: A join of private rows on something else than their subject cannot be used in private statistics or row filters. Join ON `p.person` = `b.pid`: rows of different subjects cannot be put together.
    SELECT COUNT(*) FROM owner.payroll, owner.benefits WHERE person = pid
      unsupported-sql: A join of private rows on something else than their subject cannot be used in private statistics or row filters. Join ON `owner.payroll.person` = `owner.benefits.pid`: rows of different subjects cannot be put together.
    SELECT COUNT(*) FROM owner.payroll p FULL JOIN owner.benefits b ON p.person = b.pid
      unsupported-sql: A Full join cannot be used in private statistics or row filters. Use JOIN or LEFT JOIN, with the product on the left.
    SELECT COUNT(*) FROM owner.payroll WHERE region IN (SELECT kind FROM owner.benefits)
      unsupported-sql: IN (SELECT ...) of something else than the subject cannot be used in private statistics or row filters. Write `person IN (SELECT person ...)`, or list the values.
    SELECT COUNT(*) FROM owner.places LEFT JOIN owner.payroll ON region = place
      unsupported-sql: A join that begins with public values cannot be used in private statistics or row filters. Put the product on the left.
    SELECT COUNT(*) FROM owner.payroll RIGHT JOIN owner.places ON region = place
      unsupported-sql: A join that keeps all public values cannot be used in private statistics or row filters. Put the product on the right.
    SELECT COUNT(*) FROM owner.payroll JOIN owner.places ON region < place
      unsupported-sql: A join with a public product without an equality cannot be used in private statistics or row filters. Join ON a column of one = a column of the other, and put what else is to hold after it.
    SELECT COUNT(*) FROM owner.payroll CROSS JOIN owner.places
      unsupported-sql: A join with a public product without an equality cannot be used in private statistics or row filters. Join ON a column of one = a column of the other, and put what else is to hold after it.
    SELECT COUNT(*) FROM owner.places JOIN owner.towns ON town = name
      no-privacy-policy: Private statistics are not offered on `owner.places` or `owner.towns`.
    SELECT SUM(size) FROM owner.payroll JOIN owner.towns ON region = name
      bounds-missing: The owner has declared no bounds for `size`, so it cannot be summed or averaged. Use COUNT, or a column with bounds: `wage`.
    SELECT COUNT(*) FROM (SELECT person FROM owner.payroll UNION ALL SELECT place FROM owner.places) AS x
      unsupported-sql: A step over public values alone cannot be used in private statistics or row filters. Put the product itself after FROM.
    SELECT MAX(p.nothing) FROM owner.payroll p JOIN owner.benefits b ON p.person = b.pid
      no-such-column: There is no column `nothing` in owner.payroll or owner.benefits. You can ask about `person`, `region`, `wage`, `pid`, `kind`, `amount`.
    "#);
}

#[tokio::test]
async fn subjects_of_other_kinds_and_persons_without_protection_are_not_joined() {
    let mut tables = Tables::new().await;
    let numbered = "pid,kind,amount\n1,rent,100\n2,child,50\n";
    tables.all[1] = tables.house.publish_as("numbered", numbered, Some(of_benefits())).await;
    let (mut places, at) = tables.all[2].clone();
    places.classification = weal_domain::catalogue::Classification::Personal;
    tables.all[2] = (places, at);
    insta::assert_snapshot!(tables.refused(&[
        "SELECT COUNT(*) FROM owner.payroll p JOIN owner.numbered b ON p.person = CAST(b.pid AS VARCHAR)",
        "SELECT COUNT(*) FROM (SELECT person FROM owner.payroll UNION ALL SELECT pid FROM owner.numbered) AS x",
        "SELECT COUNT(*) FROM owner.payroll JOIN owner.places ON region = place",
    ]), @r#"
    SELECT COUNT(*) FROM owner.payroll p JOIN owner.numbered b ON p.person = CAST(b.pid AS VARCHAR)
      subjects-differ: `person` of owner.payroll and `pid` of owner.numbered are of different kinds, so it cannot be told who is the same. Ask about one of them at a time.
    SELECT COUNT(*) FROM (SELECT person FROM owner.payroll UNION ALL SELECT pid FROM owner.numbered) AS x
      subjects-differ: `person` of owner.payroll and `pid` of owner.numbered are of different kinds, so it cannot be told who is the same. Ask about one of them at a time.
    SELECT COUNT(*) FROM owner.payroll JOIN owner.places ON region = place
      persons-unprotected: places is about persons, and does not say whom it protects. Leave it out of the question.
    "#);
}

#[tokio::test]
async fn every_product_of_a_question_is_read_under_a_permit_of_its_own() {
    let tables = Tables::new().await;
    let sql = "SELECT COUNT(*) AS n FROM owner.payroll p JOIN owner.benefits b ON p.person = b.pid JOIN owner.places ON p.region = place";
    let ask = |name: &str| permit_for::<Statistics>(name, None, None, PLENTY);
    let rows = |name: &str| permit_for::<Extract>(name, None, None, PLENTY);
    let (payroll, benefits, places) = (ask("payroll"), ask("benefits"), rows("places"));
    let (other, too_much, too_little) = (ask("towns"), ask("places"), rows("benefits"));
    let answered = async |permits: [(&str, PermitFor<'_>); 3]| -> Result<Answer, EngineError> {
        let permitted = permits.map(|(name, permit)| {
            let (product, source) = tables.product(name);
            Permitted { permit, product, source }
        });
        tables.house.engine.answer_about(&permitted, sql, &owner(), PLENTY).await
    };
    let (first, second, third) = (
        ("payroll", PermitFor::Statistics(&payroll)),
        ("benefits", PermitFor::Statistics(&benefits)),
        ("places", PermitFor::Rows(&places)),
    );
    let answer = answered([first, second, third]).await.unwrap();
    assert_eq!(answer.loss.rho_nano, 800_000_000);
    let Cell::Estimate { low, high, .. } = answer.rows[0][0] else { panic!("{answer:?}") };
    assert!((low..=high).contains(&4.0), "two of a, one of b, one of c in the noise around it: {answer:?}");

    // Another product's permit, one for rows where persons are, and one for statistics where nobody is.
    for wrong in [
        [first, ("benefits", PermitFor::Statistics(&payroll)), third],
        [first, ("benefits", PermitFor::Statistics(&other)), third],
        [first, second, ("places", PermitFor::Rows(&too_little))],
        [first, ("benefits", PermitFor::Rows(&too_little)), third],
        [first, second, ("places", PermitFor::Statistics(&too_much))],
    ] {
        match answered(wrong).await {
            Err(EngineError::Fault(fault)) => assert_eq!(fault.doing, "checking a permit"),
            other => panic!("a permit for something else was taken: {other:?}"),
        }
    }
    // Without any permit for a product there is nothing to read it by.
    let (product, source) = tables.product("payroll");
    let alone = [Permitted { permit: PermitFor::Statistics(&payroll), product, source }];
    let refusal = refusal_of(tables.house.engine.answer_about(&alone, sql, &owner(), PLENTY).await);
    assert_eq!(refusal.code, "other-product");
    let plain = "SELECT COUNT(*) FROM owner.benefits";
    let (product, source) = tables.product("benefits");
    let both = [alone[0], Permitted { permit: PermitFor::Statistics(&benefits), product, source }];
    let refusal = refusal_of(tables.house.engine.answer_about(&both, plain, &owner(), PLENTY).await);
    assert_eq!(refusal.code, "product-not-named");
}

#[tokio::test]
async fn no_permit_lets_more_be_spent_than_any_other_allows() {
    let tables = Tables::new().await;
    let sql = "SELECT COUNT(*) FROM owner.payroll p JOIN owner.benefits b ON p.person = b.pid";
    let little = Loss { rho_nano: 5_000_000, delta_femto: 0 };
    let payroll: Permit<Statistics> = permit_for("payroll", None, None, PLENTY);
    let benefits: Permit<Statistics> = permit_for("benefits", None, None, little);
    let permitted = [("payroll", &payroll), ("benefits", &benefits)].map(|(name, permit)| {
        let (product, source) = tables.product(name);
        Permitted { permit: PermitFor::Statistics(permit), product, source }
    });
    let answer = tables.house.engine.answer_about(&permitted, sql, &owner(), PLENTY).await.unwrap();
    assert_eq!(answer.loss, little);
}
