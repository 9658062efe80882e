//! Who lives in Halmere: residents with facts that hang together, one after another from a seed.
//!
//! Wages depend on age, education, region, sector and employer; work and spells without it depend on
//! age, education and region; apprentices are young, without a degree, and work in the crafts. One
//! seed and one number of people always give the same country.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::country::{AGE_MAX, AGE_MIN, REGIONS, SECTORS, WAGE_CEILING};

/// What one resident has reached at school.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Education {
    Basic,
    Secondary,
    Vocational,
    Degree,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contract {
    Permanent,
    FixedTerm,
    Apprentice,
}

impl Contract {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Contract::Permanent => "permanent",
            Contract::FixedTerm => "fixed_term",
            Contract::Apprentice => "apprentice",
        }
    }
}

/// One line of the payroll.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Job {
    /// Index into [`SECTORS`].
    pub sector: usize,
    pub employer: u32,
    pub contract: Contract,
    pub weekly_hours: u32,
    /// In crowns, at most [`WAGE_CEILING`].
    pub monthly_wage: u32,
}

/// A time without work. Days count from the first day of the demo's calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spell {
    pub first_day: u32,
    /// `None` while it lasts.
    pub last_day: Option<u32>,
    pub daily_amount: u32,
}

/// The days that the demo's calendar has.
pub const CALENDAR_DAYS: u32 = 1_096;

#[derive(Debug, Clone, PartialEq)]
pub struct Resident {
    pub number: u32,
    pub age: u8,
    /// Index into [`REGIONS`].
    pub region: usize,
    pub education: Education,
    pub jobs: Vec<Job>,
    pub spells: Vec<Spell>,
}

impl Resident {
    /// The pay of all jobs together, in crowns, up to the ceiling.
    #[must_use]
    pub fn pay(&self) -> u32 {
        self.jobs.iter().map(|job| job.monthly_wage).sum::<u32>().min(WAGE_CEILING)
    }
    #[must_use]
    pub fn apprenticeship(&self) -> Option<&Job> {
        self.jobs.iter().find(|job| job.contract == Contract::Apprentice)
    }
}

/// A personal number as all agencies write it: without order, and told apart by every seed.
#[must_use]
pub fn person_id(seed: u64, number: u32) -> String {
    // 618,033,989 shares no factor with 10^9: every number gives another one of nine digits.
    const DIGITS: u64 = 1_000_000_000;
    let start = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) % DIGITS;
    format!("H{:09}", (u64::from(number) * 618_033_989 + start) % DIGITS)
}

/// All residents, one at a time: memory does not grow with the country.
#[derive(Debug)]
pub struct Population {
    chance: ChaCha8Rng,
    people: u32,
    next: u32,
    seed: u64,
    /// Employers per sector and region.
    employers: u32,
}

/// One employer for about this many residents.
const RESIDENTS_PER_EMPLOYER: u32 = 40;

impl Population {
    #[must_use]
    pub fn new(people: u32, seed: u64) -> Self {
        let pairs = (REGIONS.len() * SECTORS.len()) as u32;
        let employers = (people / RESIDENTS_PER_EMPLOYER / pairs).clamp(3, 2_000);
        Self { chance: ChaCha8Rng::seed_from_u64(seed), people, next: 0, seed, employers }
    }

    fn resident(&mut self) -> Resident {
        let number = self.next;
        let region = pick(&mut self.chance, REGIONS.iter().map(|region| region.weight));
        let age = self.age();
        let education = education(&mut self.chance, age, REGIONS[region].degrees);
        let wants_work = self.chance.random_bool(participation(age, education));
        let jobless_risk = REGIONS[region].unemployment * schooling_risk(education) * age_risk(age);
        let jobless = wants_work && self.chance.random_bool(jobless_risk.min(0.6));
        let jobs = if wants_work && !jobless { self.jobs(age, region, education) } else { Vec::new() };
        let spells = self.spells(age, jobless, jobless_risk, education);
        Resident { number, age, region, education, jobs, spells }
    }

    fn age(&mut self) -> u8 {
        loop {
            let age = self.chance.random_range(AGE_MIN..=AGE_MAX);
            // Fewer and fewer from 56 on.
            let kept = 1.0 - f64::from(age.saturating_sub(55)) * 0.018;
            if self.chance.random_bool(kept) {
                return age;
            }
        }
    }

    fn jobs(&mut self, age: u8, region: usize, education: Education) -> Vec<Job> {
        let apprentice = age <= 24
            && education < Education::Degree
            && self.chance.random_bool(if age <= 20 { 0.55 } else { 0.22 });
        let mut jobs = vec![self.job(age, region, education, apprentice, 1.0)];
        let more = self.chance.random::<f64>();
        if more < 0.07 {
            jobs.push(self.job(age, region, education, false, 0.3));
        }
        if more < 0.008 {
            jobs.push(self.job(age, region, education, false, 0.2));
        }
        jobs
    }

    /// `share` of a full week: 1 for the main job.
    fn job(&mut self, age: u8, region: usize, education: Education, apprentice: bool, share: f64) -> Job {
        let sector = pick(
            &mut self.chance,
            SECTORS.iter().map(|sector| match (apprentice, sector.craft, education) {
                (true, false, _) => 0.0,
                (_, _, Education::Degree) => sector.weight * sector.degrees,
                _ => sector.weight,
            }),
        );
        // Few employers have many people, many have few.
        let rank = (self.chance.random::<f64>().powi(2) * f64::from(self.employers)) as u32;
        let employer = (rank * SECTORS.len() as u32 + sector as u32) * REGIONS.len() as u32 + region as u32;
        let part_time = share == 1.0 && !apprentice && self.chance.random_bool(SECTORS[sector].part_time);
        let weekly_hours = match (share == 1.0, part_time) {
            (true, false) => 40,
            (true, true) => 4 * self.chance.random_range(4..=8),
            (false, _) => (40.0 * share) as u32 - self.chance.random_range(0..4),
        };
        let full_time = 2_150.0
            * schooling_wage(education)
            * SECTORS[sector].wage
            * REGIONS[region].wage
            * experience_wage(age)
            * employer_wage(self.seed, employer)
            * (0.24 * normal(&mut self.chance)).exp()
            * if apprentice { 0.5 } else { 1.0 };
        let wage = full_time * f64::from(weekly_hours) / 40.0;
        let contract = match () {
            () if apprentice => Contract::Apprentice,
            () if self.chance.random_bool(if age < 30 { 0.31 } else { 0.08 }) => Contract::FixedTerm,
            () => Contract::Permanent,
        };
        let monthly_wage = (wage.round() as u32).clamp(60, WAGE_CEILING);
        Job { sector, employer, contract, weekly_hours, monthly_wage }
    }

    fn spells(&mut self, age: u8, jobless: bool, risk: f64, education: Education) -> Vec<Spell> {
        let mut spells = Vec::new();
        let daily = 22.0 * schooling_wage(education) * (0.15 * normal(&mut self.chance)).exp();
        let daily_amount = daily.round() as u32;
        let mut day = 0;
        // Past spells: the likelier, the greater the risk of being without work now.
        while age < 66 && spells.len() < 2 && self.chance.random_bool((risk * 1.4).min(0.7)) {
            let first_day = day + self.chance.random_range(5..300);
            let last_day = first_day + self.chance.random_range(14..240);
            if last_day >= CALENDAR_DAYS - 60 {
                break;
            }
            spells.push(Spell { first_day, last_day: Some(last_day), daily_amount });
            day = last_day + 30;
        }
        if jobless {
            let first_day = CALENDAR_DAYS - self.chance.random_range(7..(CALENDAR_DAYS - day).clamp(8, 400));
            spells.push(Spell { first_day, last_day: None, daily_amount });
        }
        spells
    }
}

impl Iterator for Population {
    type Item = Resident;

    fn next(&mut self) -> Option<Resident> {
        if self.next == self.people {
            return None;
        }
        let resident = self.resident();
        self.next += 1;
        Some(resident)
    }
}

fn education(chance: &mut ChaCha8Rng, age: u8, degrees: f64) -> Education {
    let degree = match age {
        0..=20 => 0.0,
        21..=24 => 0.16,
        25..=44 => 0.36,
        45..=59 => 0.27,
        _ => 0.18,
    };
    let basic = match age {
        0..=18 => 0.72,
        19..=24 => 0.24,
        25..=54 => 0.13,
        _ => 0.24,
    };
    let draw = chance.random::<f64>();
    match () {
        () if draw < degree * degrees => Education::Degree,
        () if draw > 1.0 - basic => Education::Basic,
        () if chance.random_bool(0.55) => Education::Vocational,
        () => Education::Secondary,
    }
}

/// How likely it is that someone works or would.
fn participation(age: u8, education: Education) -> f64 {
    let by_age = match age {
        0..=18 => 0.36,
        19..=24 => 0.66,
        25..=54 => 0.88,
        55..=60 => 0.80,
        61..=64 => 0.58,
        65..=69 => 0.17,
        _ => 0.06,
    };
    let by_school = match education {
        Education::Basic => 0.90,
        Education::Secondary => 0.98,
        Education::Vocational => 1.01,
        Education::Degree => 1.05,
    };
    f64::min(by_age * by_school, 0.97)
}

fn schooling_risk(education: Education) -> f64 {
    match education {
        Education::Basic => 2.0,
        Education::Secondary => 1.1,
        Education::Vocational => 0.9,
        Education::Degree => 0.5,
    }
}

fn age_risk(age: u8) -> f64 {
    match age {
        0..=24 => 1.7,
        25..=54 => 0.9,
        _ => 1.1,
    }
}

fn schooling_wage(education: Education) -> f64 {
    match education {
        Education::Basic => 0.82,
        Education::Secondary => 1.0,
        Education::Vocational => 1.08,
        Education::Degree => 1.52,
    }
}

/// Rises until about fifty, then falls a little (the Mincer equation's shape).
fn experience_wage(age: u8) -> f64 {
    let years = f64::from(age) - 50.0;
    1.12 - 0.000_42 * years * years
}

/// What an employer pays above or below others: the same for all its people.
fn employer_wage(seed: u64, employer: u32) -> f64 {
    let mixed = (u64::from(employer) ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    0.88 + 0.24 * ((mixed >> 40) as f64 / (1_u64 << 24) as f64)
}

/// An index, with chances in proportion to the weights.
fn pick(chance: &mut ChaCha8Rng, weights: impl Iterator<Item = f64> + Clone) -> usize {
    let mut left = chance.random::<f64>() * weights.clone().sum::<f64>();
    let mut last = 0;
    for (index, weight) in weights.enumerate().filter(|(_, weight)| *weight > 0.0) {
        last = index;
        left -= weight;
        if left < 0.0 {
            break;
        }
    }
    last
}

/// A standard normal number (Box and Muller 1958).
fn normal(chance: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - chance.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * chance.random::<f64>()).cos()
}
