//! The device below the queue: power, reset, interrupt. Knows no jobs.

use alloc::sync::Arc;

use npu_device::{DeviceError, Hardware};

use crate::interrupt::Interrupt;
use crate::soc::Soc;
use crate::{power, start};

/// Hardware and the handler's half.
pub(crate) struct Core {
    pub(crate) hardware: Hardware,
    pub(crate) interrupt: Arc<Interrupt>,
    pub(crate) soc: &'static Soc,
}

impl Core {
    pub(crate) fn new(hardware: Hardware, soc: &'static Soc) -> Self {
        let interrupt = Arc::new(Interrupt::new(hardware.mmio.clone()));
        Self {
            hardware,
            interrupt,
            soc,
        }
    }

    pub(crate) fn now_ns(&self) -> u64 {
        self.hardware.clock.now_ns()
    }

    /// Powers the domain up, sets the clock and checks that the window answers.
    pub(crate) fn bring_up(&self) -> Result<u64, DeviceError> {
        let Hardware { platform, wait, .. } = &self.hardware;
        if let Some(pmu) = platform.pmu() {
            power::power_on(pmu, &**wait, &self.soc.power)?;
        }
        let clock_hz = platform.set_npu_clock_hz(self.soc.clock_hz)?;
        self.reset()?;
        Ok(clock_hz)
    }

    /// Cuts the power.
    pub(crate) fn power_off(&self) -> Result<(), DeviceError> {
        let Hardware { platform, wait, .. } = &self.hardware;
        platform
            .pmu()
            .map_or(Ok(()), |pmu| power::power_off(pmu, &**wait, &self.soc.power))
    }

    /// Soft reset through both reset lines; `Lost` when the window does not answer afterwards.
    pub(crate) fn reset(&self) -> Result<(), DeviceError> {
        self.hardware.platform.set_resets(true)?;
        self.hardware.platform.set_resets(false)?;
        if start::answers(&*self.hardware.mmio) {
            Ok(())
        } else {
            Err(DeviceError::Lost)
        }
    }
}
