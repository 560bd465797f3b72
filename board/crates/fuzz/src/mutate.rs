//! Mutations. Blind byte changes rarely get past a decoder of 64-bit words, so half of them keep words whole: values
//! change inside a word while its target and register stay, words move, repeat, vanish and cross over from other inputs.

/// splitmix64.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    /// A number below `n`; 0 for 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.draw() % n.max(1) as u64) as usize
    }
}

/// Values at which sizes, counts and addresses go wrong.
const EDGES: [u32; 20] = [
    0,
    1,
    2,
    3,
    7,
    8,
    15,
    16,
    0xFF,
    0x100,
    0x3FF,
    0x400,
    0x7FF,
    0x1FFF,
    0xFFFF,
    0x10_0000,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFF0,
    0xFFFF_FFFF,
];

/// Makes new inputs from old ones.
pub struct Mutator {
    random: Random,
    word_bytes: usize,
    max_bytes: usize,
}

impl Mutator {
    /// A mutator for inputs of `word_bytes` words and at most `max_bytes`.
    pub fn new(seed: u64, word_bytes: usize, max_bytes: usize) -> Self {
        Self {
            random: Random(seed),
            word_bytes: word_bytes.max(1),
            max_bytes,
        }
    }

    /// A mutation of one of `inputs`, which must not be empty.
    pub fn next(&mut self, inputs: &[&[u8]]) -> Vec<u8> {
        let mut bytes = inputs[self.random.below(inputs.len())].to_vec();
        let other = inputs[self.random.below(inputs.len())];
        // Most inputs differ little from a valid one: what differs much is refused early.
        let changes = 1 + self.random.below(3) * self.random.below(4);
        for _ in 0..changes {
            if self.random.below(2) == 0 {
                self.change_word(&mut bytes, other);
            } else {
                self.change_bytes(&mut bytes);
            }
        }
        bytes.truncate(self.max_bytes);
        bytes
    }

    fn change_word(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let size = self.word_bytes;
        let words = bytes.len() / size;
        let at = self.random.below(words) * size;
        if words == 0 {
            return bytes.extend_from_slice(&other[..other.len().min(size)]);
        }
        match self.random.below(8) {
            0 => drop(bytes.drain(at..at + size)),
            1 => {
                let word = bytes[at..at + size].to_vec();
                bytes.splice(at..at, word);
            }
            2 => {
                let to = self.random.below(words) * size;
                let word: Vec<u8> = bytes.drain(at..at + size).collect();
                let to = to.min(bytes.len());
                bytes.splice(to..to, word);
            }
            3 if other.len() >= size => {
                // A run of words of another input.
                let from = self.random.below(other.len() / size) * size;
                let run = (1 + self.random.below(8)) * size;
                let run = &other[from..other.len().min(from + run)];
                bytes.splice(at..at, run.iter().copied());
            }
            // Four bytes in the middle of a word are the value of a command word.
            _ => {
                let value_at = at + if size == 8 { 2 } else { 0 };
                self.change_value(&mut bytes[value_at..(value_at + 4).min(at + size)]);
            }
        }
    }

    fn change_value(&mut self, bytes: &mut [u8]) {
        let mut value = [0; 4];
        let width = bytes.len().min(4);
        value[..width].copy_from_slice(&bytes[..width]);
        let old = u32::from_le_bytes(value);
        let new = match self.random.below(5) {
            0 => EDGES[self.random.below(EDGES.len())],
            1 => old.wrapping_add(self.random.below(9) as u32).wrapping_sub(4),
            2 => old ^ 1 << self.random.below(32),
            3 => (old & 0xFFFF_0000) | (EDGES[self.random.below(EDGES.len())] & 0xFFFF),
            _ => (old & 0xFFFF) | EDGES[self.random.below(EDGES.len())] << 16,
        };
        bytes[..width].copy_from_slice(&new.to_le_bytes()[..width]);
    }

    fn change_bytes(&mut self, bytes: &mut Vec<u8>) {
        let at = self.random.below(bytes.len());
        match self.random.below(4) {
            _ if bytes.is_empty() => bytes.push(self.random.draw() as u8),
            0 => bytes[at] ^= 1 << self.random.below(8),
            1 => bytes[at] = self.random.draw() as u8,
            2 => bytes.insert(at, self.random.draw() as u8),
            _ if self.random.below(8) == 0 => bytes.truncate(at),
            _ => drop(bytes.remove(at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_inputs_every_time_and_another_seed_others() {
        let corpus: [&[u8]; 2] = [&[7; 64], &[]];
        let take = |seed| {
            let mut mutator = Mutator::new(seed, 8, 100);
            (0..200).map(|_| mutator.next(&corpus)).collect::<Vec<_>>()
        };
        assert_eq!(take(1), take(1));
        assert_ne!(take(1), take(2));
        assert!(take(3).iter().all(|input| input.len() <= 100));
    }

    #[test]
    fn values_change_while_target_and_register_stay() {
        let word = 0x0201_0060_0025_1020u64.to_le_bytes();
        let mut mutator = Mutator::new(5, 8, 8);
        let kept = (0..500).filter(|_| {
            let input = mutator.next(&[&word]);
            input.len() == 8 && input != word && input[..2] == word[..2] && input[6..] == word[6..]
        });
        assert!(kept.count() > 100);
    }
}
