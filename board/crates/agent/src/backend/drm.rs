//! `drm`: the same driver over the vendor's DRM device, on vendor Linux and StarryOS.

use std::path::Path;
use std::sync::Arc;

use rknpu_driver::RK3568;

use super::Backend;
use crate::failure::Failure;

/// Where the kernel puts the nodes.
pub const CARDS: &str = "/dev/dri";

/// The back end `drm`: the first node of the vendor's driver in `folder`. It has proved itself on a known product.
pub fn backend(folder: &Path) -> Result<Backend, Failure> {
    let (card, path) = rknpu_drm::open_card(folder)?;
    let opened = rknpu_drm::open(
        Arc::clone(&card),
        rknpu_drm::Options::default(),
        rknpu_driver::Options::default(),
    )?;
    Ok(Backend {
        device: Box::new(opened.driver),
        irq: Some(RK3568.interrupt_line),
        driver_version: format!(
            "rknpu-driver {} over {}, rknpu {}",
            env!("CARGO_PKG_VERSION"),
            path.display(),
            version(opened.kernel_driver_version)
        ),
        probe: None,
        parameters: Vec::new(),
    })
}

/// ACTION packs 0.9.8 as 908.
fn version(packed: u32) -> String {
    format!("{}.{}.{}", packed / 10_000, packed / 100 % 100, packed % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_a_card_is_told_what_is_missing() {
        let failure = backend(Path::new("/proc/self/no-dri")).err().unwrap();
        let text = failure.to_string();
        assert!(text.contains("there is no /proc/self/no-dri/cardN"), "{text}");
        assert_eq!(failure.code, link::message::call::ErrorCode::Unsupported);
    }

    #[test]
    fn the_version_reads_as_people_write_it() {
        assert_eq!(version(908), "0.9.8");
    }
}
