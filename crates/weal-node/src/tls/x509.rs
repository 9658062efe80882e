//! What a certificate says (RFC 5280, section 4.1) that rustls checks and does not tell: how long it is
//! valid, and its name among those of its authority.

/// Parts of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    /// Unix seconds.
    pub not_before: i64,
    /// Unix seconds.
    pub not_after: i64,
    /// The content of the serial number, as DER has it.
    pub serial: Vec<u8>,
    /// The identifier of the authority's key (section 4.2.1.1), where it is given.
    pub authority_key: Option<Vec<u8>>,
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OBJECT: u8 = 0x06;
const OCTETS: u8 = 0x04;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0]` and `[3]` of the certificate: its version, its extensions.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// `[0]` of an authority key identifier.
const KEY_IDENTIFIER: u8 = 0x80;
/// 2.5.29.35
const AUTHORITY_KEY: &[u8] = &[0x55, 0x1d, 0x23];
/// The most bytes that tell a length.
const LENGTH_BYTES_MAX: usize = 4;

/// Reads a certificate in DER; None where it is none.
pub(super) fn facts(certificate: &[u8]) -> Option<Facts> {
    let mut to_be_signed = Der(Der(Der(certificate).take(SEQUENCE)?).take(SEQUENCE)?);
    to_be_signed.skip(VERSION);
    let serial = to_be_signed.take(INTEGER)?.to_vec();
    to_be_signed.take(SEQUENCE)?; // the algorithm
    to_be_signed.take(SEQUENCE)?; // the issuer
    let mut validity = Der(to_be_signed.take(SEQUENCE)?);
    let (not_before, not_after) = (validity.time()?, validity.time()?);
    to_be_signed.take(SEQUENCE)?; // the subject
    to_be_signed.take(SEQUENCE)?; // its key
    let mut authority_key = None;
    while let Some((tag, value)) = to_be_signed.next() {
        if tag == EXTENSIONS {
            authority_key = key_identifier(value);
        }
    }
    Some(Facts { not_before, not_after, serial, authority_key })
}

fn key_identifier(extensions: &[u8]) -> Option<Vec<u8>> {
    let mut extensions = Der(Der(extensions).take(SEQUENCE)?);
    loop {
        let mut extension = Der(extensions.take(SEQUENCE)?);
        if extension.take(OBJECT)? != AUTHORITY_KEY {
            continue;
        }
        // A word on being critical may stand before the value.
        let value = std::iter::from_fn(|| extension.next()).find(|(tag, _)| *tag == OCTETS)?.1;
        return Some(Der(Der(value).take(SEQUENCE)?).take(KEY_IDENTIFIER)?.to_vec());
    }
}

/// What is left of a run of DER values.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next value and its tag. Tags of more than one byte occur in no certificate.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..0x80 => (usize::from(first), rest),
            _ => {
                let count = usize::from(first & 0x7f);
                let (digits, rest) = rest.split_at_checked(count)?;
                if count > LENGTH_BYTES_MAX {
                    return None;
                }
                (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
            }
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, value))
    }

    fn take(&mut self, expected: u8) -> Option<&'a [u8]> {
        self.next().filter(|(tag, _)| *tag == expected).map(|(_, value)| value)
    }

    fn skip(&mut self, optional: u8) {
        if self.0.first() == Some(&optional) {
            self.next();
        }
    }

    /// A moment in Unix seconds: `YYMMDDhhmmssZ` from 1950 to 2049, else `YYYYMMDDhhmmssZ`.
    fn time(&mut self) -> Option<i64> {
        let (tag, text) = self.next()?;
        let digits = text.strip_suffix(b"Z")?;
        let digits =
            std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
        let (year, rest) = match tag {
            UTC_TIME => {
                let (year, rest) = digits.split_at_checked(2)?;
                let year: i16 = year.parse().ok()?;
                (if year < 50 { 2000 + year } else { 1900 + year }, rest)
            }
            GENERALIZED_TIME => {
                let (year, rest) = digits.split_at_checked(4)?;
                (year.parse().ok()?, rest)
            }
            _ => return None,
        };
        let two = |at: usize| rest.get(at..at + 2)?.parse::<i8>().ok();
        let moment = jiff::civil::DateTime::new(year, two(0)?, two(2)?, two(4)?, two(6)?, two(8)?, 0).ok()?;
        let moment = moment.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
        (rest.len() == 10).then_some(moment.as_second())
    }
}
