//! What each agency holds of the population, written while the residents pass by: a million of them
//! take no more memory than a thousand.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::claims::{Claim, ClaimsFile, GHOST_SHARE};
use super::country::{AGE_BANDS, PAY_BANDS, REGIONS, SECTORS, band};
use super::population::{CALENDAR_DAYS, Population, Resident, person_id};

/// The first day of the demo's calendar; it ends three years later.
pub const CALENDAR_BEGINS: jiff::civil::Date = jiff::civil::date(2023, 7, 1);

/// Where the files stand, one folder per agency.
#[derive(Debug, Clone)]
pub struct Files {
    pub payroll: PathBuf,
    pub claims: PathBuf,
    pub benefits: PathBuf,
    pub regions: PathBuf,
}

impl Files {
    #[must_use]
    pub fn below(folder: &Path) -> Self {
        Self {
            payroll: folder.join("revenue").join("payroll.csv"),
            claims: folder.join("education").join("claims.parquet"),
            benefits: folder.join("employment").join("benefits.csv"),
            regions: folder.join("employment").join("regions.csv"),
        }
    }
}

/// What was written. Only the demo knows the ghosts.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Written {
    pub residents: u64,
    pub employed: u64,
    pub payroll_rows: u64,
    pub claims: u64,
    pub ghosts: u64,
    pub benefit_rows: u64,
    pub residents_per_region: [u64; REGIONS.len()],
}

/// Writes every agency's files. `progress` hears how many residents have passed.
pub fn write(files: &Files, people: u32, seed: u64, progress: &mut dyn FnMut(u64)) -> io::Result<Written> {
    const TOLD_EVERY: u64 = 4_096;
    let mut desks = Desks::open(files, people, seed)?;
    for resident in Population::new(people, seed) {
        desks.note(&resident)?;
        if desks.written.residents.is_multiple_of(TOLD_EVERY) {
            progress(desks.written.residents);
        }
    }
    progress(desks.written.residents);
    desks.close(files)
}

/// One open file per agency.
struct Desks {
    payroll: BufWriter<File>,
    claims: ClaimsFile,
    benefits: BufWriter<File>,
    written: Written,
    people: u32,
    seed: u64,
    /// Chance of its own, so that what is claimed does not change who lives in the country.
    chance: ChaCha8Rng,
    /// A resident without work, in whose name a ghost can be claimed.
    borrowed_name: Option<u32>,
    invented: u32,
}

impl Desks {
    fn open(files: &Files, people: u32, seed: u64) -> io::Result<Self> {
        let mut payroll = create(&files.payroll)?;
        let head = "person_id,employer_id,region,age_band,sector,contract,weekly_hours,monthly_wage,pay_band";
        writeln!(payroll, "{head}")?;
        let mut benefits = create(&files.benefits)?;
        writeln!(benefits, "person_id,benefit,office,spell_start,spell_end,daily_amount,household_size")?;
        Ok(Self {
            payroll,
            claims: ClaimsFile::create(&files.claims)?,
            benefits,
            written: Written::default(),
            people,
            seed,
            chance: ChaCha8Rng::seed_from_u64(seed.wrapping_add(1)),
            borrowed_name: None,
            invented: 0,
        })
    }

    fn note(&mut self, resident: &Resident) -> io::Result<()> {
        let person = person_id(self.seed, resident.number);
        self.written.residents += 1;
        self.written.residents_per_region[resident.region] += 1;
        self.note_jobs(resident, &person)?;
        self.note_spells(resident, &person)?;
        if let Some(job) = resident.apprenticeship() {
            let claim = self.claim(person, employer_id(job.employer), resident.age);
            self.claims.write(&claim)?;
            self.written.claims += 1;
            if self.chance.random_bool(GHOST_SHARE / (1.0 - GHOST_SHARE)) {
                self.note_ghost(claim.employer_id)?;
            }
        } else if resident.jobs.is_empty() && resident.age < 30 {
            self.borrowed_name = Some(resident.number);
        }
        Ok(())
    }

    fn note_jobs(&mut self, resident: &Resident, person: &str) -> io::Result<()> {
        let region = REGIONS[resident.region].name;
        let age_band = band(&AGE_BANDS, resident.age);
        let pay_band = band(&PAY_BANDS, resident.pay());
        self.written.employed += u64::from(!resident.jobs.is_empty());
        for job in &resident.jobs {
            self.written.payroll_rows += 1;
            writeln!(
                self.payroll,
                "{person},{},{region},{age_band},{},{},{},{},{pay_band}",
                employer_id(job.employer),
                SECTORS[job.sector].name,
                job.contract.as_str(),
                job.weekly_hours,
                job.monthly_wage,
            )?;
        }
        Ok(())
    }

    fn note_spells(&mut self, resident: &Resident, person: &str) -> io::Result<()> {
        for spell in &resident.spells {
            self.written.benefit_rows += 1;
            let ends = spell.last_day.map_or_else(String::new, |day| date(day).to_string());
            let long = spell.last_day.unwrap_or(CALENDAR_DAYS) - spell.first_day > 180;
            let benefit = if long { "long_term_support" } else { "unemployment" };
            writeln!(
                self.benefits,
                "{person},{benefit},{},{},{ends},{},{}",
                REGIONS[resident.region].capital,
                date(spell.first_day),
                spell.daily_amount,
                self.chance.random_range(1..=5),
            )?;
        }
        Ok(())
    }

    /// A claim behind which nobody works: half in the name of someone without a job, half in a name
    /// that nobody bears.
    fn note_ghost(&mut self, employer_id: String) -> io::Result<()> {
        let number = match self.borrowed_name.take().filter(|_| self.chance.random_bool(0.5)) {
            Some(number) => number,
            None => {
                self.invented += 1;
                self.people + self.invented
            }
        };
        let age = self.chance.random_range(17..=22);
        let claim = self.claim(person_id(self.seed, number), employer_id, age);
        self.claims.write(&claim)?;
        self.written.claims += 1;
        self.written.ghosts += 1;
        Ok(())
    }

    fn claim(&mut self, person_id: String, employer_id: String, age: u8) -> Claim {
        let months = self.chance.random_range(1..=if age < 19 { 12 } else { 35 });
        Claim {
            claim_id: format!("C{:07}", self.written.claims + 1),
            person_id,
            employer_id,
            programme: self.chance.random_range(0..super::country::PROGRAMMES.len()),
            started_on: date(CALENDAR_DAYS - months * 30 - self.chance.random_range(0..28)),
            months_claimed: months as i32,
            monthly_subsidy: 10 * self.chance.random_range(28..=46),
        }
    }

    fn close(mut self, files: &Files) -> io::Result<Written> {
        self.payroll.flush()?;
        self.benefits.flush()?;
        self.claims.close()?;
        let mut regions = create(&files.regions)?;
        writeln!(regions, "region,capital,area_km2,residents_16_to_74,employment_offices")?;
        for (region, residents) in REGIONS.iter().zip(self.written.residents_per_region) {
            let offices = 2 + region.area_km2 / 900;
            writeln!(
                regions,
                "{},{},{},{residents},{offices}",
                region.name, region.capital, region.area_km2
            )?;
        }
        regions.flush()?;
        Ok(self.written)
    }
}

fn create(path: &Path) -> io::Result<BufWriter<File>> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Ok(BufWriter::with_capacity(256 * 1024, File::create(path)?))
}

fn employer_id(employer: u32) -> String {
    format!("E{employer:06}")
}

fn date(day: u32) -> jiff::civil::Date {
    CALENDAR_BEGINS.saturating_add(jiff::Span::new().days(i64::from(day)))
}
