//! The invented country: its facts hang together, its seed is all its chance, and no agency holds what
//! is another's.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use arrow::array::AsArray as _;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;
use weal_cli::demo::country::{AGE_BANDS, PAY_BANDS, REGIONS, WAGE_CEILING};
use weal_cli::demo::files::{Files, Written, write};
use weal_cli::demo::population::{Education, Population, Resident, person_id};

const PEOPLE: u32 = 30_000;
const SEED: u64 = 7;

struct Country {
    _folder: TempDir,
    files: Files,
    written: Written,
}

fn country(people: u32, seed: u64) -> Country {
    let folder = tempfile::tempdir().expect("a folder");
    let files = Files::below(folder.path());
    let written = write(&files, people, seed, &mut |_| {}).expect("written");
    Country { _folder: folder, files, written }
}

/// A CSV file as rows of columns by name.
fn csv(path: &Path) -> (Vec<String>, Vec<Vec<String>>) {
    let text = std::fs::read_to_string(path).expect("read");
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    (lines.next().expect("a head"), lines.collect())
}

/// The columns of the claims and the person of each.
fn claims(path: &Path) -> (Vec<String>, Vec<String>) {
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(path).expect("open")).expect("Parquet");
    let columns = reader.schema().fields().iter().map(|field| field.name().clone()).collect();
    let batches = reader.build().expect("readable");
    let persons = batches.flat_map(|batch| {
        let batch = batch.expect("a batch");
        let column = batch.column_by_name("person_id").expect("a column").as_string::<i32>().clone();
        column.iter().map(|person| person.expect("never null").to_owned()).collect::<Vec<_>>()
    });
    (columns, persons.collect())
}

#[test]
fn about_one_claim_in_eighty_is_a_ghost_and_no_other_is() {
    let country = country(PEOPLE, SEED);
    let (_, payroll) = csv(&country.files.payroll);
    let apprentices: HashSet<&str> =
        payroll.iter().filter(|row| row[5] == "apprentice").map(|row| row[0].as_str()).collect();
    let employed: HashSet<&str> = payroll.iter().map(|row| row[0].as_str()).collect();
    let (_, claims) = claims(&country.files.claims);
    let ghosts: Vec<&String> = claims.iter().filter(|person| !employed.contains(person.as_str())).collect();
    assert_eq!(claims.len() as u64, country.written.claims);
    assert_eq!(ghosts.len() as u64, country.written.ghosts);
    assert_eq!(apprentices.len() as u64, country.written.claims - country.written.ghosts);
    let distinct: HashSet<&String> = claims.iter().collect();
    assert_eq!(distinct.len(), claims.len(), "nobody is claimed twice");
    let share = ghosts.len() as f64 / claims.len() as f64;
    assert!((0.005..0.020).contains(&share), "{share} of the claims are ghosts");
    // Some ghosts bear a living person's name, some nobody's.
    let living: HashSet<String> = (0..PEOPLE).map(|number| person_id(SEED, number)).collect();
    let borrowed = ghosts.iter().filter(|person| living.contains(**person)).count();
    assert!(borrowed > 0 && borrowed < ghosts.len(), "{borrowed} of {} ghosts borrow a name", ghosts.len());
}

#[test]
fn the_same_seed_is_the_same_country_and_another_is_another() {
    let read = |country: &Country| {
        [&country.files.payroll, &country.files.claims, &country.files.benefits, &country.files.regions]
            .map(|path| std::fs::read(path).expect("read"))
    };
    let (first, again, other) = (country(3_000, 1), country(3_000, 1), country(3_000, 2));
    assert_eq!(read(&first), read(&again));
    assert_eq!(first.written, again.written);
    for (one, other) in read(&first).iter().zip(read(&other)) {
        assert_ne!(*one, other);
    }
}

#[test]
fn no_agency_holds_a_column_of_another() {
    let country = country(2_000, 1);
    let of = |columns: Vec<String>| columns.into_iter().collect::<BTreeSet<_>>();
    let (payroll, claims, benefits) = (
        of(csv(&country.files.payroll).0),
        of(claims(&country.files.claims).0),
        of(csv(&country.files.benefits).0),
    );
    // Numbers that the whole country uses; everything else is one agency's alone.
    let shared = of(vec!["person_id".into(), "employer_id".into()]);
    for (one, other) in [(&payroll, &claims), (&payroll, &benefits), (&claims, &benefits)] {
        let both: BTreeSet<String> = one.intersection(other).cloned().collect();
        assert!(both.is_subset(&shared), "{both:?}");
    }
}

#[test]
fn facts_hang_together() {
    let residents: Vec<Resident> = Population::new(PEOPLE, SEED).collect();
    let full_time: Vec<&Resident> =
        residents.iter().filter(|one| one.jobs.len() == 1 && one.jobs[0].weekly_hours == 40).collect();
    let wage = |one: &Resident| f64::from(one.jobs[0].monthly_wage);
    let mean = |of: &dyn Fn(&Resident) -> bool| {
        let chosen: Vec<f64> = full_time.iter().filter(|one| of(one)).map(|one| wage(one)).collect();
        assert!(chosen.len() > 50, "too few to tell");
        chosen.iter().sum::<f64>() / chosen.len() as f64
    };
    let degree = mean(&|one| one.education == Education::Degree);
    let basic = mean(&|one| one.education == Education::Basic);
    assert!(degree > 1.4 * basic, "a degree pays: {degree} against {basic}");
    assert!(mean(&|one| (45..55).contains(&one.age)) > 1.2 * mean(&|one| one.age < 25), "experience pays");
    assert!(mean(&|one| one.region == 1) > 1.1 * mean(&|one| one.region == 2), "regions differ");

    let jobless = |of: &dyn Fn(&Resident) -> bool| {
        let chosen: Vec<&Resident> = residents.iter().filter(|one| of(one)).collect();
        let spells = chosen.iter().filter(|one| one.spells.iter().any(|spell| spell.last_day.is_none()));
        spells.count() as f64 / chosen.len() as f64
    };
    let (poor, rich) = (jobless(&|one| one.region == 2), jobless(&|one| one.region == 1));
    assert!(poor > 1.3 * rich, "unemployment differs between regions: {poor} against {rich}");
    let (schooled, unschooled) = (
        jobless(&|one| one.education == Education::Degree),
        jobless(&|one| one.education == Education::Basic),
    );
    assert!(unschooled > 1.5 * schooled, "school protects: {unschooled} against {schooled}");
}

#[test]
fn apprentices_are_young_and_have_no_degree() {
    for resident in Population::new(PEOPLE, SEED).filter(|one| one.apprenticeship().is_some()) {
        assert!(resident.age <= 24 && resident.education < Education::Degree, "{resident:?}");
    }
}

#[test]
fn what_the_owner_declares_public_is_all_there_is() {
    let country = country(PEOPLE, SEED);
    let (columns, rows) = csv(&country.files.payroll);
    let values = |name: &str| {
        let index = columns.iter().position(|column| column == name).expect("a column");
        rows.iter().map(|row| row[index].clone()).collect::<BTreeSet<_>>()
    };
    let of =
        |names: &mut dyn Iterator<Item = &'static str>| names.map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(values("region"), of(&mut REGIONS.iter().map(|region| region.name)));
    assert_eq!(values("age_band"), of(&mut AGE_BANDS.iter().map(|(_, name)| *name)));
    assert_eq!(values("pay_band"), of(&mut PAY_BANDS.iter().map(|(_, name)| *name)));
    assert!(values("monthly_wage").iter().all(|wage| wage.parse::<u32>().expect("a number") <= WAGE_CEILING));
}

#[test]
fn nobody_counts_in_two_groups_or_more_often_than_the_policy_says() {
    let country = country(PEOPLE, SEED);
    let (_, rows) = csv(&country.files.payroll);
    let mut persons: HashMap<&str, Vec<&Vec<String>>> = HashMap::new();
    for row in &rows {
        persons.entry(&row[0]).or_default().push(row);
    }
    let most = persons.values().map(Vec::len).max().expect("somebody");
    assert_eq!(most, 3, "some have three jobs, nobody has more");
    for jobs in persons.values() {
        let groups: HashSet<_> = jobs.iter().map(|row| (&row[2], &row[3], &row[8])).collect();
        assert_eq!(groups.len(), 1, "region, age band and pay band are the person's, not the job's");
    }
}

#[test]
fn the_reference_table_counts_every_resident() {
    let country = country(5_000, 3);
    let (_, rows) = csv(&country.files.regions);
    assert_eq!(rows.len(), REGIONS.len());
    let residents: u64 = rows.iter().map(|row| row[3].parse::<u64>().expect("a number")).sum();
    assert_eq!(residents, 5_000);
}

#[test]
fn personal_numbers_are_never_given_twice() {
    let all: HashSet<String> = (0..200_000).map(|number| person_id(SEED, number)).collect();
    assert_eq!(all.len(), 200_000);
}
