//! The most recent output of each operator, bounded in memory.
//!
//! Knows ages and sizes. Refuses to know which outputs are still needed: the session says so when it asks to shrink.

use std::collections::VecDeque;

use crate::tensor::Tensor;

/// Outputs are kept for reading up to this size in all: hundreds of decoded tokens' worth of one TinyLlama pass, but
/// not the gigabytes of a long prompt's.
const RETAINED_BYTES: usize = 64 << 20;

#[derive(Debug)]
pub(crate) struct Outputs {
    tensors: Vec<Option<Tensor>>,
    /// Operators with an output, oldest first.
    kept: VecDeque<usize>,
    bytes: usize,
}

impl Outputs {
    pub fn new(operators: usize) -> Self {
        Self {
            tensors: vec![None; operators],
            kept: VecDeque::new(),
            bytes: 0,
        }
    }

    pub fn get(&self, index: usize) -> Option<&Tensor> {
        self.tensors[index].as_ref()
    }

    pub fn get_mut(&mut self, index: usize) -> Option<&mut Tensor> {
        self.tensors[index].as_mut()
    }

    pub fn insert(&mut self, index: usize, tensor: Tensor) {
        self.forget(index);
        self.bytes += tensor.bytes();
        self.kept.push_back(index);
        self.tensors[index] = Some(tensor);
    }

    pub fn clear(&mut self) {
        self.tensors.fill(None);
        self.kept.clear();
        self.bytes = 0;
    }

    /// Lets the oldest outputs go that are not `needed`, until the rest fits or only needed ones are left.
    pub fn shrink(&mut self, needed: impl Fn(usize) -> bool) {
        self.shrink_to(RETAINED_BYTES, needed);
    }

    fn shrink_to(&mut self, most: usize, needed: impl Fn(usize) -> bool) {
        while self.bytes > most {
            let Some(oldest) = self.kept.iter().copied().find(|&index| !needed(index)) else {
                return;
            };
            self.forget(oldest);
        }
    }

    fn forget(&mut self, index: usize) {
        if let Some(tensor) = self.tensors[index].take() {
            self.bytes -= tensor.bytes();
            self.kept.retain(|&kept| kept != index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Values;

    fn tensor(elements: usize) -> Tensor {
        Tensor {
            rows: 1,
            first_position: 0,
            values: Values::F32(vec![0.0; elements]),
        }
    }

    #[test]
    fn the_oldest_output_that_is_not_needed_goes_first() {
        let mut outputs = Outputs::new(4);
        for index in [2, 0, 1, 3] {
            outputs.insert(index, tensor(10));
        }
        outputs.insert(2, tensor(10));
        outputs.shrink_to(80, |index| index == 0);
        let kept = |outputs: &Outputs| (0..4).filter(|&index| outputs.get(index).is_some()).collect::<Vec<_>>();
        assert_eq!(kept(&outputs), [0, 2]);
        outputs.shrink_to(0, |index| index == 0);
        assert_eq!(kept(&outputs), [0]);
        assert_eq!(outputs.bytes, 40);
    }
}
