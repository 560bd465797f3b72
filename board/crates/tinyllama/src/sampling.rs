//! From logits to a token. Mirrored in quant/ (TypeScript); every step is fixed so that both pick the same token.
//!
//! Temperature 0: the highest logit, lowest id where equal. Otherwise, all in f32:
//! 1. `x[i] = logits[i] / temperature`, then the softmax of npu-kernels over the row;
//! 2. ids in order of probability, highest first, lower id first where equal;
//! 3. `c` runs over that order, summing in f32; the nucleus ends at the first id where `c >= top_p` (or the last id);
//! 4. `u = (z >> 40) / 2^24` where `z` is the draw-th output (from 1) of splitmix64 seeded with `seed`;
//!    draw = 1 for the first token after the prompt, so a rewound session repeats its draws;
//! 5. the first id of the nucleus whose `c > u * c_nucleus`; the nucleus' last id where rounding leaves none.

use npu_kernels::nn;

use crate::ModelError;

/// How the next token is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// 0 = greedy.
    pub temperature: f32,
    /// Probability mass of the nucleus, over 0 up to 1. Not used when greedy.
    pub top_p: f32,
    /// Seed of splitmix64.
    pub seed: u64,
}

impl Sampling {
    /// Always the most likely token.
    pub const GREEDY: Self = Self {
        temperature: 0.0,
        top_p: 1.0,
        seed: 0,
    };

    pub(crate) fn check(&self) -> Result<(), ModelError> {
        if !self.temperature.is_finite() || self.temperature < 0.0 {
            return Err(ModelError::BadArgument(format!(
                "temperature is {}; it must be finite and at least 0",
                self.temperature
            )));
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return Err(ModelError::BadArgument(format!(
                "topP is {}; it must be over 0 and at most 1",
                self.top_p
            )));
        }
        Ok(())
    }

    /// Picks from `logits` (one row); `draw` counts from 1 for the first token after the prompt.
    pub(crate) fn pick(&self, logits: &[f32], draw: u64) -> Result<u32, ModelError> {
        let best = argmax(logits)?;
        if self.temperature == 0.0 {
            return Ok(best as u32);
        }
        let mut probabilities: Vec<f32> = logits.iter().map(|&x| x / self.temperature).collect();
        nn::softmax_rows(&mut probabilities, 1, logits.len());
        let mut order: Vec<u32> = (0..logits.len() as u32).collect();
        order.sort_by(|&a, &b| {
            probabilities[b as usize]
                .total_cmp(&probabilities[a as usize])
                .then(a.cmp(&b))
        });
        let mut cumulative = Vec::new();
        let mut sum = 0f32;
        for &id in &order {
            sum += probabilities[id as usize];
            cumulative.push(sum);
            if sum >= self.top_p {
                break;
            }
        }
        let target = unit(self.seed, draw) * sum;
        let place = cumulative
            .iter()
            .position(|&c| c > target)
            .unwrap_or(cumulative.len() - 1);
        Ok(order[place])
    }
}

/// Highest value, lowest index where equal, NaN never.
fn argmax(logits: &[f32]) -> Result<usize, ModelError> {
    let mut best: Option<usize> = None;
    for (index, &value) in logits.iter().enumerate() {
        if !value.is_nan() && best.is_none_or(|best| value > logits[best]) {
            best = Some(index);
        }
    }
    best.filter(|&index| logits[index].is_finite()).ok_or_else(|| {
        ModelError::BadArgument("the logits hold no finite maximum: a replaced tensor or a weight is not finite".into())
    })
}

/// The `draw`-th output of splitmix64, reduced to [0, 1) with 24 bits.
fn unit(seed: u64, draw: u64) -> f32 {
    let mut z = seed.wrapping_add(draw.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 40) as f32 / 16_777_216.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greedy_takes_the_lowest_id_of_equal_logits() {
        assert_eq!(Sampling::GREEDY.pick(&[1.0, 3.0, 3.0, f32::NAN], 1), Ok(1));
    }

    #[test]
    fn logits_without_a_finite_maximum_are_an_error() {
        assert_eq!(
            Sampling::GREEDY.pick(&[f32::NAN; 3], 1).unwrap_err().code(),
            "badArgument"
        );
        assert_eq!(
            Sampling::GREEDY.pick(&[0.0, f32::INFINITY], 1).unwrap_err().code(),
            "badArgument"
        );
    }

    #[test]
    fn splitmix_gives_its_published_sequence() {
        // First three outputs for seed 1234567 as published with the reference implementation, top 24 bits.
        let published = [6457827717110365317u64, 3203168211198807973, 9817491932198370423];
        for (draw, value) in published.into_iter().enumerate() {
            assert_eq!(unit(1_234_567, draw as u64 + 1), (value >> 40) as f32 / 16_777_216.0);
        }
    }

    #[test]
    fn a_small_nucleus_holds_only_the_most_likely_token() {
        let sampling = Sampling {
            temperature: 1.0,
            top_p: 0.01,
            seed: 9,
        };
        assert!((1..200).all(|draw| sampling.pick(&[0.0, 0.1, 2.0, 1.9], draw) == Ok(2)));
    }

    #[test]
    fn draws_follow_the_probabilities() {
        let sampling = Sampling {
            temperature: 1.0,
            top_p: 1.0,
            seed: 7,
        };
        let logits = [0.0f32, 3f32.ln(), f32::NEG_INFINITY];
        let ones = (1..=4000).filter(|&draw| sampling.pick(&logits, draw) == Ok(1)).count();
        assert!((2900..3100).contains(&ones), "{ones} of 4000 for a probability of 3/4");
        assert!((1..=4000).all(|draw| sampling.pick(&logits, draw) != Ok(2)));
    }

    #[test]
    fn impossible_settings_are_refused() {
        for (temperature, top_p) in [(-1.0, 1.0), (f32::NAN, 1.0), (1.0, 0.0), (1.0, 1.5), (1.0, f32::NAN)] {
            let sampling = Sampling {
                temperature,
                top_p,
                seed: 0,
            };
            assert_eq!(sampling.check().unwrap_err().code(), "badArgument");
        }
    }
}
