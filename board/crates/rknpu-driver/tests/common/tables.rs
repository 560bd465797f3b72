//! Random functions as two tables, with what the reference looks up in them.

use npu_device::{ActivationTable, Rescale};
use npu_reference as reference;
use npu_reference::{Algorithm, Operand, Stage};

use super::Random;

/// Random tables whose entries are `2^step_shift` apart.
pub fn random_tables(random: &mut Random, step_shift: u8) -> (ActivationTable, reference::Lookup) {
    let table = ActivationTable {
        lower: std::array::from_fn(|_| random.next() as i16),
        upper: std::array::from_fn(|_| random.next() as i16),
        step_shift,
    };
    let reach = 512 << step_shift;
    let side = |entries: &[i16], start: i32, end: i32| reference::Table {
        entries: entries.to_vec(),
        start,
        end,
        select: u32::from(step_shift),
    };
    let lookup = reference::Lookup {
        le: side(&table.lower, -reach, 0),
        lo: side(&table.upper, 0, reach),
        below: reference::Slope::default(),
        above: reference::Slope::default(),
    };
    (table, lookup)
}

/// A rescale as the reference's stage.
pub fn stage(rescale: &Rescale) -> Stage {
    Stage {
        alu: Some((Algorithm::Add, Operand::Common(rescale.offset))),
        multiplier: Some(reference::Multiplier {
            operand: Operand::Common(i32::from(rescale.multiplier)),
            shift: u32::from(rescale.shift),
            negative_shift: u32::from(rescale.shift),
            leaky: false,
        }),
        ..Stage::BYPASS
    }
}
