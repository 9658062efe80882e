//! Halmere: a country that does not exist, so that nobody's data is in the demo.

/// A region and how it differs from the rest of the country. Factors are relative to 1.
#[derive(Debug)]
pub struct Region {
    pub name: &'static str,
    pub capital: &'static str,
    pub area_km2: u32,
    /// Share of the residents, as a weight.
    pub weight: f64,
    pub wage: f64,
    /// Of those who would work, how many have none.
    pub unemployment: f64,
    /// How much likelier a degree is here.
    pub degrees: f64,
}

pub const COUNTRY: &str = "Halmere";
pub const CURRENCY: &str = "crowns";

pub const REGIONS: [Region; 8] = [
    region("brackwater", "Brackhaven", 6_120, 9.0, 0.93, 0.081, 0.85),
    region("eastmere", "Port Alder", 3_480, 21.0, 1.17, 0.044, 1.35),
    region("fennmark", "Fennwick", 8_950, 8.0, 0.88, 0.096, 0.75),
    region("highfell", "Cairnholm", 11_300, 6.0, 0.90, 0.073, 0.80),
    region("kelderby", "Kelder", 4_270, 15.0, 1.02, 0.062, 1.00),
    region("norrholt", "Norrgate", 7_640, 11.0, 0.96, 0.088, 0.90),
    region("sundmoor", "Sundby", 5_050, 13.0, 1.00, 0.067, 0.95),
    region("thornvale", "Thornbridge", 4_810, 17.0, 1.09, 0.051, 1.15),
];

const fn region(
    name: &'static str,
    capital: &'static str,
    area_km2: u32,
    weight: f64,
    wage: f64,
    unemployment: f64,
    degrees: f64,
) -> Region {
    Region { name, capital, area_km2, weight, wage, unemployment, degrees }
}

/// A sector of work. `craft` sectors take apprentices.
#[derive(Debug)]
pub struct Sector {
    pub name: &'static str,
    pub weight: f64,
    pub wage: f64,
    /// How many times likelier people with a degree work here.
    pub degrees: f64,
    pub craft: bool,
    /// Share of part-time jobs.
    pub part_time: f64,
}

pub const SECTORS: [Sector; 8] = [
    sector("agriculture", 4.0, 0.78, 0.4, true, 0.22),
    sector("care", 15.0, 0.92, 0.9, false, 0.38),
    sector("construction", 9.0, 1.00, 0.4, true, 0.07),
    sector("finance", 6.0, 1.42, 2.6, false, 0.12),
    sector("manufacturing", 20.0, 1.08, 0.7, true, 0.06),
    sector("public", 14.0, 1.06, 1.9, false, 0.20),
    sector("technology", 8.0, 1.38, 3.2, false, 0.09),
    sector("trade", 24.0, 0.83, 0.6, true, 0.34),
];

const fn sector(
    name: &'static str,
    weight: f64,
    wage: f64,
    degrees: f64,
    craft: bool,
    part_time: f64,
) -> Sector {
    Sector { name, weight, wage, degrees, craft, part_time }
}

/// The youngest and the oldest resident in the demo, in years.
pub const AGE_MIN: u8 = 16;
pub const AGE_MAX: u8 = 74;

/// Age bands as the revenue agency keeps them: the first age of each, and its name.
pub const AGE_BANDS: [(u8, &str); 6] =
    [(16, "16-24"), (25, "25-34"), (35, "35-44"), (45, "45-54"), (55, "55-64"), (65, "65-74")];

/// Bands of a person's whole monthly pay: the first crown of each, and its name.
pub const PAY_BANDS: [(u32, &str); 7] = [
    (0, "0000-0999"),
    (1_000, "1000-1499"),
    (1_500, "1500-1999"),
    (2_000, "2000-2499"),
    (2_500, "2500-3499"),
    (3_500, "3500-4999"),
    (5_000, "5000-9000"),
];

/// Halmere's payroll tax has a ceiling; a wage above it is kept as the ceiling. This is law, so the
/// bounds that private averages need are public knowledge.
pub const WAGE_CEILING: u32 = 9_000;

/// Trades one can be apprenticed to.
pub const PROGRAMMES: [&str; 7] =
    ["baker", "bricklayer", "electrician", "farmer", "joiner", "retail assistant", "toolmaker"];

/// The name of the band that `value` falls into.
#[must_use]
pub fn band<T: PartialOrd + Copy>(bands: &[(T, &'static str)], value: T) -> &'static str {
    bands.iter().rev().find(|(first, _)| value >= *first).map_or(bands[0].1, |(_, name)| name)
}
