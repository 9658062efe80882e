//! Every way a private question is refused, before any data is read.

use std::fmt::Write;

use weal_domain::catalogue::{Bounds, PrivacyPolicy};
use weal_domain::compute::Loss;
use weal_engine::check_filter;

use crate::given::{House, owner, payroll, policy};

/// Code, reason and remedy of what a preview says to each question.
fn refused(questions: &[&str], columns: Option<&[String]>, policy: PrivacyPolicy) -> String {
    let house = House::new();
    let product = payroll(policy);
    let mut said = String::new();
    for sql in questions {
        let refusal = match house.engine.preview(sql, &product, &owner(), columns, None) {
            Err(refusal) => refusal,
            Ok(_) => panic!("{sql} should be refused"),
        };
        let remedy = refusal.remedy.unwrap_or_default();
        writeln!(said, "{sql}\n  {}: {} {remedy}", refusal.code, refusal.reason).unwrap();
    }
    said
}

#[test]
fn what_has_no_private_form_is_named_with_what_to_write_instead() {
    insta::assert_snapshot!(refused(&[
        "SELECT wage FROM owner.payroll",
        "SELECT DISTINCT region FROM owner.payroll",
        "SELECT DISTINCT region, COUNT(*) FROM owner.payroll GROUP BY region",
        "SELECT MODE(wage) FROM owner.payroll",
        "SELECT APPROX_MEDIAN(wage) FROM owner.payroll",
        "SELECT SUM(DISTINCT wage) FROM owner.payroll",
        "SELECT MEDIAN(hired) FROM owner.payroll",
        "SELECT PERCENTILE_CONT(1.5) WITHIN GROUP (ORDER BY wage) FROM owner.payroll",
        "SELECT COUNT(*) OVER () FROM owner.payroll",
        "SELECT NTILE(4) OVER (ORDER BY COUNT(*)), STDDEV(COUNT(*)) OVER () FROM owner.payroll GROUP BY region",
        "SELECT region, COUNT(*) FROM owner.payroll a, owner.payroll b GROUP BY region",
        "SELECT COUNT(*) FROM owner.payroll a JOIN owner.payroll b ON a.region = b.region",
        "SELECT COUNT(*) FROM owner.payroll a FULL JOIN owner.payroll b ON a.person = b.person",
        "SELECT COUNT(*) FROM (VALUES (1), (2)) AS v(hours) LEFT JOIN owner.payroll AS p ON p.hours = v.hours",
        "SELECT COUNT(*) FROM owner.payroll UNION SELECT COUNT(*) FROM owner.payroll",
        "SELECT COUNT(*) FROM owner.payroll UNION ALL SELECT COUNT(*) FROM owner.payroll",
        "SELECT COUNT(*) FROM (SELECT region, COUNT(*) AS n FROM owner.payroll GROUP BY region) x",
        "SELECT COUNT(*) FROM (SELECT person, wage FROM owner.payroll LIMIT 5) x",
        "SELECT COUNT(*) FROM (SELECT person, STDDEV(wage) FROM owner.payroll GROUP BY person) x",
        "SELECT COUNT(*) FROM (SELECT DISTINCT region FROM owner.payroll) x",
        "SELECT COUNT(*) FROM (SELECT person, ROW_NUMBER() OVER (ORDER BY wage) AS r FROM owner.payroll) x",
        "SELECT COUNT(*) FROM owner.payroll WHERE wage IN (SELECT wage FROM owner.payroll)",
        "SELECT COUNT(*) FROM owner.payroll WHERE wage > (SELECT AVG(wage) FROM owner.payroll)",
        "SELECT region, GROUPING(hours), COUNT(*) FROM owner.payroll GROUP BY ROLLUP(region)",
        "SELECT region, COUNT(*) FROM owner.payroll GROUP BY region LIMIT 3 OFFSET 1 + 1",
        "SELECT COUNT(*) FROM owner.payroll WHERE random() < 0.5",
        "SELECT COUNT(*) FROM owner.payroll WHERE hired < now()",
        "SELECT COUNT(*) FROM owner.payroll WHERE hired + INTERVAL '1 day' > DATE '2020-01-01'",
        "SELECT COUNT(*) FROM owner.payroll WHERE region SIMILAR TO 'a|b'",
        "SELECT COUNT(*) FROM owner.payroll WHERE region ~ 'a.*'",
        "SELECT COUNT(*) FROM owner.payroll WHERE region LIKE region",
        "SELECT COUNT(*) FROM owner.payroll WHERE hours & 1 = 1",
        "SELECT COUNT(*) FROM owner.payroll WHERE substr(region, hours, 1) = 'a'",
        "SELECT COUNT(*) FROM owner.payroll WHERE date_part('epoch', hired) = 1",
        "SELECT COUNT(*) FROM owner.payroll LIMIT 1 + 1",
        "SELECT COUNT(*) FROM owner.payroll WHERE hired > 'yesterday'",
        "SELECT COUNT(*) FROM owner.payroll WHERE hours = 'many'",
        "SELECT COUNT(*) FROM owner.payroll WHERE CAST(region AS DECIMAL(10, -2)) > 0",
        "SELECT COUNT(*) FROM owner.payroll WHERE CAST(hours AS TIMESTAMP) IS NULL",
        "SELECT COUNT(*) FROM owner.payroll WHERE hired > DATE '20000-01-01'",
        "SELECT SUM(NULLIF(CAST(NULL AS DOUBLE), NULL)) FROM owner.payroll",
    ], None, policy()), @r"
    SELECT wage FROM owner.payroll
      rows-not-covered: The agreement covers private statistics, and this asks for rows. Ask for totals: COUNT, SUM, AVG or MEDIAN, with GROUP BY if you like.
    SELECT DISTINCT region FROM owner.payroll
      unsupported-sql: DISTINCT cannot be used in private statistics or row filters. Use GROUP BY.
    SELECT DISTINCT region, COUNT(*) FROM owner.payroll GROUP BY region
      unsupported-sql: DISTINCT cannot be used in private statistics or row filters. Use GROUP BY.
    SELECT MODE(wage) FROM owner.payroll
      unsupported-sql: The function mode cannot be used in private statistics or row filters. Use COUNT, SUM, AVG, VAR_POP, STDDEV, MEDIAN, PERCENTILE_CONT, MIN, MAX, and of functions abs, btrim, ceil, char_length, character_length, coalesce, concat, contains, date_part, date_trunc, datepart, datetrunc, ends_with, floor, greatest, ifnull, instr, least, left, length, lower, ltrim, nullif, nvl, position, right, round, rtrim, starts_with, strpos, substr, substring, trim, trunc, upper.
    SELECT APPROX_MEDIAN(wage) FROM owner.payroll
      unsupported-sql: The function approx_median cannot be used in private statistics or row filters. Use MEDIAN(x) or PERCENTILE_CONT(0.9) WITHIN GROUP (ORDER BY x).
    SELECT SUM(DISTINCT wage) FROM owner.payroll
      unsupported-sql: DISTINCT inside an aggregate other than COUNT cannot be used in private statistics or row filters. Leave DISTINCT out, or use COUNT(DISTINCT x).
    SELECT MEDIAN(hired) FROM owner.payroll
      wrong-kind: A function or an operator is given values of a kind that it cannot take. Sum and average numbers; compare values of the same kind; use CAST where needed.
    SELECT PERCENTILE_CONT(1.5) WITHIN GROUP (ORDER BY wage) FROM owner.payroll
      unsupported-sql: A percentile that is no number from 0 to 1 cannot be used in private statistics or row filters. Write it out, for example 0.9 or 0.25.
    SELECT COUNT(*) OVER () FROM owner.payroll
      rows-not-covered: The agreement covers private statistics, and this asks for rows. Ask for totals: COUNT, SUM, AVG or MEDIAN, with GROUP BY if you like.
    SELECT NTILE(4) OVER (ORDER BY COUNT(*)), STDDEV(COUNT(*)) OVER () FROM owner.payroll GROUP BY region
      unsupported-sql: The window function stddev in this form cannot be used in private statistics or row filters. Use count, sum, avg, min, max, row_number, rank, dense_rank, percent_rank, cume_dist, ntile, lag, lead, first_value, last_value, nth_value.
    SELECT region, COUNT(*) FROM owner.payroll a, owner.payroll b GROUP BY region
      sql-not-understood: Ambiguous reference to unqualified field region. Name each column once.
    SELECT COUNT(*) FROM owner.payroll a JOIN owner.payroll b ON a.region = b.region
      unsupported-sql: A join of private rows on something else than their subject cannot be used in private statistics or row filters. Join ON `a.person` = `b.person`: rows of different subjects cannot be put together.
    SELECT COUNT(*) FROM owner.payroll a FULL JOIN owner.payroll b ON a.person = b.person
      unsupported-sql: A Full join cannot be used in private statistics or row filters. Use JOIN or LEFT JOIN, with the product on the left.
    SELECT COUNT(*) FROM (VALUES (1), (2)) AS v(hours) LEFT JOIN owner.payroll AS p ON p.hours = v.hours
      unsupported-sql: A join that begins with public values cannot be used in private statistics or row filters. Put the product on the left.
    SELECT COUNT(*) FROM owner.payroll UNION SELECT COUNT(*) FROM owner.payroll
      unsupported-sql: UNION without ALL, INTERSECT or EXCEPT cannot be used in private statistics or row filters. Use UNION ALL, or ask the parts one by one.
    SELECT COUNT(*) FROM owner.payroll UNION ALL SELECT COUNT(*) FROM owner.payroll
      unsupported-sql: UNION, INTERSECT or EXCEPT cannot be used in private statistics or row filters. Ask the parts one by one.
    SELECT COUNT(*) FROM (SELECT region, COUNT(*) AS n FROM owner.payroll GROUP BY region) x
      unsupported-sql: An aggregate of an answer cannot be used in private statistics or row filters. Group the inner SELECT by `person` as well, or compute with the answer.
    SELECT COUNT(*) FROM (SELECT person, wage FROM owner.payroll LIMIT 5) x
      unsupported-sql: LIMIT in an inner SELECT cannot be used in private statistics or row filters. Put LIMIT at the end of the question.
    SELECT COUNT(*) FROM (SELECT person, STDDEV(wage) FROM owner.payroll GROUP BY person) x
      unsupported-sql: Stddev in an inner SELECT cannot be used in private statistics or row filters. Use COUNT, SUM, AVG, MIN or MAX of one expression there.
    SELECT COUNT(*) FROM (SELECT DISTINCT region FROM owner.payroll) x
      unsupported-sql: DISTINCT without the subject cannot be used in private statistics or row filters. Select `person` there as well, or use GROUP BY.
    SELECT COUNT(*) FROM (SELECT person, ROW_NUMBER() OVER (ORDER BY wage) AS r FROM owner.payroll) x
      unsupported-sql: OVER (a window function) over rows cannot be used in private statistics or row filters. Use GROUP BY first: windows work on what was released.
    SELECT COUNT(*) FROM owner.payroll WHERE wage IN (SELECT wage FROM owner.payroll)
      unsupported-sql: IN (SELECT ...) of something else than the subject cannot be used in private statistics or row filters. Write `person IN (SELECT person ...)`, or list the values.
    SELECT COUNT(*) FROM owner.payroll WHERE wage > (SELECT AVG(wage) FROM owner.payroll)
      unsupported-sql: A subquery in an expression cannot be used in private statistics or row filters. Use IN (SELECT ...) of the subject, or ask the inner question first and write its answer.
    SELECT region, GROUPING(hours), COUNT(*) FROM owner.payroll GROUP BY ROLLUP(region)
      sql-not-understood: GROUPING is asked of something that the question does not group by. Give it keys as they stand in GROUP BY: GROUPING(region).
    SELECT region, COUNT(*) FROM owner.payroll GROUP BY region LIMIT 3 OFFSET 1 + 1
      unsupported-sql: A computed LIMIT or OFFSET cannot be used in private statistics or row filters. Write a whole number.
    SELECT COUNT(*) FROM owner.payroll WHERE random() < 0.5
      unsupported-sql: The function random cannot be used in private statistics or row filters. Use COUNT, SUM, AVG, VAR_POP, STDDEV, MEDIAN, PERCENTILE_CONT, MIN, MAX, and of functions abs, btrim, ceil, char_length, character_length, coalesce, concat, contains, date_part, date_trunc, datepart, datetrunc, ends_with, floor, greatest, ifnull, instr, least, left, length, lower, ltrim, nullif, nvl, position, right, round, rtrim, starts_with, strpos, substr, substring, trim, trunc, upper.
    SELECT COUNT(*) FROM owner.payroll WHERE hired < now()
      unsupported-sql: The function now cannot be used in private statistics or row filters. Write the date itself: DATE '2026-01-31'.
    SELECT COUNT(*) FROM owner.payroll WHERE hired + INTERVAL '1 day' > DATE '2020-01-01'
      unsupported-sql: Arithmetic on dates cannot be used in private statistics or row filters. Compute with numbers; write dates as DATE '2026-01-31' and compare them.
    SELECT COUNT(*) FROM owner.payroll WHERE region SIMILAR TO 'a|b'
      unsupported-sql: SIMILAR TO cannot be used in private statistics or row filters. Use LIKE.
    SELECT COUNT(*) FROM owner.payroll WHERE region ~ 'a.*'
      unsupported-sql: The operator ~ cannot be used in private statistics or row filters. Use comparisons, AND, OR, NOT, IN, LIKE and CASE.
    SELECT COUNT(*) FROM owner.payroll WHERE region LIKE region
      unsupported-sql: LIKE with a computed or very long pattern or an ESCAPE cannot be used in private statistics or row filters. Write the pattern as a short text.
    SELECT COUNT(*) FROM owner.payroll WHERE hours & 1 = 1
      unsupported-sql: The operator & cannot be used in private statistics or row filters. Use comparisons, AND, OR, NOT, IN, LIKE and CASE.
    SELECT COUNT(*) FROM owner.payroll WHERE substr(region, hours, 1) = 'a'
      unsupported-sql: The function substr with these arguments cannot be used in private statistics or row filters. Write the numbers out; they must be whole and not negative.
    SELECT COUNT(*) FROM owner.payroll WHERE date_part('epoch', hired) = 1
      unsupported-sql: The function date_part with these arguments cannot be used in private statistics or row filters. Name a part of a date: year, quarter, month, week, day, hour, minute, second.
    SELECT COUNT(*) FROM owner.payroll LIMIT 1 + 1
      unsupported-sql: A computed LIMIT or OFFSET cannot be used in private statistics or row filters. Write a whole number.
    SELECT COUNT(*) FROM owner.payroll WHERE hired > 'yesterday'
      bad-constant: `yesterday` is no date; write it as 2026-01-31. Compare a column with constants of its own kind.
    SELECT COUNT(*) FROM owner.payroll WHERE hours = 'many'
      bad-constant: `many` is no whole number. Compare a column with constants of its own kind.
    SELECT COUNT(*) FROM owner.payroll WHERE CAST(region AS DECIMAL(10, -2)) > 0
      unsupported-sql: A CAST from decimal number to decimal number cannot be used in private statistics or row filters. Cast to BIGINT, DOUBLE, VARCHAR or BOOLEAN, and to DATE or TIMESTAMP from texts and dates.
    SELECT COUNT(*) FROM owner.payroll WHERE CAST(hours AS TIMESTAMP) IS NULL
      unsupported-sql: A CAST from whole number to timestamp cannot be used in private statistics or row filters. Cast to BIGINT, DOUBLE, VARCHAR or BOOLEAN, and to DATE or TIMESTAMP from texts and dates.
    SELECT COUNT(*) FROM owner.payroll WHERE hired > DATE '20000-01-01'
      bad-constant: `20000-01-01` is no date; write it as 2026-01-31. Compare a column with constants of its own kind.
    SELECT SUM(NULLIF(CAST(NULL AS DOUBLE), NULL)) FROM owner.payroll
      unsupported-sql: A sum of NULL alone cannot be used in private statistics or row filters. Sum a column.
    ");
}

#[test]
fn sums_without_bounds_are_refused_by_the_bound_that_is_missing() {
    let mut policy = policy();
    policy.bounds.remove("wage");
    insta::assert_snapshot!(refused(&[
        "SELECT SUM(wage) FROM owner.payroll",
        "SELECT AVG(hours + wage) FROM owner.payroll",
        "SELECT SUM(region) FROM owner.payroll",
        "SELECT SUM(character_length(region)) FROM owner.payroll",
        "SELECT SUM(hours / (hours + 1)) FROM owner.payroll",
        "SELECT SUM(hours % 2) FROM owner.payroll",
        "SELECT SUM(hours * 1e300 * 1e300) FROM owner.payroll",
        "SELECT SUM(hours * 1e30) FROM owner.payroll",
    ], None, policy), @r"
    SELECT SUM(wage) FROM owner.payroll
      bounds-missing: The owner has declared no bounds for `wage`, so it cannot be summed or averaged. Use COUNT, or a column with bounds: `Hours`.
    SELECT AVG(hours + wage) FROM owner.payroll
      bounds-missing: The owner has declared no bounds for `wage`, so it cannot be summed or averaged. Use COUNT, or a column with bounds: `Hours`.
    SELECT SUM(region) FROM owner.payroll
      wrong-kind: A function or an operator is given values of a kind that it cannot take. Sum and average numbers; compare values of the same kind; use CAST where needed.
    SELECT SUM(character_length(region)) FROM owner.payroll
      bounds-missing: The owner has declared no bounds for `region`, so it cannot be summed or averaged. Use COUNT, or a column with bounds: `Hours`.
    SELECT SUM(hours / (hours + 1)) FROM owner.payroll
      unsupported-sql: A division by something that may be zero cannot be used in private statistics or row filters. Divide by a number, or sum both and divide the answers.
    SELECT SUM(hours % 2) FROM owner.payroll
      unsupported-sql: The operator % in a sum cannot be used in private statistics or row filters. Use +, -, * and division by a number.
    SELECT SUM(hours * 1e300 * 1e300) FROM owner.payroll
      bounds-too-wide: The sum's bounds are beyond all numbers. Sum a narrower expression.
    SELECT SUM(hours * 1e30) FROM owner.payroll
      bounds-too-wide: This cannot be summed privately: a bound of -10000000000000000000000000000000 with 0 decimal places does not fit the integers used; keep fewer places or narrow the bounds. Sum a narrower expression.
    ");
}

#[test]
fn sums_whose_bounds_wrap_around_are_refused() {
    // 2^52 times 4,096 rows is 2^64: a sensitivity of nothing, were it computed in 64 bits.
    let mut policy = PrivacyPolicy { rows_per_group_max: 4096, ..policy() };
    let wide = Bounds { low: 0.0, high: 4_503_599_627_370_496.0, decimals: 0 };
    policy.bounds.insert("wage".into(), wide);
    policy.bounds.insert("Hours".into(), Bounds { low: -1.0, high: 1.0, decimals: 0 });
    insta::assert_snapshot!(refused(&[
        "SELECT SUM(wage) FROM owner.payroll",
        "SELECT AVG(wage) FROM owner.payroll",
        "SELECT AVG(hours * 9007199254740992) FROM owner.payroll",
        "SELECT SUM(hours * 4503599627370496) FROM owner.payroll",
    ], None, policy.clone()), @r"
    SELECT SUM(wage) FROM owner.payroll
      bounds-too-wide: This cannot be summed privately: one subject could move one group by 18446744073709551616, more than 140737488355328; narrow the bounds, keep fewer decimal places or allow fewer rows. Sum a narrower expression, or ask the owner for narrower bounds.
    SELECT AVG(wage) FROM owner.payroll
      bounds-too-wide: This cannot be summed privately: one subject could move one group by 18446744073709551616, more than 140737488355328; narrow the bounds, keep fewer decimal places or allow fewer rows. Sum a narrower expression, or ask the owner for narrower bounds.
    SELECT AVG(hours * 9007199254740992) FROM owner.payroll
      bounds-too-wide: This cannot be summed privately: one subject could move one group by 36893488147419103232, more than 140737488355328; narrow the bounds, keep fewer decimal places or allow fewer rows. Sum a narrower expression, or ask the owner for narrower bounds.
    SELECT SUM(hours * 4503599627370496) FROM owner.payroll
      bounds-too-wide: This cannot be summed privately: one subject could move one group by 18446744073709551616, more than 140737488355328; narrow the bounds, keep fewer decimal places or allow fewer rows. Sum a narrower expression, or ask the owner for narrower bounds.
    ");
    // Half a bit less than the most that fits is noised for what it is.
    let house = House::new();
    policy.bounds.insert("wage".into(), Bounds { low: 0.0, high: 34_359_738_367.0, decimals: 0 });
    let preview =
        house.engine.preview("SELECT SUM(wage) FROM owner.payroll", &payroll(policy), &owner(), None, None);
    assert!(preview.unwrap().half_widths[0].unwrap() > 1e14);
}

#[test]
fn columns_and_products_outside_the_agreement_are_refused() {
    let covered = ["region".to_owned(), "wage".to_owned()];
    insta::assert_snapshot!(refused(&[
        "SELECT COUNT(hours) FROM owner.payroll",
        "SELECT COUNT(*) FROM owner.payroll GROUP BY person",
        "SELECT COUNT(*) FROM owner.payroll WHERE active",
        "SELECT COUNT(DISTINCT person) FROM owner.payroll",
        "SELECT COUNT(wages) FROM owner.payroll",
        "SELECT COUNT(*) FROM owner.benefits",
        "SELECT COUNT(*) FROM other.payroll",
        "SELECT COUNT(*) FROM owner.payroll, owner.benefits",
    ], Some(&covered), policy()), @r"
    SELECT COUNT(hours) FROM owner.payroll
      column-not-covered: The agreement does not cover the column `Hours`. You can ask about `region`, `wage`.
    SELECT COUNT(*) FROM owner.payroll GROUP BY person
      column-not-covered: The agreement does not cover the column `person`. You can ask about `region`, `wage`.
    SELECT COUNT(*) FROM owner.payroll WHERE active
      column-not-covered: The agreement does not cover the column `active`. You can ask about `region`, `wage`.
    SELECT COUNT(DISTINCT person) FROM owner.payroll
      column-not-covered: The agreement does not cover the column `person`. You can ask about `region`, `wage`.
    SELECT COUNT(wages) FROM owner.payroll
      no-such-column: There is no column `wages` in owner.payroll. You can ask about `region`, `wage`.
    SELECT COUNT(*) FROM owner.benefits
      other-product: The agreement covers `owner.payroll`, not `owner.benefits`. Ask about `owner.payroll`, or request an agreement for `owner.benefits`.
    SELECT COUNT(*) FROM other.payroll
      other-product: The agreement covers `owner.payroll`, not `other.payroll`. Ask about `owner.payroll`, or request an agreement for `other.payroll`.
    SELECT COUNT(*) FROM owner.payroll, owner.benefits
      other-product: The agreement covers `owner.payroll`, not `owner.benefits`. Ask about `owner.payroll`, or request an agreement for `owner.benefits`.
    ");
}

#[test]
fn without_policy_loss_or_delta_there_is_no_answer() {
    let house = House::new();
    let by_region = "SELECT region, COUNT(*) FROM owner.payroll GROUP BY region";
    let mut product = payroll(policy());
    let preview = |product: &_, sql: &str, loss| house.engine.preview(sql, product, &owner(), None, loss);
    let no_loss = preview(&product, by_region, Some(Loss::default())).unwrap_err();
    assert_eq!(
        (no_loss.code.as_str(), no_loss.kind),
        ("no-private-answer", weal_domain::RefusalKind::Exhausted)
    );
    let no_delta =
        preview(&product, by_region, Some(Loss { rho_nano: 1_000_000, delta_femto: 0 })).unwrap_err();
    assert_eq!(no_delta.remedy.as_deref(), Some("Allow a delta above 0, or group by public keys alone."));
    product.privacy.as_mut().unwrap().public_keys.insert("region".into(), vec!["a".into(); 200_000]);
    assert_eq!(preview(&product, by_region, None).unwrap_err().code, "too-many-groups");
    product.privacy.as_mut().unwrap().public_keys.insert("region".into(), vec!["a".into()]);
    let only_keys = "SELECT region FROM owner.payroll GROUP BY region";
    assert_eq!(preview(&product, only_keys, None).unwrap_err().code, "nothing-asked");
    product.privacy.as_mut().unwrap().public_keys.insert("Hours".into(), vec!["many".into()]);
    let by_hours = "SELECT hours, COUNT(*) FROM owner.payroll GROUP BY hours";
    assert_eq!(preview(&product, by_hours, None).unwrap_err().code, "bad-public-keys");
    product.privacy = None;
    assert_eq!(preview(&product, by_region, None).unwrap_err().code, "no-privacy-policy");
}

#[test]
fn row_filters_are_conditions_over_the_columns() {
    let columns = payroll(policy()).columns;
    for good in [
        "region = 'north'",
        "HOURS BETWEEN 1 AND 3 OR active",
        "wage / hours > 3",
        "\"Hours\" IN (1, 2)",
        "hired >= '2020-01-01'",
    ] {
        check_filter(&columns, good).unwrap();
    }
    let mut said = String::new();
    for bad in [
        "",
        "region",
        "hours + 1",
        "nosuch = 1",
        "region = 'a'; DROP TABLE x",
        "COUNT(*) > 1",
        "hours IN (SELECT 1)",
        "random() > 0",
        "region =",
        "a = 1 WHERE b = 2",
    ] {
        let refusal = check_filter(&columns, bad).unwrap_err();
        writeln!(said, "{bad}\n  {}: {}", refusal.code, refusal.reason).unwrap();
    }
    insta::assert_snapshot!(said, @r"

      empty-question: The row filter is empty.
    region
      sql-not-understood: A condition does not come to true or false.
    hours + 1
      sql-not-understood: A condition does not come to true or false.
    nosuch = 1
      no-such-column: There is no column `nosuch` in the product.
    region = 'a'; DROP TABLE x
      one-question-at-a-time: The row filter holds more than one statement.
    COUNT(*) > 1
      unsupported-sql: An aggregate inside another expression cannot be used in private statistics or row filters.
    hours IN (SELECT 1)
      unsupported-sql: A subquery in a condition cannot be used in private statistics or row filters.
    random() > 0
      unsupported-sql: The function random cannot be used in private statistics or row filters.
    region =
      sql-syntax: The SQL cannot be read: Expected: an expression, found: EOF
    a = 1 WHERE b = 2
      sql-syntax: The SQL cannot be read: Expected: end, found: WHERE
    ");
}
