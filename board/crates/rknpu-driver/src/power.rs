//! Switches the NPU's power domain (sheet §12.7). Knows the PMU's bits from the chip's table, nothing of voltages: the
//! board must keep `vdd_npu` on (erratum 2).

use npu_device::{DeviceError, Mmio, Wait};

use crate::soc::PowerDomain;

/// How long the PMU may take for one step.
const STEP_TIMEOUT_NS: u64 = 10_000_000;

/// Powers the domain and lets the bus in.
pub(crate) fn power_on(pmu: &dyn Mmio, wait: &dyn Wait, domain: &PowerDomain) -> Result<(), DeviceError> {
    set(pmu, domain.gate_offset, domain.power_bit, false);
    reach(pmu, wait, domain.status_offset, domain.power_bit, false)?;
    set(pmu, domain.request_offset, domain.idle_bit, false);
    reach(pmu, wait, domain.acknowledge_offset, domain.idle_bit, false)?;
    reach(pmu, wait, domain.idle_offset, domain.idle_bit, false)
}

/// Keeps the bus out and cuts the power.
pub(crate) fn power_off(pmu: &dyn Mmio, wait: &dyn Wait, domain: &PowerDomain) -> Result<(), DeviceError> {
    set(pmu, domain.request_offset, domain.idle_bit, true);
    reach(pmu, wait, domain.acknowledge_offset, domain.idle_bit, true)?;
    reach(pmu, wait, domain.idle_offset, domain.idle_bit, true)?;
    set(pmu, domain.gate_offset, domain.power_bit, true);
    reach(pmu, wait, domain.status_offset, domain.power_bit, true)
}

fn set(pmu: &dyn Mmio, offset: u32, bit: u32, value: bool) {
    pmu.write32(offset, (1 << bit) << 16 | u32::from(value) << bit);
}

fn reach(pmu: &dyn Mmio, wait: &dyn Wait, offset: u32, bit: u32, value: bool) -> Result<(), DeviceError> {
    let mut reached = || (pmu.read32(offset) >> bit & 1 == 1) == value;
    if wait.wait_until(STEP_TIMEOUT_NS, &mut reached) {
        Ok(())
    } else {
        Err(DeviceError::Lost)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;
    use core::cell::Cell;
    use core::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::soc::RK3568;

    /// A PMU that takes its bits over after some looks, and keeps a record of the writes.
    struct Pmu {
        request: AtomicU32,
        gate: AtomicU32,
        looks: AtomicU32,
        needed: u32,
        writes: [AtomicU32; 2],
    }

    impl Pmu {
        fn new(needed: u32) -> Self {
            Self {
                request: AtomicU32::new(1 << 2),
                gate: AtomicU32::new(1 << 1),
                looks: AtomicU32::new(0),
                needed,
                writes: Default::default(),
            }
        }

        fn writes(&self) -> Vec<u32> {
            self.writes.iter().map(|write| write.load(Ordering::Relaxed)).collect()
        }
    }

    impl Mmio for Pmu {
        fn read32(&self, offset: u32) -> u32 {
            if self.looks.fetch_add(1, Ordering::Relaxed) < self.needed {
                return u32::MAX;
            }
            match offset {
                0x60 | 0x68 => self.request.load(Ordering::Relaxed),
                0x98 => self.gate.load(Ordering::Relaxed),
                _ => panic!("0x{offset:X} is not of the NPU's domain"),
            }
        }
        fn write32(&self, offset: u32, value: u32) {
            let (register, write) = match offset {
                0x50 => (&self.request, &self.writes[1]),
                0xA0 => (&self.gate, &self.writes[0]),
                _ => panic!("0x{offset:X} is not of the NPU's domain"),
            };
            register.store(value & 0xFFFF, Ordering::Relaxed);
            write.store(value, Ordering::Relaxed);
        }
    }

    /// Looks so many times in all.
    struct Looks(Cell<u32>);

    impl Wait for Looks {
        fn wait_until(&self, timeout_ns: u64, done: &mut dyn FnMut() -> bool) -> bool {
            assert!(timeout_ns <= STEP_TIMEOUT_NS);
            while self.0.get() > 0 {
                self.0.set(self.0.get() - 1);
                if done() {
                    return true;
                }
            }
            false
        }
    }

    #[test]
    fn the_gate_opens_before_the_bus_and_writes_carry_their_mask() {
        let pmu = Pmu::new(0);
        power_on(&pmu, &Looks(Cell::new(3)), &RK3568.power).unwrap();
        assert_eq!(pmu.writes(), [0x0002_0000, 0x0004_0000]);
        power_off(&pmu, &Looks(Cell::new(3)), &RK3568.power).unwrap();
        assert_eq!(pmu.writes(), [0x0002_0002, 0x0004_0004]);
    }

    #[test]
    fn a_domain_that_does_not_follow_is_lost_and_a_slow_one_is_waited_for() {
        assert_eq!(
            power_on(&Pmu::new(u32::MAX), &Looks(Cell::new(9)), &RK3568.power),
            Err(DeviceError::Lost)
        );
        assert_eq!(power_on(&Pmu::new(4), &Looks(Cell::new(9)), &RK3568.power), Ok(()));
    }
}
