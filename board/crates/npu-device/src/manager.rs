//! The devices of a board, found by type. Knows what exists and which interrupt line each owns; drives none of them.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::{DeviceError, NpuDevice};

/// Kinds of device a board has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeviceType {
    /// A neural processing unit.
    Npu,
    /// A serial port that can carry the link.
    Serial,
    /// A network endpoint that can carry the link.
    Network,
}

/// A registered device.
pub enum Device {
    /// An NPU and its driver.
    Npu(Box<dyn NpuDevice>),
    /// A serial port.
    Serial {
        /// Path or name the operating system gives it.
        path: String,
        /// Symbols per second; 0 where nobody has set it here.
        baud: u32,
    },
    /// A network endpoint.
    Network {
        /// Address in the operating system's notation, for example `127.0.0.1:7000`.
        address: String,
    },
}

impl Device {
    /// Its type.
    pub const fn device_type(&self) -> DeviceType {
        match self {
            Self::Npu(_) => DeviceType::Npu,
            Self::Serial { .. } => DeviceType::Serial,
            Self::Network { .. } => DeviceType::Network,
        }
    }
}

/// Position of a device in registration order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceId(pub u32);

/// An interrupt line given to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IrqAllocation {
    /// GIC shared peripheral interrupt number; 151 for the RK3568 NPU.
    pub line: u32,
    /// Its owner.
    pub owner: DeviceId,
    /// True where other devices may sit on the same line (the NPU shares 151 with its IOMMU).
    pub shared: bool,
}

/// The brief's registry of devices.
#[derive(Default)]
pub struct DeviceManager {
    devices: Vec<Device>,
    interrupts: Vec<IrqAllocation>,
}

impl DeviceManager {
    /// An empty registry.
    pub const fn new() -> Self {
        Self {
            devices: Vec::new(),
            interrupts: Vec::new(),
        }
    }

    /// Adds a device.
    pub fn register_device(&mut self, device: Device) -> DeviceId {
        self.devices.push(device);
        DeviceId(self.devices.len() as u32 - 1)
    }

    /// The first device of a type.
    pub fn get_device(&mut self, wanted: DeviceType) -> Result<(DeviceId, &mut Device), DeviceError> {
        let mut found = self
            .devices
            .iter_mut()
            .enumerate()
            .filter(|(_, device)| device.device_type() == wanted);
        found
            .next()
            .map(|(index, device)| (DeviceId(index as u32), device))
            .ok_or(DeviceError::NotFound)
    }

    /// Identifiers and types of everything registered, in order.
    pub fn devices(&self) -> impl Iterator<Item = (DeviceId, DeviceType)> + '_ {
        self.devices
            .iter()
            .enumerate()
            .map(|(index, device)| (DeviceId(index as u32), device.device_type()))
    }

    /// Gives an interrupt line to a device. `Invalid` when the line is taken and either side does not share.
    pub fn allocate_irq(&mut self, owner: DeviceId, line: u32, shared: bool) -> Result<IrqAllocation, DeviceError> {
        if owner.0 as usize >= self.devices.len() {
            return Err(DeviceError::NotFound);
        }
        if let Some(taken) = self
            .interrupts
            .iter()
            .find(|taken| taken.line == line && !(taken.shared && shared))
        {
            return Err(DeviceError::Invalid(format!(
                "line {line}: already owned by device {}",
                taken.owner.0
            )));
        }
        let allocation = IrqAllocation { line, owner, shared };
        self.interrupts.push(allocation);
        Ok(allocation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serial(path: &str) -> Device {
        Device::Serial {
            path: path.into(),
            baud: 1_500_000,
        }
    }

    #[test]
    fn devices_are_found_by_type_in_registration_order() {
        let mut manager = DeviceManager::new();
        manager.register_device(Device::Network {
            address: "127.0.0.1:7000".into(),
        });
        let first = manager.register_device(serial("/dev/ttyS2"));
        manager.register_device(serial("/dev/ttyUSB0"));
        let (id, device) = manager.get_device(DeviceType::Serial).ok().unwrap();
        assert_eq!(id, first);
        assert!(matches!(device, Device::Serial { path, .. } if path == "/dev/ttyS2"));
        assert!(matches!(
            manager.get_device(DeviceType::Npu),
            Err(DeviceError::NotFound)
        ));
        assert_eq!(manager.devices().count(), 3);
    }

    #[test]
    fn an_interrupt_line_is_exclusive_unless_both_sides_share_it() {
        let mut manager = DeviceManager::new();
        let npu = manager.register_device(serial("a"));
        let iommu = manager.register_device(serial("b"));
        assert_eq!(
            manager.allocate_irq(npu, 151, true),
            Ok(IrqAllocation {
                line: 151,
                owner: npu,
                shared: true
            })
        );
        assert!(manager.allocate_irq(iommu, 151, true).is_ok());
        assert_eq!(
            manager.allocate_irq(iommu, 151, false),
            Err(DeviceError::Invalid("line 151: already owned by device 0".into()))
        );
        assert_eq!(manager.allocate_irq(DeviceId(9), 7, false), Err(DeviceError::NotFound));
    }
}
