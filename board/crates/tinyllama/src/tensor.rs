//! Outputs of operators, kept so that they can be read and replaced.
//!
//! Knows shapes and bytes; not which operator may still read a tensor (the session asks the plan).

use crate::ModelError;

/// Elements of a tensor, row-major.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TensorData<'a> {
    /// 32-bit floats.
    F32(&'a [f32]),
    /// Quantized activations; their scales are the tensor `<name>.scales`.
    I8(&'a [i8]),
}

/// An operator's most recent output.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorView<'a> {
    /// Rows first; `[rows, width]`, except rope and attention: `[rows, heads, head_dim]`, and scales: `[rows]`.
    pub shape: Vec<usize>,
    /// Position of the first row.
    pub first_position: u32,
    /// Elements.
    pub data: TensorData<'a>,
}

impl TensorView<'_> {
    /// Element type as link.cddl names it.
    pub fn dtype(&self) -> &'static str {
        match self.data {
            TensorData::F32(_) => "f32",
            TensorData::I8(_) => "i8",
        }
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        match self.data {
            TensorData::F32(values) => values.len(),
            TensorData::I8(values) => values.len(),
        }
    }

    /// Little-endian bytes of `count` elements from `offset`; `count` 0 means all that follow.
    ///
    /// # Errors
    /// `badArgument` where the range passes the end.
    pub fn to_le_bytes(&self, offset: usize, count: usize) -> Result<Vec<u8>, ModelError> {
        let all = self.elements();
        let end = if count == 0 {
            Some(all)
        } else {
            offset.checked_add(count)
        };
        let range = match end {
            Some(end) if end <= all && offset <= end => offset..end,
            _ => {
                return Err(ModelError::BadArgument(format!(
                    "elements {offset} + {count} pass the end of a tensor of {all}"
                )));
            }
        };
        Ok(match self.data {
            TensorData::F32(values) => values[range].iter().flat_map(|value| value.to_le_bytes()).collect(),
            TensorData::I8(values) => values[range].iter().map(|&value| value as u8).collect(),
        })
    }
}

/// An owned output.
#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    pub rows: usize,
    pub first_position: u32,
    pub values: Values,
}

#[derive(Clone, Debug)]
pub(crate) enum Values {
    F32(Vec<f32>),
    /// Row-major int8 and one scale per row.
    I8(Vec<i8>, Vec<f32>),
}

impl Tensor {
    pub fn bytes(&self) -> usize {
        match &self.values {
            Values::F32(values) => values.len() * 4,
            Values::I8(values, scales) => values.len() + scales.len() * 4,
        }
    }

    /// Elements of an f32 output; empty for a quantized one, which the plan never hands to an f32 reader.
    pub fn f32(&self) -> &[f32] {
        match &self.values {
            Values::F32(values) => values,
            Values::I8(..) => &[],
        }
    }

    /// The last row of an f32 output.
    pub fn last_row(&self) -> &[f32] {
        let values = self.f32();
        &values[values.len() - values.len() / self.rows.max(1)..]
    }
}
