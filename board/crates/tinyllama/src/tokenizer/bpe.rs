//! Byte-pair merging: a linked list of symbols and a heap of neighbouring pairs, best score first, leftmost on ties.
//!
//! Knows no vocabulary but through `score`. Surprising: pairs go stale when a neighbour merges first; a stale pair is
//! recognised by its length and dropped, so nothing is ever removed from the middle of the heap.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

struct Pair {
    score: f32,
    left: usize,
    right: usize,
    /// Bytes of both symbols when the pair was seen.
    bytes: usize,
}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score
            .total_cmp(&other.score)
            .then_with(|| other.left.cmp(&self.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Pair {}

struct Symbol {
    /// Bytes of the text; empty once merged into its left neighbour.
    range: Range<usize>,
    previous: Option<usize>,
    next: Option<usize>,
}

/// Cuts `text` into the pieces merging ends with, in order; characters that never merged stay single.
pub(super) fn merge<'a>(text: &'a str, score: &dyn Fn(&str) -> Option<f32>) -> Vec<&'a str> {
    let mut symbols: Vec<Symbol> = Vec::new();
    for (index, (start, character)) in text.char_indices().enumerate() {
        let range = start..start + character.len_utf8();
        symbols.push(Symbol {
            range,
            previous: index.checked_sub(1),
            next: Some(index + 1),
        });
    }
    if let Some(last) = symbols.last_mut() {
        last.next = None;
    }
    let mut heap = BinaryHeap::new();
    for right in 1..symbols.len() {
        consider(text, &symbols, Some(right - 1), Some(right), score, &mut heap);
    }
    while let Some(pair) = heap.pop() {
        let (left, right) = (&symbols[pair.left].range, &symbols[pair.right].range);
        if left.is_empty() || right.is_empty() || left.len() + right.len() != pair.bytes {
            continue;
        }
        symbols[pair.left].range.end = right.end;
        symbols[pair.right].range = 0..0;
        let after = symbols[pair.right].next;
        symbols[pair.left].next = after;
        if let Some(after) = after {
            symbols[after].previous = Some(pair.left);
        }
        consider(
            text,
            &symbols,
            symbols[pair.left].previous,
            Some(pair.left),
            score,
            &mut heap,
        );
        consider(text, &symbols, Some(pair.left), after, score, &mut heap);
    }
    symbols
        .into_iter()
        .filter(|symbol| !symbol.range.is_empty())
        .map(|symbol| &text[symbol.range])
        .collect()
}

fn consider(
    text: &str,
    symbols: &[Symbol],
    left: Option<usize>,
    right: Option<usize>,
    score: &dyn Fn(&str) -> Option<f32>,
    heap: &mut BinaryHeap<Pair>,
) {
    let (Some(left), Some(right)) = (left, right) else {
        return;
    };
    let range = symbols[left].range.start..symbols[right].range.end;
    if let Some(score) = score(&text[range.clone()]) {
        heap.push(Pair {
            score,
            left,
            right,
            bytes: range.len(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, quadratic: scan for the best pair, merge it, again.
    fn naive(text: &str, score: &dyn Fn(&str) -> Option<f32>) -> Vec<String> {
        let mut symbols: Vec<String> = text.chars().map(String::from).collect();
        loop {
            let mut best: Option<(usize, f32)> = None;
            for at in 1..symbols.len() {
                if let Some(value) = score(&format!("{}{}", symbols[at - 1], symbols[at]))
                    && best.is_none_or(|(_, best)| value > best)
                {
                    best = Some((at - 1, value));
                }
            }
            let Some((at, _)) = best else { return symbols };
            let right = symbols.remove(at + 1);
            symbols[at].push_str(&right);
        }
    }

    #[test]
    fn the_leftmost_of_equal_pairs_merges_first() {
        let score = |text: &str| (text == "aa").then_some(1.0);
        assert_eq!(merge("aaa", &score), ["aa", "a"]);
    }

    #[test]
    fn heap_and_list_agree_with_the_definition_on_random_vocabularies() {
        let mut state = 1u64;
        let mut next = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let letters = ['a', 'b', 'c', 'é', '🦙'];
        for _ in 0..300 {
            let mut word = |most: usize| (0..next(most)).map(|_| letters[next(5)]).collect::<String>();
            let words: Vec<(String, usize)> = (0..25).map(|i| (word(5), i)).collect();
            let text = word(40);
            let score = |text: &str| words.iter().find(|(w, _)| w == text).map(|&(_, i)| -((i / 3) as f32));
            assert_eq!(merge(&text, &score), naive(&text, &score), "{text}");
        }
    }
}
