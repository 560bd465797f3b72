//! The vendor's ioctls: numbers, structures, flags (sheet §5.1). Knows bytes, does nothing.
//!
//! Structures have the full, newest size and are zeroed: one kernel copies its own size whatever the number says
//! (starryos.md §1.9).

/// ACTION numbers in use.
pub mod action {
    /// Driver version: the only safe probe (boards.md §4.1).
    pub const DRIVER_VERSION: u32 = 1;
    /// NPU clock in Hz.
    pub const GET_FREQUENCY: u32 = 2;
    /// Soft reset.
    pub const RESET: u32 = 6;
    /// Clears the traffic counters.
    pub const CLEAR_TRAFFIC: u32 = 13;
    /// Data written, in 8-byte units.
    pub const DATA_WRITTEN: u32 = 14;
    /// Data read.
    pub const DATA_READ: u32 = 15;
    /// Weights read.
    pub const WEIGHTS_READ: u32 = 16;
}

/// Memory flags.
pub mod memory {
    /// CPU mappings are cached; MEM_SYNC moves the bytes.
    pub const CACHEABLE: u32 = 1 << 1;
    /// The kernel maps the object too: needed for task descriptors.
    pub const KERNEL_MAPPING: u32 = 1 << 3;
    /// Filled with zeros.
    pub const ZERO: u32 = 1 << 5;
    /// Below 4 GiB: the NPU has 32-bit addresses.
    pub const DMA32: u32 = 1 << 7;
    /// MEM_SYNC towards the device.
    pub const SYNC_TO_DEVICE: u32 = 1;
    /// MEM_SYNC from the device.
    pub const SYNC_FROM_DEVICE: u32 = 2;
}

/// Job flags.
pub mod job {
    /// Command streams run by the program controller.
    pub const PC: u32 = 1;
    /// Ping-pong register groups.
    pub const PING_PONG: u32 = 4;
}

/// Errors that have a meaning of their own.
pub mod errno {
    /// No such device: the node is there, the NPU is not.
    pub const ENOENT: i32 = 2;
    /// Another caller is inside.
    pub const EEXIST: i32 = 17;
    /// No memory.
    pub const ENOMEM: i32 = 12;
    /// The kernel's own deadline passed.
    pub const ETIMEDOUT: i32 = 110;
}

/// ACTION.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Action {
    /// Action number.
    pub flags: u32,
    /// In and out.
    pub value: u32,
}

/// Range of tasks of a sub-core.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubCore {
    /// First task.
    pub start: u32,
    /// Tasks.
    pub number: u32,
}

/// SUBMIT.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Submit {
    /// Job flags.
    pub flags: u32,
    /// The kernel's deadline in milliseconds, where it has one.
    pub timeout_ms: u32,
    /// First descriptor.
    pub task_start: u32,
    /// Descriptors.
    pub task_number: u32,
    /// Out: tasks that ended.
    pub task_counter: u32,
    /// Priority.
    pub priority: i32,
    /// `obj_addr` of the object that holds the descriptors.
    pub task_obj_addr: u64,
    /// IOMMU domain.
    pub iommu_domain_id: u32,
    /// Zero.
    pub reserved: u32,
    /// Added to every DMA address of the tasks.
    pub task_base_addr: u64,
    /// Out: microseconds. One kernel invents it, so it is never read.
    pub hw_elapse_time: i64,
    /// Cores; 0 picks.
    pub core_mask: u32,
    /// Fence.
    pub fence_fd: i32,
    /// Task ranges of the cores.
    pub subcore_task: [SubCore; 5],
}

/// MEM_CREATE.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemCreate {
    /// Out: handle, 0 is none.
    pub handle: u32,
    /// Memory flags.
    pub flags: u32,
    /// Bytes.
    pub size: u64,
    /// Out: what SUBMIT, SYNC and DESTROY want back.
    pub obj_addr: u64,
    /// Out: address that the NPU uses.
    pub dma_addr: u64,
    /// SRAM wanted.
    pub sram_size: u64,
    /// IOMMU domain.
    pub iommu_domain_id: i32,
    /// Cores.
    pub core_mask: u32,
}

/// MEM_MAP.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemMap {
    /// Handle.
    pub handle: u32,
    /// Zero.
    pub reserved: u32,
    /// Out: offset to map the device file at.
    pub offset: u64,
}

/// MEM_DESTROY.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemDestroy {
    /// Handle.
    pub handle: u32,
    /// Zero.
    pub reserved: u32,
    /// `obj_addr`.
    pub obj_addr: u64,
}

/// MEM_SYNC.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemSync {
    /// Direction.
    pub flags: u32,
    /// Zero.
    pub reserved: u32,
    /// `obj_addr`.
    pub obj_addr: u64,
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub size: u64,
}

/// A task descriptor in memory: packed, little-endian (sheet §3.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// Blocks the task starts.
    pub enable_mask: u32,
    /// Interrupts that mean that it has ended.
    pub int_mask: u32,
    /// Out: interrupts seen.
    pub int_status: u32,
    /// Command words without the four of the tail, which the kernel adds (S-drv `rknpu_job.c`).
    pub regcfg_amount: u32,
    /// DMA address of its first word.
    pub regcmd_addr: u64,
}

impl Task {
    /// Bytes of a descriptor.
    pub const BYTES: usize = 40;
    /// Offset of `int_status`.
    pub const INT_STATUS_OFFSET: usize = 20;
    /// Command words of the tail.
    pub const TAIL_WORDS: u32 = 4;

    /// As it lies in memory.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        // flags, op_idx, enable_mask, int_mask, int_clear, int_status, regcfg_amount, regcfg_offset.
        let words = [
            0,
            0,
            self.enable_mask,
            self.int_mask,
            npu_regs::task::INTERRUPT_CLEAR_ALL,
            self.int_status,
            self.regcfg_amount,
            0,
        ];
        for (at, word) in bytes.chunks_exact_mut(4).zip(words) {
            at.copy_from_slice(&word.to_le_bytes());
        }
        bytes[32..].copy_from_slice(&self.regcmd_addr.to_le_bytes());
        bytes
    }

    /// From memory.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let word = |index: usize| {
            let at = index * 4;
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        Self {
            enable_mask: word(2),
            int_mask: word(3),
            int_status: word(5),
            regcfg_amount: word(6),
            regcmd_addr: u64::from(word(8)) | u64::from(word(9)) << 32,
        }
    }
}

/// Number of a read-write ioctl of the DRM class: direction, size, 'd', 0x40 + n.
const fn number<T>(n: u32) -> u32 {
    3 << 30 | (size_of::<T>() as u32) << 16 | (b'd' as u32) << 8 | (0x40 + n)
}

/// ioctl numbers.
pub mod numbers {
    use super::*;
    /// ACTION.
    pub const ACTION: u32 = number::<Action>(0);
    /// SUBMIT.
    pub const SUBMIT: u32 = number::<Submit>(1);
    /// MEM_CREATE.
    pub const MEM_CREATE: u32 = number::<MemCreate>(2);
    /// MEM_MAP.
    pub const MEM_MAP: u32 = number::<MemMap>(3);
    /// MEM_DESTROY.
    pub const MEM_DESTROY: u32 = number::<MemDestroy>(4);
    /// MEM_SYNC.
    pub const MEM_SYNC: u32 = number::<MemSync>(5);
}

// The sheet's table (§5.1): a wrong size or number does not compile.
const _: () = {
    assert!(size_of::<Action>() == 8 && numbers::ACTION == 0xC008_6440);
    assert!(size_of::<Submit>() == 104 && numbers::SUBMIT == 0xC068_6441);
    assert!(size_of::<MemCreate>() == 48 && numbers::MEM_CREATE == 0xC030_6442);
    assert!(size_of::<MemMap>() == 16 && numbers::MEM_MAP == 0xC010_6443);
    assert!(size_of::<MemDestroy>() == 16 && numbers::MEM_DESTROY == 0xC010_6444);
    assert!(size_of::<MemSync>() == 32 && numbers::MEM_SYNC == 0xC020_6445);
    assert!(Task::BYTES == 40);
};
