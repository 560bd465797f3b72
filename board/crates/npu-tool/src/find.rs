//! Finds register-command tasks in any bytes (sheet §12.4, §12.26): one pass at 8-byte alignment for start words, and from
//! each a walk back to the task's first `S_POINTER`. Knows the shape of words, not their meaning.
//!
//! A damaged task is still found: a word with an unknown register counts as part of it, and so does a single word that is
//! no command at all. What such words say is for whoever judges the task.

use npu_regs::{Block, TARGET_BARRIER, TARGET_ENABLE};

/// How far back a task's first word is looked for: more than the fetch unit survives, so that a task that is too long is
/// still found and can be refused for that.
const LOOK_BACK_WORDS: usize = 4096;
/// Zero words that may lie between two words of one task.
const MOST_ZEROS_INSIDE: usize = 16;
/// Fewest words of a task: one pointer and the tail.
const FEWEST_WORDS: usize = 5;

/// A task in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Byte offset of its first word.
    pub offset: usize,
    /// Words up to and with the start word.
    pub words: usize,
}

impl Found {
    /// Byte offset after its last word.
    pub const fn end(&self) -> usize {
        self.offset + self.words * 8
    }

    /// Its words. `bytes` are those it was found in.
    pub fn read(&self, bytes: &[u8]) -> Vec<u64> {
        bytes
            .get(self.offset..self.end())
            .unwrap_or_default()
            .chunks_exact(8)
            .map(word)
            .collect()
    }
}

/// A little-endian word.
pub fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

fn at(bytes: &[u8], index: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[index * 8..index * 8 + 8]);
    u64::from_le_bytes(word)
}

const fn target(word: u64) -> u16 {
    (word >> 48) as u16
}

const BARRIER: u64 = (TARGET_BARRIER as u64) << 48;

const fn is_start(word: u64) -> bool {
    target(word) == TARGET_ENABLE && word as u16 == npu_regs::ENABLE_REGISTER
}

/// A write to the page of the block that its target names, known register or not.
fn is_write(word: u64) -> bool {
    Block::from_target(target(word)).is_some_and(|block| u32::from(word as u16) & 0xF000 == block.base())
}

/// The executing block whose `S_POINTER` the word writes, as a bit.
fn pointer(word: u64) -> u32 {
    let block = Block::from_target(target(word)).filter(|block| u32::from(word as u16) == block.base() + 4);
    block.and_then(Block::enable_bit).map_or(0, |bit| 1 << bit)
}

/// The tasks of a file, by rising offset.
pub fn tasks(bytes: &[u8]) -> Vec<Found> {
    let count = bytes.len() / 8;
    let mut found: Vec<Found> = Vec::new();
    // Eight words at a time: in data there is nearly never a start among them.
    for (block, run) in bytes.chunks(64).enumerate() {
        let candidate = |eight: &[u8]| eight.len() == 8 && eight[6] == 0x81 && eight[7] == 0;
        let barrier = |eight: &[u8]| eight.len() == 8 && eight[6] == 0x41 && eight[7] == 0;
        if !run.chunks(8).any(|eight| candidate(eight) || barrier(eight)) {
            continue;
        }
        // One word more: a barrier that ends this block may precede a damaged start in the next.
        for index in block * 8..(block * 8 + 9).min(count) {
            let floor = found.last().map_or(0, Found::end) / 8;
            if index < floor || !ends_task(bytes, index, count) {
                continue;
            }
            if let Some(first) = first_word(bytes, index, floor) {
                found.push(Found {
                    offset: first * 8,
                    words: index + 1 - first,
                });
            }
        }
    }
    found
}

/// Byte offsets of barriers with a start word behind them that lie at no multiple of 8. The program controller fetches from
/// multiples of 16, so what lies there is a copy that something else holds, or a file cut at an odd place.
pub fn misaligned_ends(bytes: &[u8]) -> Vec<usize> {
    const ENDS: usize = 16;
    let mut found = Vec::new();
    let mut from = 0;
    // Of a barrier only one byte is not 0; of data few bytes are this one before a 0.
    while let Some(step) = bytes
        .get(from + 6..)
        .and_then(|rest| rest.iter().position(|&byte| byte == 0x41))
    {
        let at = from + step;
        from = at + 1;
        let Some(words) = bytes.get(at..at + ENDS).filter(|_| !at.is_multiple_of(8)) else {
            continue;
        };
        if word(&words[..8]) == BARRIER && is_start(word(&words[8..])) {
            found.push(at);
        }
    }
    found
}

/// A start word, or whatever stands in its place right after a whole tail.
fn ends_task(bytes: &[u8], index: usize, count: usize) -> bool {
    if is_start(at(bytes, index)) {
        return true;
    }
    let tail = |back: usize, register: u16| {
        let word = at(bytes, index - back);
        target(word) == 0x0101 && word as u16 == register
    };
    index >= 3 && index < count && at(bytes, index - 1) == BARRIER && tail(2, 0x14) && tail(3, 0x10)
}

/// Walks back from the last word. `None` where no `S_POINTER` lies before it.
fn first_word(bytes: &[u8], last: usize, floor: usize) -> Option<usize> {
    let floor = floor.max(last.saturating_sub(LOOK_BACK_WORDS));
    let (mut first, mut seen, mut strangers, mut zeros) = (None, 0, 0, 0);
    for index in (floor..last).rev() {
        let word = at(bytes, index);
        if is_write(word) || word == BARRIER {
            (strangers, zeros) = (0, 0);
            let bit = pointer(word);
            // The pointer of a block once more: that is another task, whose end is missing.
            if bit & seen != 0 && first != Some(index + 1) {
                break;
            }
            if bit != 0 {
                seen |= bit;
                first = Some(index);
            }
        } else if target(word) == 0 {
            zeros += 1;
        } else {
            strangers += 1;
        }
        if is_start(word) || strangers > 1 || zeros > MOST_ZEROS_INSIDE {
            break;
        }
    }
    first.filter(|&first| last + 1 - first >= FEWEST_WORDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(target: u64, register: u64, value: u64) -> u64 {
        target << 48 | value << 16 | register
    }

    fn short_task() -> Vec<u64> {
        vec![
            write(0x1001, 0x4004, 0x0E),
            write(0x2001, 0x5004, 0x0E),
            write(0x1001, 0x4020, 0x40),
            write(0x0101, 0x10, 0),
            write(0x0101, 0x14, 0),
            BARRIER,
            write(0x0081, 8, 0x18),
        ]
    }

    fn bytes(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn a_task_begins_at_its_first_pointer_and_not_in_the_padding_before_it() {
        let words = [vec![0; 3], short_task(), vec![0; 5], short_task()].concat();
        assert_eq!(
            tasks(&bytes(&words)),
            [Found { offset: 24, words: 7 }, Found { offset: 120, words: 7 }]
        );
    }

    #[test]
    fn a_word_that_is_no_command_does_not_hide_the_task_around_it() {
        let mut words = short_task();
        words.insert(3, 0xDEAD_BEEF_0000_1234);
        words.insert(2, write(0x1001, 0x4FF0, 7));
        assert_eq!(tasks(&bytes(&words)), [Found { offset: 0, words: 9 }]);
    }

    #[test]
    fn a_damaged_start_after_a_whole_tail_still_ends_the_task() {
        let mut words = short_task();
        words[6] = write(0x0081, 9, 0x18);
        assert_eq!(tasks(&bytes(&words)), [Found { offset: 0, words: 7 }]);
    }

    #[test]
    fn a_task_whose_end_is_missing_does_not_swallow_the_next() {
        let words = [short_task()[..3].to_vec(), short_task()].concat();
        assert_eq!(tasks(&bytes(&words)), [Found { offset: 24, words: 7 }]);
    }

    #[test]
    fn a_task_at_no_multiple_of_eight_is_no_task_and_is_told() {
        for shift in 1..8 {
            let mut file = vec![0x41; shift];
            file.extend(bytes(&short_task()));
            assert_eq!(tasks(&file), []);
            assert_eq!(misaligned_ends(&file), [shift + 5 * 8]);
        }
        assert!(misaligned_ends(&bytes(&short_task())).is_empty());
        let mut cut = bytes(&short_task())[1..].to_vec();
        cut.truncate(6 * 8 + 6);
        assert!(misaligned_ends(&cut).is_empty());
        assert!(misaligned_ends(&[0x41; 20]).is_empty());
    }

    #[test]
    fn lone_starts_short_files_and_odd_ends_are_no_tasks() {
        assert_eq!(tasks(&[]), []);
        assert_eq!(tasks(&[0x81; 7]), []);
        assert_eq!(tasks(&bytes(&[write(0x0081, 8, 0x0F)])), []);
        let mut odd = bytes(&short_task());
        odd.extend([0x81, 0, 8]);
        assert_eq!(tasks(&odd).len(), 1);
        odd.truncate(7 * 8 - 1);
        assert_eq!(tasks(&odd), []);
    }
}
