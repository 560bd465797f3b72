//! The wire types of protobuf that tokenizer.model uses. Knows no field; every length is checked before use.

use crate::ModelError;

/// One field of a message.
pub(super) struct Field<'a> {
    pub number: u64,
    pub value: FieldValue<'a>,
}

pub(super) enum FieldValue<'a> {
    Varint(u64),
    Fixed32([u8; 4]),
    Fixed64,
    Bytes(&'a [u8]),
}

/// Iterates over a message; the first damage ends it with an error.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

pub(super) fn fields(message: &[u8]) -> Fields<'_> {
    Fields { rest: message }
}

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Result<u64, ModelError> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let Some((&byte, rest)) = self.rest.split_first() else {
                return Err(damaged("it ends inside a number"));
            };
            self.rest = rest;
            // Bits past 64 fall away, as in every protobuf reader.
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(damaged("a number is longer than ten bytes"))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], ModelError> {
        match usize::try_from(length)
            .ok()
            .and_then(|length| self.rest.split_at_checked(length))
        {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(damaged(&format!(
                "a field of {length} bytes, {} are left",
                self.rest.len()
            ))),
        }
    }

    fn field(&mut self) -> Result<Field<'a>, ModelError> {
        let key = self.varint()?;
        let number = key >> 3;
        if number == 0 {
            return Err(damaged("field number 0"));
        }
        let value = match key & 7 {
            0 => FieldValue::Varint(self.varint()?),
            1 => self.take(8).map(|_| FieldValue::Fixed64)?,
            2 => {
                let length = self.varint()?;
                FieldValue::Bytes(self.take(length)?)
            }
            5 => {
                let mut bytes = [0; 4];
                bytes.copy_from_slice(self.take(4)?);
                FieldValue::Fixed32(bytes)
            }
            wire => return Err(damaged(&format!("wire type {wire}"))),
        };
        Ok(Field { number, value })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, ModelError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

pub(super) fn damaged(what: &str) -> ModelError {
    ModelError::Corrupt(format!("tokenizer.model: {what}"))
}
