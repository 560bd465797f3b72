//! The device below the queue: power, reset, paging, interrupt. Knows no jobs.

use alloc::sync::Arc;

use npu_device::{DeviceError, Hardware};

use crate::interrupt::Interrupt;
use crate::soc::Soc;
use crate::{paging, power, start};

/// Hardware and the handler's half.
pub(crate) struct Core {
    pub(crate) hardware: Hardware,
    pub(crate) interrupt: Arc<Interrupt>,
    pub(crate) soc: &'static Soc,
    /// The IOMMU's directory, where paging is used.
    directory: Option<u32>,
}

impl Core {
    pub(crate) fn new(hardware: Hardware, soc: &'static Soc) -> Self {
        let interrupt = Arc::new(Interrupt::new(hardware.mmio.clone()));
        Self {
            hardware,
            interrupt,
            soc,
            directory: None,
        }
    }

    pub(crate) fn now_ns(&self) -> u64 {
        self.hardware.clock.now_ns()
    }

    /// Powers the domain up, sets the clock, checks that the window answers and attaches the IOMMU to `directory`.
    pub(crate) fn bring_up(&mut self, directory: Option<u32>) -> Result<u64, DeviceError> {
        let Hardware { platform, wait, .. } = &self.hardware;
        if let Some(pmu) = platform.pmu() {
            power::power_on(pmu, &**wait, &self.soc.power)?;
        }
        let clock_hz = platform.set_npu_clock_hz(self.soc.clock_hz)?;
        self.directory = directory;
        self.reset()?;
        Ok(clock_hz)
    }

    /// Cuts the power.
    pub(crate) fn power_off(&self) -> Result<(), DeviceError> {
        let Hardware { platform, wait, .. } = &self.hardware;
        self.interrupt.set_paging(false);
        platform
            .pmu()
            .map_or(Ok(()), |pmu| power::power_off(pmu, &**wait, &self.soc.power))
    }

    /// Soft reset through both reset lines, then the IOMMU again, which forgot its directory; `Lost` when the window does
    /// not answer afterwards.
    pub(crate) fn reset(&self) -> Result<(), DeviceError> {
        let Hardware {
            platform, mmio, wait, ..
        } = &self.hardware;
        self.interrupt.set_paging(false);
        platform.set_resets(true)?;
        platform.set_resets(false)?;
        if !start::answers(&**mmio) {
            return Err(DeviceError::Lost);
        }
        if let Some(directory) = self.directory {
            paging::attach(&**mmio, &**wait, directory)?;
            self.interrupt.set_paging(true);
        }
        Ok(())
    }

    /// After page tables changed.
    pub(crate) fn forget_translations(&self) {
        if self.directory.is_some() {
            paging::forget(&*self.hardware.mmio);
        }
    }
}
