//! Seeded random numbers for cases. `NPULAB_SEED` starts elsewhere, `NPULAB_CASES` multiplies the number of cases.

/// splitmix64.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    /// A number from `low` to `high`, both included.
    pub fn within(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1) as u64) as i64
    }

    /// A size from `low` to `high`, both included.
    pub fn size(&mut self, low: usize, high: usize) -> usize {
        self.within(low as i64, high as i64) as usize
    }

    /// True in `percent` of all calls.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.size(0, from.len() - 1)]
    }

    pub fn i8(&mut self) -> i8 {
        // Extremes often: they are where sums and saturation go wrong.
        match self.next() % 16 {
            0 => -128,
            1 => 127,
            _ => self.next() as i8,
        }
    }

    /// fp16 bits of a number in ±8 with 11 significant bits.
    pub fn half(&mut self) -> u16 {
        npu_reference::half::from_f32(self.within(-2047, 2047) as f32 / 256.0)
    }
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text}: a number is expected")),
    )
}

/// Calls `case` with `count` seeds (times `NPULAB_CASES`), saying which one failed. `NPULAB_SEED` runs that seed alone.
pub fn for_seeds(name: &str, count: u64, case: impl Fn(Random) + std::panic::RefUnwindSafe) {
    let seeds = match variable("NPULAB_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..count * variable("NPULAB_CASES").unwrap_or(1),
    };
    for seed in seeds {
        if let Err(failure) = std::panic::catch_unwind(|| case(Random(seed))) {
            eprintln!("{name}: seed {seed} failed; run it alone with NPULAB_SEED={seed}");
            std::panic::resume_unwind(failure);
        }
    }
}
