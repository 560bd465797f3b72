//! What the board has: the NPU, the endpoint the agent answers at, and the serial ports of the system, registered with the
//! `DeviceManager` and named for people. Opens nothing: a port that is opened may reset what hangs on it.

use std::path::Path;

use link::cbor::Nullable;
use link::message::sys::Device as DeviceLine;
use npu_device::{Device, DeviceError, DeviceManager, DeviceType, NpuDevice};

/// Registers everything, in this order: NPU, endpoint, serial ports by name. `terminals` is where the system lists its
/// terminals (`/sys/class/tty`); where that is missing there are no ports.
pub fn register(
    npu: Box<dyn NpuDevice>,
    irq: Option<u32>,
    address: &str,
    terminals: &Path,
) -> Result<(DeviceManager, Vec<DeviceLine>), DeviceError> {
    let mut manager = DeviceManager::new();
    let npu = manager.register_device(Device::Npu(npu));
    let mut names = vec![String::from("npu0"), address.to_owned()];
    match address.strip_prefix("serial://") {
        Some(path) => manager.register_device(serial(path)),
        None => manager.register_device(Device::Network {
            address: address.to_owned(),
        }),
    };
    for path in ports(terminals) {
        if address
            .strip_prefix("serial://")
            .is_some_and(|own| own.starts_with(&path))
        {
            continue;
        }
        manager.register_device(serial(&path));
        names.push(path);
    }
    let irq = irq.map(|line| manager.allocate_irq(npu, line, true)).transpose()?;
    let lines = manager.devices().zip(names).map(|((id, kind), name)| DeviceLine {
        name,
        kind: kind_name(kind).into(),
        irq: Nullable(irq.filter(|irq| irq.owner == id).map(|irq| irq.line)),
    });
    let lines = lines.collect();
    Ok((manager, lines))
}

/// A port that nobody has set up here.
fn serial(path: &str) -> Device {
    Device::Serial {
        path: path.to_owned(),
        baud: 0,
    }
}

/// Serial ports of the system: terminals with hardware behind them. A UART whose type is 0 is not there.
fn ports(terminals: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(terminals).into_iter().flatten().flatten();
    let mut ports: Vec<String> = entries
        .filter(|entry| entry.path().join("device").exists())
        .filter(|entry| std::fs::read_to_string(entry.path().join("type")).map_or(true, |kind| kind.trim() != "0"))
        .map(|entry| format!("/dev/{}", entry.file_name().to_string_lossy()))
        .collect();
    ports.sort();
    ports
}

const fn kind_name(kind: DeviceType) -> &'static str {
    match kind {
        DeviceType::Npu => "npu",
        DeviceType::Serial => "serial",
        DeviceType::Network => "network",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend;

    fn terminals(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("npulab-tty-{name}-{}", std::process::id()));
        for (port, device, kind) in [
            ("ttyUSB0", true, None),
            ("ttyS0", true, Some("4")),
            ("ttyS1", true, Some("0")),
            ("tty1", false, None),
        ] {
            let port = folder.join(port);
            std::fs::create_dir_all(if device { port.join("device") } else { port.clone() }).unwrap();
            if let Some(kind) = kind {
                std::fs::write(port.join("type"), format!("{kind}\n")).unwrap();
            }
        }
        folder
    }

    fn listed(address: &str, terminals: &Path) -> Vec<(String, String, Option<u32>)> {
        let backend = backend::cpu::backend();
        let (manager, lines) = register(backend.device, Some(151), address, terminals).ok().unwrap();
        assert_eq!(manager.devices().count(), lines.len());
        lines
            .into_iter()
            .map(|line| (line.name, line.kind, line.irq.0))
            .collect()
    }

    #[test]
    fn the_npu_the_endpoint_and_ports_with_hardware_are_listed() {
        let folder = terminals("all");
        let line = |name: &str, kind: &str, irq| (name.to_owned(), kind.to_owned(), irq);
        assert_eq!(
            listed("tcp://127.0.0.1:7", &folder),
            [
                line("npu0", "npu", Some(151)),
                line("tcp://127.0.0.1:7", "network", None),
                line("/dev/ttyS0", "serial", None),
                line("/dev/ttyUSB0", "serial", None),
            ]
        );
        assert_eq!(
            listed("serial:///dev/ttyUSB0", &folder)[1..],
            [
                line("serial:///dev/ttyUSB0", "serial", None),
                line("/dev/ttyS0", "serial", None),
            ]
        );
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_system_that_lists_no_terminals_has_no_ports() {
        assert_eq!(listed("tcp://x", Path::new("/nowhere")).len(), 2);
    }
}
