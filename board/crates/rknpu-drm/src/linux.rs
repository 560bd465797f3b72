//! The device file on Linux and StarryOS. All `unsafe` of the crate is here.

use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::Arc;

use npu_device::DeviceError;
use rustix::ioctl::{self, Updater};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::abi::{errno, numbers};
use crate::ioctl::{Ioctl, Mapping, Request};

/// Cards that are looked at.
const CARDS: u32 = 16;
/// DRM's VERSION: a core ioctl that every node answers.
const VERSION: u32 = 0xC040_6400;

/// DRM's `drm_version` on 64-bit machines: lengths and pointers of three texts.
#[repr(C)]
struct Version {
    numbers: [i32; 4],
    name_length: u64,
    name: *mut u8,
    date_length: u64,
    date: *mut u8,
    description_length: u64,
    description: *mut u8,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Version>() == 64);

/// An open card.
pub struct Card {
    file: File,
}

fn raw<T, const NUMBER: u32>(file: &File, value: &mut T) -> Result<(), i32> {
    // SAFETY: NUMBER is the read-write ioctl whose structure T is (asserted in `abi` and above), fully initialized and
    // ours for the call.
    let updater = unsafe { Updater::<{ NUMBER }, T>::new(value) };
    // SAFETY: the same; the kernel reads and writes that structure and what its pointers name, which `value` outlives.
    unsafe { ioctl::ioctl(file.as_fd(), updater) }.map_err(rustix::io::Errno::raw_os_error)
}

impl Card {
    /// Opens a node and asks for its driver's name, so that no other driver ever gets the NPU's ioctls.
    pub fn open(path: &Path) -> Result<Self, DeviceError> {
        let file = OpenOptions::new().read(true).write(true).open(path);
        let file = file.map_err(|error| match error.raw_os_error() {
            Some(errno::EEXIST) => DeviceError::Busy,
            _ => DeviceError::Unsupported(format!("{}: {error}", path.display())),
        })?;
        let card = Self { file };
        match card.driver_name() {
            Ok(name) if name == b"rknpu" => Ok(card),
            Ok(name) => Err(DeviceError::Unsupported(format!(
                "{}: the driver is {}, not rknpu",
                path.display(),
                String::from_utf8_lossy(&name)
            ))),
            Err(errno) => Err(DeviceError::Unsupported(format!(
                "{}: VERSION: {}",
                path.display(),
                std::io::Error::from_raw_os_error(errno)
            ))),
        }
    }

    fn driver_name(&self) -> Result<Vec<u8>, i32> {
        let mut name = [0u8; 64];
        let mut version = Version {
            numbers: [0; 4],
            name_length: name.len() as u64,
            name: name.as_mut_ptr(),
            date_length: 0,
            date: std::ptr::null_mut(),
            description_length: 0,
            description: std::ptr::null_mut(),
        };
        raw::<_, VERSION>(&self.file, &mut version)?;
        // The kernel says how long the name is, which may be more than there was room for.
        let length = usize::try_from(version.name_length).unwrap_or(0).min(name.len());
        Ok(name[..length].to_vec())
    }
}

impl Ioctl for Card {
    fn call(&self, request: &mut Request) -> Result<(), i32> {
        match request {
            Request::Action(value) => raw::<_, { numbers::ACTION }>(&self.file, value),
            Request::Submit(value) => raw::<_, { numbers::SUBMIT }>(&self.file, value),
            Request::MemCreate(value) => raw::<_, { numbers::MEM_CREATE }>(&self.file, value),
            Request::MemMap(value) => raw::<_, { numbers::MEM_MAP }>(&self.file, value),
            Request::MemDestroy(value) => raw::<_, { numbers::MEM_DESTROY }>(&self.file, value),
            Request::MemSync(value) => raw::<_, { numbers::MEM_SYNC }>(&self.file, value),
        }
    }

    fn map(&self, offset: u64, bytes: usize) -> Result<Box<dyn Mapping>, i32> {
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let start = unsafe { mmap(std::ptr::null_mut(), bytes, protection, flags, &self.file, offset) };
        let start = start.map_err(rustix::io::Errno::raw_os_error)?;
        let start = NonNull::new(start.cast::<u8>()).ok_or(errno::ENOMEM)?;
        Ok(Box::new(Region { start, bytes }))
    }
}

/// A mapped object.
struct Region {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread.
unsafe impl Send for Region {}
// SAFETY: bytes are only copied, through raw pointers, and no reference to them is ever made. What two copies at once
// leave behind is as undefined as what the device writes meanwhile; the driver's one worker does neither.
unsafe impl Sync for Region {}

impl Mapping for Region {
    fn read(&self, offset: usize, into: &mut [u8]) {
        assert!(offset.checked_add(into.len()).is_some_and(|end| end <= self.bytes));
        // SAFETY: the range lies inside the mapping (asserted), and `into` is memory of ours that it cannot overlap.
        unsafe { std::ptr::copy_nonoverlapping(self.start.as_ptr().add(offset), into.as_mut_ptr(), into.len()) }
    }

    fn write(&self, offset: usize, bytes: &[u8]) {
        assert!(offset.checked_add(bytes.len()).is_some_and(|end| end <= self.bytes));
        // SAFETY: as above, the other way round.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.start.as_ptr().add(offset), bytes.len()) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: this is the whole mapping, and nothing refers to it any more.
        let _ = unsafe { munmap(self.start.as_ptr().cast::<c_void>(), self.bytes) };
    }
}

/// The first card of the vendor's driver in `folder` (`/dev/dri`), and its path.
pub fn open_card(folder: &Path) -> Result<(Arc<dyn Ioctl>, PathBuf), DeviceError> {
    let mut seen = Vec::new();
    for path in (0..CARDS).map(|number| folder.join(format!("card{number}"))) {
        if !path.exists() {
            continue;
        }
        match Card::open(&path) {
            Ok(card) => return Ok((Arc::new(card), path)),
            Err(DeviceError::Busy) => return Err(DeviceError::Busy),
            Err(why) => seen.push(why.to_string()),
        }
    }
    Err(DeviceError::Unsupported(if seen.is_empty() {
        format!(
            "there is no {}/cardN: the vendor's rknpu driver is not loaded",
            folder.display()
        )
    } else {
        format!("no card is the NPU's: {}", seen.join("; "))
    }))
}
