//! Typed access to a JSON object that knows where it stands, so that an error begins with the key. Knows no job.

use std::path::{Component, Path};

use serde_json::{Map, Value};

use super::ADDRESS_SPACE;
use crate::failure::Failure;

/// A JSON object and where it stands.
pub(super) struct Node<'a> {
    pub(super) map: &'a Map<String, Value>,
    path: String,
}

impl<'a> Node<'a> {
    pub(super) fn object(value: &'a Value, path: String) -> Result<Self, Failure> {
        let map = value.as_object();
        let map = map.ok_or_else(|| {
            Failure::job(format!(
                "{}: an object is wanted",
                if path.is_empty() { "the file" } else { &path }
            ))
        })?;
        Ok(Self { map, path })
    }

    /// What an optional key holds; `null` is as good as nothing.
    fn optional(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn key(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.into()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    pub(super) fn missing(&self, name: &str) -> Failure {
        Failure::job(format!("{}: missing", self.key(name)))
    }

    pub(super) fn wrong(&self, name: &str, wanted: &str) -> Failure {
        Failure::job(format!("{}: {wanted} is wanted", self.key(name)))
    }

    pub(super) fn text(&self, name: &str) -> Result<&'a str, Failure> {
        let value = self.map.get(name).ok_or_else(|| self.missing(name))?;
        value.as_str().ok_or_else(|| self.wrong(name, "a text"))
    }

    pub(super) fn number(&self, name: &str, range: std::ops::RangeInclusive<u64>) -> Result<u64, Failure> {
        self.optional_number(name, range)?.ok_or_else(|| self.missing(name))
    }

    pub(super) fn optional_number(
        &self,
        name: &str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<Option<u64>, Failure> {
        let Some(value) = self.optional(name) else {
            return Ok(None);
        };
        let number = whole(value).filter(|number| range.contains(number));
        let wanted = || {
            self.wrong(
                name,
                &format!("a whole decimal number from {} to {}", range.start(), range.end()),
            )
        };
        number.map(Some).ok_or_else(wanted)
    }

    pub(super) fn word(&self, name: &str, default: Option<u32>) -> Result<u32, Failure> {
        let number = self
            .optional_number(name, 0..=u64::from(u32::MAX))?
            .map(|number| number as u32);
        number.or(default).ok_or_else(|| self.missing(name))
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, Failure> {
        let Some(value) = self.optional(name) else {
            return Ok(default);
        };
        value.as_bool().ok_or_else(|| self.wrong(name, "true or false"))
    }

    pub(super) fn real(&self, name: &str, most: f64, default: Option<f64>) -> Result<f64, Failure> {
        let Some(value) = self.optional(name) else {
            return default.ok_or_else(|| self.missing(name));
        };
        let number = value.as_f64().filter(|number| (0.0..=most).contains(number));
        let wanted = if most == f64::MAX {
            "a number that is not below 0".to_owned()
        } else {
            format!("a number from 0 to {most}")
        };
        number.ok_or_else(|| self.wrong(name, &wanted))
    }

    pub(super) fn list(&self, name: &str, needed: bool) -> Result<Vec<Node<'a>>, Failure> {
        let found = if needed {
            self.map.get(name)
        } else {
            self.optional(name)
        };
        let Some(value) = found else {
            return if needed {
                Err(self.missing(name))
            } else {
                Ok(Vec::new())
            };
        };
        let items = value.as_array().ok_or_else(|| self.wrong(name, "a list"))?;
        let item = |(index, value)| Node::object(value, format!("{}[{index}]", self.key(name)));
        items.iter().enumerate().map(item).collect()
    }

    pub(super) fn writes(&self, name: &str) -> Result<Vec<(u32, u32)>, Failure> {
        let Some(value) = self.optional(name) else {
            return Ok(Vec::new());
        };
        let pair = |(index, value): (usize, &Value)| {
            let wrong = |wanted: &str| self.wrong(&format!("{name}[{index}]"), wanted);
            let Some([register, value]) = value.as_array().map(Vec::as_slice) else {
                return Err(wrong("[register, value]"));
            };
            let register = whole(register).filter(|&at| at < 0x1_0000 && at % 4 == 0);
            let register = register.ok_or_else(|| wrong("a register, a multiple of 4 below 65536,"))?;
            let value = whole(value).and_then(|value| u32::try_from(value).ok());
            let value = value.ok_or_else(|| wrong("a value of 32 bits"))?;
            Ok((register as u32, value))
        };
        let list = value
            .as_array()
            .ok_or_else(|| self.wrong(name, "a list of [register, value]"))?;
        list.iter().enumerate().map(pair).collect()
    }

    pub(super) fn range(&self) -> Result<(u32, u64), Failure> {
        let address = self.number("address", 0..=u64::from(u32::MAX))?;
        let size_bytes = self.number("sizeBytes", 1..=ADDRESS_SPACE)?;
        if address + size_bytes > ADDRESS_SPACE {
            return Err(self.wrong("sizeBytes", "a range inside 32-bit addresses"));
        }
        Ok((address as u32, size_bytes))
    }

    pub(super) fn file(&self, name: &str) -> Result<String, Failure> {
        let file = self.text(name)?;
        let parts = Path::new(file).components();
        let relative = parts.clone().next().is_some()
            && parts
                .clone()
                .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !relative || file.chars().any(char::is_control) {
            return Err(self.wrong(name, "a relative file name without .."));
        }
        Ok(file.to_owned())
    }
}

/// A whole number; 4096.0 is one too.
fn whole(value: &Value) -> Option<u64> {
    /// Up to here an f64 holds every whole number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let real = || {
        value
            .as_f64()
            .filter(|real| real.fract() == 0.0 && (0.0..=EXACT).contains(real))
    };
    value.as_u64().or_else(|| real().map(|real| real as u64))
}
