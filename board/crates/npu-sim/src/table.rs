//! The two activation tables, LE and LO, and the access registers that fill them (sheet §2.6, §12.6). Not shadowed: one
//! load serves both register groups, whether words of a loading task or the CPU in slave mode did it.

use alloc::boxed::Box;

use npu_regs::{Register, dpu};

/// Entries of a table: indexes 0 to 512. Words beyond are fetched and dropped (the vendor writes one or two).
pub(crate) const ENTRIES: usize = 513;

/// Contents, and the cursor of the access registers.
pub(crate) struct Tables {
    /// LE, then LO.
    entries: Box<[[i16; ENTRIES]; 2]>,
    access: u32,
    next: usize,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            entries: Box::new([[0; ENTRIES]; 2]),
            access: 0,
            next: 0,
        }
    }
}

impl Tables {
    /// A write to `LUT_ACCESS_CFG` or `LUT_ACCESS_DATA`. While the write bit is clear, data changes nothing (§11).
    pub(crate) fn write(&mut self, offset: u32, value: u32) {
        use dpu::LUT_ACCESS_CFG as Access;
        if offset == Access::INFO.offset {
            self.access = value;
            self.next = Access::LUT_ADDR.get(value) as usize;
            return;
        }
        if Access::LUT_ACCESS_TYPE.get(self.access) == 0 {
            return;
        }
        let table = Access::LUT_TABLE_ID.get(self.access) as usize;
        if let Some(entry) = self.entries[table].get_mut(self.next) {
            *entry = value as u16 as i16;
        }
        self.next = self.next.saturating_add(1);
    }

    /// What was last written to `LUT_ACCESS_CFG`.
    pub(crate) fn access(&self) -> u32 {
        self.access
    }

    /// Table LE.
    pub(crate) fn le(&self) -> &[i16; ENTRIES] {
        &self.entries[0]
    }

    /// Table LO.
    pub(crate) fn lo(&self) -> &[i16; ENTRIES] {
        &self.entries[1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCESS: u32 = 0x4100;
    const DATA: u32 = 0x4104;

    #[test]
    fn words_fill_the_named_table_from_the_named_entry_and_the_rest_is_dropped() {
        let mut tables = Tables::default();
        tables.write(ACCESS, 0x3_0000);
        (0..515u32).for_each(|word| tables.write(DATA, word.wrapping_sub(3)));
        assert_eq!((tables.lo()[0], tables.lo()[3], tables.lo()[512]), (-3, 0, 509));
        assert_eq!(tables.le(), &[0; ENTRIES]);
        tables.write(ACCESS, 0x2_0000 | 511);
        [7, 8, 9].into_iter().for_each(|word| tables.write(DATA, word));
        assert_eq!((tables.le()[510], tables.le()[511], tables.le()[512]), (0, 7, 8));
    }

    #[test]
    fn data_without_the_write_bit_changes_nothing_not_even_the_cursor() {
        let mut tables = Tables::default();
        tables.write(ACCESS, 0x2_0000);
        tables.write(DATA, 5);
        tables.write(ACCESS, 0);
        tables.write(DATA, 9);
        assert_eq!((tables.le()[0], tables.le()[1]), (5, 0));
    }
}
