//! What memory holds against what it should hold, element by element. Knows types and tolerances, no layouts.

use npu_device::DmaMem;

use crate::failure::Failure;
use crate::job::file::Folder;
use crate::job::memory::JobMemory;
use crate::job::{ElementType, Expectation};

/// The element that differs most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Index of the element in its range.
    pub index: u64,
    /// Its device address.
    pub address: u64,
    /// What memory holds.
    pub actual: f64,
    /// What was expected.
    pub expected: f64,
    /// Absolute difference; infinite where only one of the two is a number.
    pub magnitude: f64,
}

/// One expectation, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// First device address.
    pub address: u32,
    /// File of the expected bytes.
    pub file: String,
    /// How the bytes were read.
    pub element_type: ElementType,
    /// Elements that the mask did not hide.
    pub compared: u64,
    /// Of those, elements that differ at all.
    pub differing: u64,
    /// The first of the worst; `None` where nothing differs.
    pub worst: Option<Difference>,
    /// Within both tolerances.
    pub equal: bool,
}

impl Comparison {
    /// differing / compared; 0 where nothing was compared.
    pub fn fraction(&self) -> f64 {
        if self.compared == 0 {
            0.0
        } else {
            self.differing as f64 / self.compared as f64
        }
    }
}

/// Expected bytes and mask bytes of one expectation.
pub(crate) struct Expected {
    bytes: Vec<u8>,
    mask: Option<Vec<u8>>,
}

/// Reads the files of all expectations.
pub(crate) fn load(expectations: &[Expectation], folder: &Folder) -> Result<Vec<Expected>, Failure> {
    let one = |check: &Expectation| {
        let bytes = folder.read(&check.file, check.size_bytes)?;
        let mask = check.mask.as_ref().map(|name| mask(folder, name, check)).transpose()?;
        Ok(Expected { bytes, mask })
    };
    expectations.iter().map(one).collect()
}

/// One mask byte for each byte of the range; a file with one for each element is spread.
fn mask(folder: &Folder, name: &str, check: &Expectation) -> Result<Vec<u8>, Failure> {
    let each = check.element_type.size_bytes();
    let elements = check.size_bytes / each as u64;
    if folder.length(name)? == elements {
        let per_element = folder.read(name, elements)?;
        return Ok(per_element
            .into_iter()
            .flat_map(|byte| std::iter::repeat_n(byte, each))
            .collect());
    }
    folder.read(name, check.size_bytes)
}

/// Judges every expectation against memory.
pub(crate) fn all(
    expectations: &[Expectation],
    expected: Vec<Expected>,
    memory: &JobMemory,
) -> Result<Vec<Comparison>, Failure> {
    let one = |(check, expected): (&Expectation, Expected)| {
        let mut actual = vec![0; expected.bytes.len()];
        let hole = |fault: npu_device::DmaFault| Failure::job(format!("expect: no memory at {}", fault.address));
        memory.read(check.address, &mut actual).map_err(hole)?;
        Ok(compare(check, &actual, &expected))
    };
    expectations.iter().zip(expected).map(one).collect()
}

fn compare(check: &Expectation, actual: &[u8], expected: &Expected) -> Comparison {
    let size = check.element_type.size_bytes();
    let mut comparison = Comparison {
        address: check.address,
        file: check.file.clone(),
        element_type: check.element_type,
        compared: 0,
        differing: 0,
        worst: None,
        equal: false,
    };
    let pairs = actual.chunks_exact(size).zip(expected.bytes.chunks_exact(size));
    for (index, (left, right)) in pairs.enumerate() {
        let hidden = |mask: &Vec<u8>| mask[index * size..(index + 1) * size].contains(&0);
        if expected.mask.as_ref().is_some_and(hidden) {
            continue;
        }
        comparison.compared += 1;
        if left == right {
            continue;
        }
        let (actual, expected) = (number(check.element_type, left), number(check.element_type, right));
        let magnitude = difference(actual, expected);
        if magnitude == 0.0 {
            continue;
        }
        comparison.differing += 1;
        if comparison.worst.is_none_or(|worst| magnitude > worst.magnitude) {
            comparison.worst = Some(Difference {
                index: index as u64,
                address: u64::from(check.address) + (index * size) as u64,
                actual,
                expected,
                magnitude,
            });
        }
    }
    let worst = comparison.worst.map_or(0.0, |worst| worst.magnitude);
    comparison.equal = worst <= check.max_abs_difference && comparison.fraction() <= check.max_fraction_different;
    comparison
}

/// Two numbers that are no numbers, and two equal infinities, do not differ.
fn difference(actual: f64, expected: f64) -> f64 {
    if actual == expected || actual.is_nan() && expected.is_nan() {
        0.0
    } else if actual.is_nan() || expected.is_nan() {
        f64::INFINITY
    } else {
        (actual - expected).abs()
    }
}

/// A little-endian element; every type here is exact in an f64.
fn number(element_type: ElementType, bytes: &[u8]) -> f64 {
    let word = bytes.iter().rev().fold(0u32, |word, &byte| word << 8 | u32::from(byte));
    match element_type {
        ElementType::Int8 => f64::from(word as u8 as i8),
        ElementType::Uint8 => f64::from(word),
        ElementType::Int16 => f64::from(word as u16 as i16),
        ElementType::Int32 => f64::from(word as i32),
        ElementType::Fp16 => half(word as u16),
        ElementType::Fp32 => f64::from(f32::from_bits(word)),
    }
}

/// IEEE half: sign, five exponent bits, ten fraction bits.
fn half(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3FF) / 1024.0;
    let magnitude = match bits >> 10 & 0x1F {
        0 => fraction * 2f64.powi(-14),
        0x1F if fraction == 0.0 => f64::INFINITY,
        0x1F => f64::NAN,
        exponent => (1.0 + fraction) * 2f64.powi(i32::from(exponent) - 15),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(element_type: ElementType, actual: &[u8], expected: &[u8], mask: Option<&[u8]>, most: f64) -> Comparison {
        let check = Expectation {
            address: 64,
            size_bytes: actual.len() as u64,
            file: "e".into(),
            mask: None,
            element_type,
            max_abs_difference: most,
            max_fraction_different: 0.5,
        };
        let expected = Expected {
            bytes: expected.to_vec(),
            mask: mask.map(<[u8]>::to_vec),
        };
        compare(&check, actual, &expected)
    }

    #[test]
    fn bytes_are_signed_or_not_as_the_type_says() {
        let signed = judge(ElementType::Int8, &[0xFF, 1], &[1, 1], None, 2.0);
        assert_eq!((signed.worst.unwrap().magnitude, signed.equal), (2.0, true));
        let unsigned = judge(ElementType::Uint8, &[0xFF, 1], &[1, 1], None, 2.0);
        assert_eq!((unsigned.worst.unwrap().magnitude, unsigned.equal), (254.0, false));
    }

    #[test]
    fn the_share_of_elements_that_differ_is_judged_beside_the_worst_of_them() {
        let most = judge(ElementType::Int8, &[1, 2, 3, 4], &[2, 3, 4, 4], None, 1.0);
        assert_eq!((most.differing, most.fraction(), most.equal), (3, 0.75, false));
        let few = judge(ElementType::Int8, &[1, 2, 3, 4], &[2, 3, 3, 4], None, 1.0);
        assert_eq!((few.fraction(), few.equal), (0.5, true));
    }

    #[test]
    fn an_element_with_a_zero_in_its_mask_is_not_compared() {
        let masked = judge(
            ElementType::Int16,
            &[1, 0, 9, 9],
            &[1, 0, 0, 0],
            Some(&[1, 1, 1, 0]),
            0.0,
        );
        assert_eq!((masked.compared, masked.differing, masked.equal), (1, 0, true));
    }

    #[test]
    fn the_first_of_the_worst_is_named_with_its_address() {
        let actual: Vec<u8> = [5i32, -7, 13, 0].into_iter().flat_map(i32::to_le_bytes).collect();
        let expected: Vec<u8> = [5i32, 3, 3, 0].into_iter().flat_map(i32::to_le_bytes).collect();
        let worst = judge(ElementType::Int32, &actual, &expected, None, 0.0).worst.unwrap();
        assert_eq!(
            (worst.index, worst.address, worst.actual, worst.expected),
            (1, 68, -7.0, 3.0)
        );
    }

    #[test]
    fn halves_keep_denormals_and_two_not_a_numbers_are_equal() {
        assert_eq!(half(0x0001), 2f64.powi(-24));
        assert_eq!((half(0x3C00), half(0xC000), half(0x7BFF)), (1.0, -2.0, 65504.0));
        let nan = judge(ElementType::Fp16, &[0, 0x7E, 0, 0x80], &[1, 0x7E, 0, 0], None, 0.0);
        assert_eq!((nan.compared, nan.differing, nan.equal), (2, 0, true));
        let lost = judge(
            ElementType::Fp32,
            &f32::NAN.to_le_bytes(),
            &1f32.to_le_bytes(),
            None,
            1e30,
        );
        assert!(!lost.equal && lost.worst.unwrap().magnitude.is_infinite());
    }
}
