//! Sets of numbers, in blocks of 65,536: few as a list, many as bits (as Chambi et al., "Better bitmap
//! performance with Roaring bitmaps", 2016, do it).

/// How many numbers a block has.
pub(super) const BLOCK_NUMBERS: u32 = 1 << 16;
const BITS_BYTES: usize = BLOCK_NUMBERS as usize / 8;
const BITS_WORDS: usize = BITS_BYTES / 8;
/// A list of more takes as much room as bits do.
const FEW_MAX: usize = BITS_BYTES / 2 - 1;

/// Numbers of one block, as bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bits(Vec<u64>);

impl Default for Bits {
    fn default() -> Self {
        Self(vec![0; BITS_WORDS])
    }
}

impl Bits {
    #[must_use]
    pub fn contains(&self, number: u16) -> bool {
        self.0.get(usize::from(number) / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    pub fn insert(&mut self, number: u16) {
        if let Some(word) = self.0.get_mut(usize::from(number) / 64) {
            *word |= 1 << (number % 64);
        }
    }

    fn remove(&mut self, number: u16) {
        if let Some(word) = self.0.get_mut(usize::from(number) / 64) {
            *word &= !(1 << (number % 64));
        }
    }

    pub fn keep(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| *own &= other);
    }

    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| *own |= other);
    }

    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    #[must_use]
    pub fn count_both(&self, other: &Self) -> u64 {
        self.0.iter().zip(&other.0).map(|(own, other)| u64::from((own & other).count_ones())).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The numbers, least first.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.0.iter().enumerate().flat_map(|(place, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                (left != 0).then(|| {
                    left &= left - 1;
                    // A word's place and a bit's in it make a number of the block.
                    (place * 64) as u16 + bit as u16
                })
            })
        })
    }
}

/// Numbers of one block, in whichever form is smaller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Docs {
    /// Least first, each once.
    Few(Vec<u16>),
    Many(Bits),
}

impl Default for Docs {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Docs {
    /// Reads what [`Docs::bytes`] wrote; `None` where the bytes are nothing that it writes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.len() == BITS_BYTES {
            let words = bytes.chunks_exact(8).map(|chunk| chunk.try_into().map(u64::from_le_bytes));
            return words.collect::<Result<Vec<_>, _>>().ok().map(|words| Self::Many(Bits(words)));
        }
        let (pairs, []) = bytes.as_chunks::<2>() else { return None };
        let few: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
        (few.len() <= FEW_MAX && few.is_sorted_by(|a, b| a < b)).then_some(Self::Few(few))
    }

    /// Lists are of less than 8,192 bytes, bits of so many.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Few(few) => few.iter().flat_map(|number| number.to_le_bytes()).collect(),
            Self::Many(bits) => bits.0.iter().flat_map(|word| word.to_le_bytes()).collect(),
        }
    }

    /// Takes numbers out, then others in.
    pub fn change(&mut self, remove: &[u16], add: &[u16]) {
        if let Self::Few(few) = self
            && few.len() + add.len() <= FEW_MAX
        {
            few.retain(|number| !remove.contains(number));
            few.extend_from_slice(add);
            few.sort_unstable();
            few.dedup();
            return;
        }
        let mut bits = Bits::default();
        self.pour(&mut bits);
        remove.iter().for_each(|number| bits.remove(*number));
        add.iter().for_each(|number| bits.insert(*number));
        let is_few = bits.count() <= FEW_MAX as u64;
        *self = if is_few { Self::Few(bits.iter().collect()) } else { Self::Many(bits) };
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Few(few) => few.is_empty(),
            Self::Many(bits) => bits.is_empty(),
        }
    }

    /// Adds these numbers to others.
    pub fn pour(&self, into: &mut Bits) {
        match self {
            Self::Few(few) => few.iter().for_each(|number| into.insert(*number)),
            Self::Many(bits) => into.add(bits),
        }
    }

    #[must_use]
    pub fn count_in(&self, bits: &Bits) -> u64 {
        match self {
            Self::Few(few) => few.iter().filter(|number| bits.contains(**number)).count() as u64,
            Self::Many(own) => own.count_both(bits),
        }
    }
}

/// Where a number stands: its block, and its place in it.
#[must_use]
pub fn place_of(number: u32) -> (u32, u16) {
    // The remainder of a division by 65,536 has sixteen bits.
    (number / BLOCK_NUMBERS, (number % BLOCK_NUMBERS) as u16)
}

/// The number at a place of a block.
#[must_use]
pub fn number_at(block: u32, place: u16) -> u32 {
    block * BLOCK_NUMBERS + u32::from(place)
}
