//! Reading and replacing the outputs of operators between steps.
//!
//! Knows which replacements can still matter; refuses those that cannot, so that no edit is silently without effect.

use super::{Inference, needed};
use crate::operators::OperatorKind;
use crate::tensor::Values;
use crate::{ModelError, TensorData, TensorView};

impl Inference {
    /// An operator's most recent output, or the row scales of a quantize operator as `<name>.scales`.
    ///
    /// # Errors
    /// `notFound` for an unknown name, an operator that has not run since the session was opened or rewound, and an
    /// output that gave way to later ones (64 MiB are kept).
    pub fn tensor(&self, name: &str) -> Result<TensorView<'_>, ModelError> {
        let (index, scales) = self.find_tensor(name)?;
        let Some(tensor) = self.outputs.get(index) else {
            return Err(ModelError::NotFound(format!(
                "{name} has no output now: step up to it first"
            )));
        };
        let rows = tensor.rows;
        let [heads, kv_heads, head_dim] = self.heads;
        let (data, shape) = match (&tensor.values, self.plan.operators[index].kind) {
            (Values::I8(_, values), _) if scales => (TensorData::F32(values), vec![rows]),
            (Values::I8(values, _), _) => (TensorData::I8(values), vec![rows, values.len() / rows]),
            (Values::F32(values), OperatorKind::Rope) => {
                (TensorData::F32(values), vec![rows, heads + kv_heads, head_dim])
            }
            (Values::F32(values), OperatorKind::Attention) => (TensorData::F32(values), vec![rows, heads, head_dim]),
            (Values::F32(values), _) => (TensorData::F32(values), vec![rows, values.len() / rows]),
        };
        Ok(TensorView {
            shape,
            first_position: tensor.first_position,
            data,
        })
    }

    /// Overwrites elements of an output; operators that have not run yet see the new values. Replacing
    /// `sample` before the next pass begins replaces the token. int8 outputs take whole numbers from -128 to 127.
    ///
    /// # Errors
    /// `notFound` as [`Inference::tensor`]; `badArgument` where the range passes the end, a value does not fit, or
    /// every reader of the output has run already, so that nothing would change.
    pub fn replace(&mut self, name: &str, offset: usize, values: &[f32]) -> Result<(), ModelError> {
        let elements = self.tensor(name)?.elements();
        let (index, scales) = self.find_tensor(name)?;
        let Some(end) = offset.checked_add(values.len()).filter(|&end| end <= elements) else {
            let count = values.len();
            return Err(ModelError::BadArgument(format!(
                "{name}: elements {offset} + {count} of {elements}"
            )));
        };
        let sample = index + 1 == self.plan.operators.len() && self.next == 0;
        if !sample && !needed(&self.plan, index, self.next) {
            return Err(ModelError::BadArgument(format!(
                "{name}: its readers have run already; nothing would change"
            )));
        }
        if sample {
            self.replace_token(values)?;
        }
        match self.outputs.get_mut(index).map(|tensor| &mut tensor.values) {
            Some(Values::F32(output)) => output[offset..end].copy_from_slice(values),
            Some(Values::I8(_, output)) if scales => output[offset..end].copy_from_slice(values),
            Some(Values::I8(output, _)) => {
                let fits = |value: f32| value.fract() == 0.0 && (-128.0..=127.0).contains(&value);
                if let Some(value) = values.iter().find(|&&value| !fits(value)) {
                    return Err(ModelError::BadArgument(format!("{name}: {value} is no int8")));
                }
                for (into, &value) in output[offset..end].iter_mut().zip(values) {
                    *into = value as i8;
                }
            }
            None => {}
        }
        // Products that are not published yet were computed from the old values: run them again.
        let plan = &self.plan;
        self.pending
            .retain(|&product, _| !plan.inputs[product].contains(&index));
        Ok(())
    }

    fn replace_token(&mut self, values: &[f32]) -> Result<(), ModelError> {
        let fits = |value: f32| value.fract() == 0.0 && value >= 0.0 && value < self.vocabulary as f32;
        match (values, self.tokens.last_mut()) {
            ([value], Some(last)) if fits(*value) => {
                *last = *value as u32;
                self.decoder = None;
                Ok(())
            }
            ([], _) => Ok(()),
            _ => Err(ModelError::BadArgument(format!(
                "sample: {values:?} is no token; the model has {}",
                self.vocabulary
            ))),
        }
    }

    /// Operator of a tensor name, and whether the name means its scales.
    fn find_tensor(&self, name: &str) -> Result<(usize, bool), ModelError> {
        match name.strip_suffix(".scales") {
            Some(operator) => match self.find(operator)? {
                index if self.plan.operators[index].kind == OperatorKind::Quantize => Ok((index, true)),
                _ => Err(ModelError::NotFound(format!("{operator} has no scales"))),
            },
            None => Ok((self.find(name)?, false)),
        }
    }
}
