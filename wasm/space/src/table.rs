//! The proof-of-space table: seven tables made one from the other, whose order decides which proof is *the*
//! proof of a challenge.

use crate::chacha;
use crate::lanes::{Four, Lanes, Width};
use crate::params::*;
use crate::places::Places;

const ENTRIES: usize = 1 << K;
/// Digits of the radix sort of y: two passes of half its bits.
const DIGIT_BITS: u32 = Y_BITS / 2;

/// Builds tables in memory that is reused from one to the next; holds the last one built.
pub struct Table {
    /// Back pointers of tables 2..=7, by position: positions in the table before.
    parents: [Vec<(u32, u32)>; 6],
    /// y of the newest table, by position.
    y: Vec<u32>,
    /// Metadata of the newest table, by position.
    meta: Vec<u128>,
    /// y (upper half) and position (lower half) of the newest table in (y, position) order.
    sorted: Vec<u64>,
    scratch: Vec<u64>,
    /// Metadata in sorted order.
    sorted_meta: Vec<u128>,
    bucket_starts: Vec<u32>,
    /// Residues of the right bucket.
    places: Places,
    /// Where the first right entry of a residue stands in its bucket, for residues that have one.
    first_of: Vec<u16>,
    matches: Vec<Match>,
}

/// A table as it stands between two steps.
pub struct TableView<'a> {
    pub number: usize,
    pub y: &'a [u32],
    pub meta: &'a [u128],
    /// Empty for table 1, whose positions are the x values.
    pub parents: &'a [(u32, u32)],
    pub sorted: &'a [u64],
}

#[derive(Clone, Copy, Default)]
struct Match {
    left: u32,
    right: u32,
}

/// Makes counts the sums of those before them.
fn starts_of(counts: &mut [u32]) {
    let mut sum = 0;
    for count in counts {
        sum += std::mem::replace(count, sum);
    }
}

impl Default for Table {
    fn default() -> Self {
        Self::new()
    }
}

impl Table {
    /// An empty table; `build` fills it. Takes some 130 MiB once built.
    pub fn new() -> Self {
        Self {
            parents: std::array::from_fn(|_| Vec::new()),
            y: Vec::new(),
            meta: Vec::new(),
            sorted: Vec::new(),
            scratch: Vec::new(),
            sorted_meta: Vec::new(),
            bucket_starts: Vec::new(),
            places: Places::new(),
            first_of: vec![0; BC as usize],
            matches: Vec::new(),
        }
    }

    /// Builds the table of a 32-byte seed over whatever was built before.
    pub fn build(&mut self, seed: &[u8; 32]) {
        self.build_observed(seed, &mut |_| ());
    }

    /// The same, and shows each of the seven tables before the next is made of it.
    pub fn build_observed(&mut self, seed: &[u8; 32], observe: &mut dyn FnMut(TableView<'_>)) {
        self.build_with(Width::widest(), seed, observe);
    }

    /// The same with so many lanes, which the machine must have.
    fn build_with(&mut self, width: Width, seed: &[u8; 32], observe: &mut dyn FnMut(TableView<'_>)) {
        match width {
            Width::Four => self.make::<4, Four>(seed, observe),
            // SAFETY: `Width` is of instructions that were found.
            #[cfg(target_arch = "x86_64")]
            Width::Eight => unsafe { self.make_avx2(seed, observe) },
            #[cfg(target_arch = "x86_64")]
            Width::Sixteen => unsafe { self.make_avx512(seed, observe) },
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn make_avx2(&mut self, seed: &[u8; 32], observe: &mut dyn FnMut(TableView<'_>)) {
        self.make::<8, crate::lanes::Eight>(seed, observe);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    fn make_avx512(&mut self, seed: &[u8; 32], observe: &mut dyn FnMut(TableView<'_>)) {
        self.make::<16, crate::lanes::Sixteen>(seed, observe);
    }

    #[inline(always)]
    fn make<const N: usize, V: Lanes<N>>(&mut self, seed: &[u8; 32], observe: &mut dyn FnMut(TableView<'_>)) {
        self.table_1(seed);
        self.sort();
        observe(self.view(1));
        self.next::<2, N, V>();
        observe(self.view(2));
        self.next::<3, N, V>();
        observe(self.view(3));
        self.next::<4, N, V>();
        observe(self.view(4));
        self.next::<5, N, V>();
        observe(self.view(5));
        self.next::<6, N, V>();
        observe(self.view(6));
        self.next::<7, N, V>();
        observe(self.view(7));
    }

    fn view(&self, number: usize) -> TableView<'_> {
        let parents: &[(u32, u32)] = if number == 1 {
            &[]
        } else {
            &self.parents[number - 2]
        };
        TableView {
            number,
            y: &self.y,
            meta: &self.meta,
            parents,
            sorted: &self.sorted,
        }
    }

    fn table_1(&mut self, seed: &[u8; 32]) {
        let stream = chacha::keystream(seed, ENTRIES * K as usize / 8);
        self.y.clear();
        self.meta.clear();
        for (pair, bytes) in stream.chunks_exact(5).enumerate() {
            // Two 20-bit values in five bytes.
            let bits = bytes
                .iter()
                .fold(0u64, |value, byte| (value << 8) | u64::from(*byte));
            for (half, value) in [(bits >> 20) as u32, (bits & 0xf_ffff) as u32]
                .into_iter()
                .enumerate()
            {
                let x = (2 * pair + half) as u32;
                self.y.push(y_of_table_1(x, value));
                self.meta.push(u128::from(x));
            }
        }
    }

    /// Orders the newest table by (y, position) and finds where its buckets start.
    fn sort(&mut self) {
        const DIGITS: usize = 1 << DIGIT_BITS;
        let count = self.y.len();
        let low = |y: u32| y as usize % DIGITS;
        let high = |y: u32| (y >> DIGIT_BITS) as usize % DIGITS;
        let mut next_low = [0; DIGITS];
        let mut next_high = [0; DIGITS];
        for y in &self.y {
            next_low[low(*y)] += 1;
            next_high[high(*y)] += 1;
        }
        starts_of(&mut next_low);
        starts_of(&mut next_high);
        self.scratch.resize(count, 0);
        self.sorted.resize(count, 0);
        for (position, y) in self.y.iter().enumerate() {
            let slot = &mut next_low[low(*y)];
            self.scratch[*slot as usize] = (u64::from(*y) << 32) | position as u64;
            *slot += 1;
        }
        for key in &self.scratch {
            let slot = &mut next_high[high((*key >> 32) as u32)];
            self.sorted[*slot as usize] = *key;
            *slot += 1;
        }
        self.sorted_meta.clear();
        self.sorted_meta
            .extend(self.sorted.iter().map(|key| self.meta[*key as u32 as usize]));
        self.bucket_starts.clear();
        let mut limit = 0u64;
        for (index, key) in self.sorted.iter().enumerate() {
            while (*key >> 32) >= limit {
                self.bucket_starts.push(index as u32);
                limit += u64::from(BC);
            }
        }
        self.bucket_starts.resize(BUCKETS + 1, count as u32);
    }

    /// Makes table `TABLE` of the one before and sorts it.
    #[inline(always)]
    fn next<const TABLE: usize, const N: usize, V: Lanes<N>>(&mut self) {
        let mut parents = std::mem::take(&mut self.parents[TABLE - 2]);
        parents.clear();
        self.y.clear();
        self.meta.clear();
        for bucket in 0..BUCKETS - 1 {
            self.find_matches(bucket);
            self.take_matches::<TABLE, N, V>(&mut parents);
        }
        self.parents[TABLE - 2] = parents;
        self.sort();
    }

    /// All matches of a bucket with the next: left entries in order, targets ascending, right entries in order.
    fn find_matches(&mut self, bucket: usize) {
        let bounds = |bucket: usize| {
            let start = self.bucket_starts[bucket] as usize;
            (
                start,
                (self.bucket_starts[bucket + 1] as usize).min(start + MAX_BUCKET),
            )
        };
        let (left_start, left_end) = bounds(bucket);
        let (right_start, right_end) = bounds(bucket + 1);
        let left_base = bucket as u32 * BC;
        let right_base = left_base + BC;
        self.matches.clear();
        let right = &self.sorted[right_start..right_end];
        // Backwards, so that the first entry of equal y is the one that stays.
        for (index, key) in right.iter().enumerate().rev() {
            let residue = (key >> 32) as u32 - right_base;
            self.first_of[residue as usize] = index as u16;
            self.places.mark(residue, 1);
        }
        let parity = bucket as u32 & 1;
        'left: for left in left_start..left_end {
            let l = (self.sorted[left] >> 32) as u32 - left_base;
            // The m at which the rows wrap around have the lowest targets.
            let wrap = (B - l / C).min(M as u32);
            let mut hits = self.places.hits(l, parity as usize).rotate_right(wrap);
            while hits != 0 {
                let m = (hits.trailing_zeros() + wrap) % M as u32;
                hits &= hits - 1;
                let mut index = usize::from(self.first_of[target(l, parity, m) as usize]);
                let y = right[index] >> 32;
                while index < right.len() && right[index] >> 32 == y {
                    if self.matches.len() == MAX_BUCKET {
                        break 'left;
                    }
                    self.matches.push(Match {
                        left: left as u32,
                        right: (right_start + index) as u32,
                    });
                    index += 1;
                }
            }
        }
        for key in right {
            self.places.mark((key >> 32) as u32 - right_base, 0);
        }
    }

    #[inline(always)]
    fn take_matches<const TABLE: usize, const N: usize, V: Lanes<N>>(
        &mut self,
        parents: &mut Vec<(u32, u32)>,
    ) {
        let Self {
            matches,
            sorted,
            sorted_meta,
            y,
            meta,
            ..
        } = self;
        for group in matches.chunks(N) {
            let mut ys = [0; N];
            let mut left = [0; N];
            let mut right = [0; N];
            for (lane, found) in group.iter().enumerate() {
                let (from_left, from_right) = (sorted[found.left as usize], sorted[found.right as usize]);
                ys[lane] = (from_left >> 32) as u32;
                left[lane] = sorted_meta[found.left as usize];
                right[lane] = sorted_meta[found.right as usize];
                parents.push((from_left as u32, from_right as u32));
            }
            let (new_y, new_meta) = f::<TABLE, N, V>(&ys, &left, &right);
            y.extend_from_slice(&new_y[..group.len()]);
            meta.extend_from_slice(&new_meta[..group.len()]);
        }
    }

    /// The proof of a challenge index, if it has one: 160 bytes.
    pub fn find_proof(&self, challenge_index: u32) -> Option<[u8; PROOF_BYTES]> {
        let wanted = u64::from(challenge_value(challenge_index)) << EXT;
        let at = self.sorted.partition_point(|key| (*key >> 32) < wanted);
        let key = *self.sorted.get(at)?;
        ((key >> (32 + EXT)) == wanted >> EXT).then(|| self.proof_at(key as u32))
    }

    fn proof_at(&self, position: u32) -> [u8; PROOF_BYTES] {
        let mut positions = [0u32; 64];
        positions[0] = position;
        let mut count = 1;
        for parents in self.parents.iter().rev() {
            for index in (0..count).rev() {
                let (left, right) = parents[positions[index] as usize];
                positions[2 * index] = left;
                positions[2 * index + 1] = right;
            }
            count *= 2;
        }
        let mut proof = [0; PROOF_BYTES];
        for (bytes, pair) in proof.chunks_exact_mut(5).zip(positions.chunks_exact(2)) {
            let bits = (u64::from(pair[0]) << K) | u64::from(pair[1]);
            bytes.copy_from_slice(&bits.to_be_bytes()[3..]);
        }
        proof
    }
}

/// Whether a proof answers the challenge, exactly as leniently as the network judges: the two sides of a match
/// need not lie in neighbouring buckets.
pub fn verify(seed: &[u8; 32], challenge_index: u32, proof: &[u8; PROOF_BYTES]) -> bool {
    let mut ys = Vec::with_capacity(64);
    let mut metas = Vec::with_capacity(64);
    for bytes in proof.chunks_exact(5) {
        let bits = bytes
            .iter()
            .fold(0u64, |value, byte| (value << 8) | u64::from(*byte));
        for x in [(bits >> K) as u32, (bits & 0xf_ffff) as u32] {
            ys.push(y_of_table_1(x, keystream_bits(seed, x)));
            metas.push(u128::from(x));
        }
    }
    let steps = [
        pair_up::<2>,
        pair_up::<3>,
        pair_up::<4>,
        pair_up::<5>,
        pair_up::<6>,
        pair_up::<7>,
    ];
    for step in steps {
        if !step(&mut ys, &mut metas) {
            return false;
        }
    }
    ys[0] >> EXT == challenge_value(challenge_index)
}

fn keystream_bits(seed: &[u8; 32], x: u32) -> u32 {
    let bit = u64::from(x) * u64::from(K);
    let byte = (bit / 8) as usize;
    let first = chacha::block(seed, (byte / 64) as u64);
    let mut bytes = [0u8; 3];
    for (index, slot) in bytes.iter_mut().enumerate() {
        let at = byte % 64 + index;
        *slot = if at < 64 {
            first[at]
        } else {
            chacha::block(seed, (byte / 64 + 1) as u64)[at - 64]
        };
    }
    let bits = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
    (bits >> (24 - K - (bit % 8) as u32)) & ((1 << K) - 1)
}

fn matches(left: u32, right: u32) -> bool {
    let parity = (left / BC) % 2;
    (0..M as u32).any(|m| target(left % BC, parity, m) == right % BC)
}

fn pair_up<const TABLE: usize>(ys: &mut Vec<u32>, metas: &mut Vec<u128>) -> bool {
    let count = ys.len() / 2;
    for index in 0..count {
        let (left, right) = (ys[2 * index], ys[2 * index + 1]);
        if !matches(left, right) {
            return false;
        }
        let (y, meta) = f::<TABLE, 4, Four>(&[left; 4], &[metas[2 * index]; 4], &[metas[2 * index + 1]; 4]);
        ys[index] = y[0];
        metas[index] = meta[0];
    }
    ys.truncate(count);
    metas.truncate(count);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_do_not_depend_on_the_lanes() {
        let mut first = Table::new();
        first.build_with(Width::Four, &[7; 32], &mut |_| ());
        for width in Width::all() {
            let mut table = Table::new();
            table.build_with(width, &[7; 32], &mut |_| ());
            assert!(table.sorted == first.sorted, "{}", width.name());
            assert!(table.parents == first.parents, "{}", width.name());
        }
    }
}
