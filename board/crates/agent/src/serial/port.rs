//! Opening a serial port: raw, not blocking, locked where the tty can be.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::termios::{self, OptionalActions, SpecialCodeIndex, Termios};

/// Bits of a byte on an 8N1 line.
const BITS_PER_BYTE: u64 = 10;

/// Which port, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SerialOptions {
    /// The device.
    pub path: PathBuf,
    /// Bits per second the line runs at; `None`: as the tty is set.
    pub baud: Option<u32>,
    /// Leave the tty's speed as the boot loader set it.
    pub keep_speed: bool,
    /// Serve without a key although keys are set: who holds the cable may.
    pub without_key: bool,
}

/// An open port.
pub struct SerialPort {
    fd: OwnedFd,
    /// What it was opened with.
    pub options: SerialOptions,
    /// What the line carries, where that is known.
    pub bytes_per_s: Option<u64>,
}

impl AsFd for SerialPort {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Opens a port and makes it raw. What a tty lacks (locks, a speed) is no error.
pub fn open(options: SerialOptions) -> io::Result<SerialPort> {
    let fd = open_fd(&options.path)?;
    let bytes_per_s = make_raw(&fd, &options)?;
    Ok(SerialPort {
        fd,
        options,
        bytes_per_s,
    })
}

fn open_fd(path: &Path) -> io::Result<OwnedFd> {
    let flags = rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags.bits() as i32)
        .open(path)?;
    let fd = OwnedFd::from(file);
    // Whoever else keeps to locks stays out; a tty without locks has to do without.
    match rustix::fs::flock(&fd, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Err(rustix::io::Errno::WOULDBLOCK) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another program has locked the port",
        )),
        _ => Ok(fd),
    }
}

/// What raw means here.
fn raw(mut termios: Termios) -> Termios {
    termios.make_raw();
    // VTIME above 0 on a UART reaches a `todo!()` of StarryOS's kernel.
    termios.special_codes[SpecialCodeIndex::VMIN] = 1;
    termios.special_codes[SpecialCodeIndex::VTIME] = 0;
    termios
}

fn make_raw(fd: &OwnedFd, options: &SerialOptions) -> io::Result<Option<u64>> {
    let mut wanted = raw(termios::tcgetattr(fd)?);
    if let Some(baud) = options
        .baud
        .filter(|&baud| !options.keep_speed && wanted.output_speed() != baud)
    {
        // A tty that has no speeds runs as it does.
        let _ = wanted.set_speed(baud);
    }
    termios::tcsetattr(fd, OptionalActions::Now, &wanted)?;
    let baud = options.baud.unwrap_or_else(|| wanted.output_speed());
    Ok((baud > 0).then_some(u64::from(baud) / BITS_PER_BYTE))
}
