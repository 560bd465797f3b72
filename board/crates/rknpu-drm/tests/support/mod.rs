//! A kernel in the process: the vendor's six ioctls over the simulator, with the faults that kernels have been seen to have.
//!
//! What a driver must never do (wrong number, stale handle, non-zero reserved field, a range outside its objects) is written
//! down as a violation; every test ends by asking for them.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use npu_device::{DmaMem, Hardware, Mmio};
use npu_regs::{Register, ddma, pc};
use npu_sim::{SimBoard, SimConfig, Stepping};
use rknpu_drm::abi::{MemCreate, MemSync, Submit, Task, action, errno, memory};
use rknpu_drm::{Ioctl, Mapping, Opened, Options, Request};

/// The numbers of the sheet's table (§5.1), written down a second time.
const NUMBERS: [(&str, u32); 6] = [
    ("ACTION", 0xC008_6440),
    ("SUBMIT", 0xC068_6441),
    ("MEM_CREATE", 0xC030_6442),
    ("MEM_MAP", 0xC010_6443),
    ("MEM_DESTROY", 0xC010_6444),
    ("MEM_SYNC", 0xC020_6445),
];
const PAGE: u64 = 4096;
/// `obj_addr` looks like a kernel pointer.
const KERNEL: u64 = 0xFFFF_FF80_0000_0000;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SUBMIT returns 0 although no task ran (and counts none).
    SubmitSaysSuccess,
    /// SUBMIT counts its tasks although none ran; descriptors stay clear.
    SubmitCounts,
    /// SUBMIT counts and fills descriptors although no task ran.
    SubmitLies,
    /// SUBMIT does not return.
    SubmitHangs,
    /// SUBMIT finds another caller inside.
    SubmitBusy,
    /// The kernel's deadline passed.
    SubmitTimesOut,
    /// MEM_CREATE returns 0 and handle 0.
    CreateHandleZero,
    /// MEM_CREATE returns a handle and no address.
    CreateNoAddress,
    /// MEM_CREATE gives an address beyond 32 bits.
    CreateTooHigh,
    /// MEM_SYNC does not return.
    SyncHangs,
    /// ACTION returns ENOENT: a node without a device.
    NoDevice,
    /// ACTION returns 0 and leaves the value alone.
    ActionStub,
    /// Somebody else has the device.
    Taken,
    /// mmap fails.
    MapFails,
}

struct Made {
    address: u32,
    bytes: u64,
    obj_addr: u64,
}

#[derive(Default)]
struct State {
    objects: HashMap<u32, Made>,
    next_handle: u32,
    next_address: u64,
    fault: Option<Fault>,
    violations: Vec<String>,
    calls: Vec<&'static str>,
}

/// The kernel.
pub struct Kernel {
    board: SimBoard,
    hardware: Hardware,
    state: Mutex<State>,
    let_go: Condvar,
    largest_object: u64,
    running: Mutex<()>,
}

struct Window {
    memory: Arc<dyn DmaMem>,
    address: u32,
}

impl Mapping for Window {
    fn read(&self, offset: usize, into: &mut [u8]) {
        self.memory.read(self.address + offset as u32, into).unwrap();
    }

    fn write(&self, offset: usize, bytes: &[u8]) {
        self.memory.write(self.address + offset as u32, bytes).unwrap();
    }
}

impl Kernel {
    /// A kernel that grants objects of at most `largest_object` bytes.
    pub fn new(largest_object: u64) -> Arc<Self> {
        let config = SimConfig {
            memory_bytes: 64 << 20,
            stepping: Stepping::RunToIdle,
            ..SimConfig::default()
        };
        let board = SimBoard::new(config).unwrap();
        board.npu().set_power(true);
        let hardware = board.hardware();
        let state = State {
            next_handle: 1,
            next_address: u64::from(hardware.memory.base).next_multiple_of(PAGE),
            ..State::default()
        };
        Arc::new(Self {
            board,
            hardware,
            state: Mutex::new(state),
            let_go: Condvar::new(),
            largest_object,
            running: Mutex::new(()),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Switches a fault on or off. Switching off lets hanging calls return.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.state().fault = fault;
        self.let_go.notify_all();
    }

    /// Live objects.
    pub fn objects(&self) -> usize {
        self.state().objects.len()
    }

    /// Names of the calls so far.
    pub fn calls(&self) -> Vec<&'static str> {
        self.state().calls.clone()
    }

    /// What the driver did that it must never do.
    pub fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    /// Waits until no call is under way: each holds the device until its answer is delivered. One holder is the test, one the
    /// driver.
    pub fn wait_for_calls(self: &Arc<Self>) {
        while Arc::strong_count(self) > 2 {
            std::thread::yield_now();
        }
    }

    fn violation(&self, what: String) -> i32 {
        self.state().violations.push(what);
        22
    }

    fn hang(&self, fault: Fault) {
        let mut state = self.state();
        while state.fault == Some(fault) {
            state = self.let_go.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn create(&self, request: &mut MemCreate) -> Result<(), i32> {
        let mut state = self.state();
        match state.fault {
            Some(Fault::CreateHandleZero) => return Ok(()),
            Some(Fault::CreateNoAddress) => request.dma_addr = 0,
            Some(Fault::CreateTooHigh) => request.dma_addr = 1 << 33,
            _ if request.size > self.largest_object => return Err(errno::ENOMEM),
            _ => request.dma_addr = state.next_address,
        }
        if request.flags & memory::DMA32 == 0 || !request.size.is_multiple_of(PAGE) || request.size == 0 {
            drop(state);
            return Err(self.violation(format!("MEM_CREATE {request:?}")));
        }
        let end = state.next_address + request.size;
        if end > u64::from(self.hardware.memory.base) + self.hardware.memory.size_bytes {
            return Err(errno::ENOMEM);
        }
        let (handle, address) = (state.next_handle, state.next_address as u32);
        state.next_handle += 1;
        state.next_address = end;
        (request.handle, request.obj_addr) = (handle, KERNEL + u64::from(address));
        self.hardware.dma.zero(address, request.size).unwrap();
        let made = Made {
            address,
            bytes: request.size,
            obj_addr: request.obj_addr,
        };
        state.objects.insert(handle, made);
        Ok(())
    }

    /// Address of a range of the object with this `obj_addr`.
    fn range(&self, obj_addr: u64, offset: u64, bytes: u64) -> Option<u32> {
        let state = self.state();
        let made = state.objects.values().find(|made| made.obj_addr == obj_addr)?;
        let end = offset.checked_add(bytes)?;
        (end <= made.bytes).then(|| made.address + offset as u32)
    }

    fn holds(&self, address: u64, bytes: u64) -> bool {
        let state = self.state();
        let inside = |made: &Made| {
            let start = u64::from(made.address);
            address >= start && address + bytes <= start + made.bytes
        };
        state.objects.values().any(inside)
    }

    fn sync(&self, request: &MemSync) -> Result<(), i32> {
        let fault = self.state().fault;
        if fault == Some(Fault::SyncHangs) {
            self.hang(Fault::SyncHangs);
        }
        let known = (1..=memory::SYNC_TO_DEVICE | memory::SYNC_FROM_DEVICE).contains(&request.flags);
        match self.range(request.obj_addr, request.offset, request.size) {
            Some(_) if known && request.reserved == 0 => Ok(()),
            _ => Err(self.violation(format!("{request:?}"))),
        }
    }

    fn submit(&self, request: &mut Submit) -> Result<(), i32> {
        let Ok(_inside) = self.running.try_lock() else {
            return Err(errno::EEXIST);
        };
        let fault = self.state().fault;
        match fault {
            Some(Fault::SubmitBusy) => return Err(errno::EEXIST),
            Some(Fault::SubmitTimesOut) => return Err(errno::ETIMEDOUT),
            Some(Fault::SubmitHangs) => self.hang(Fault::SubmitHangs),
            _ => {}
        }
        let bytes = u64::from(request.task_number) * Task::BYTES as u64;
        let table = self.range(request.task_obj_addr, 0, bytes);
        let plain = request.task_start == 0 && request.task_counter == 0 && request.reserved == 0;
        let (Some(table), true, 1..=4095) = (table, plain, request.task_number) else {
            return Err(self.violation(format!("{request:?}")));
        };
        let descriptor = |index: u32| {
            let mut bytes = [0; Task::BYTES];
            self.hardware
                .dma
                .read(table + index * Task::BYTES as u32, &mut bytes)
                .unwrap();
            Task::from_bytes(&bytes)
        };
        let tasks: Vec<Task> = (0..request.task_number).map(descriptor).collect();
        for task in &tasks {
            let bytes = u64::from(task.regcfg_amount + Task::TAIL_WORDS) * 8;
            if !self.holds(task.regcmd_addr, bytes) || task.int_status != 0 || task.enable_mask == 0 {
                return Err(self.violation(format!("{task:?}")));
            }
        }
        let ran = match fault {
            Some(Fault::SubmitSaysSuccess) => return Ok(()),
            Some(Fault::SubmitCounts) => false,
            Some(Fault::SubmitLies) => true,
            _ if self.run(&tasks) => true,
            // As the kernel of 2026-07: a failed job counts nothing and returns 0 all the same.
            _ => return Ok(()),
        };
        request.task_counter = request.task_number;
        if ran {
            for (index, task) in tasks.iter().enumerate() {
                let at = table + (index * Task::BYTES + Task::INT_STATUS_OFFSET) as u32;
                self.hardware.dma.write(at, &task.int_mask.to_le_bytes()).unwrap();
            }
        }
        Ok(())
    }

    /// The vendor driver's commit sequence (sheet §3.3), then what the interrupt handler looks at.
    fn run(&self, tasks: &[Task]) -> bool {
        let mmio: &dyn Mmio = &*self.hardware.mmio;
        let (first, last) = (&tasks[0], &tasks[tasks.len() - 1]);
        mmio.write32(pc::BASE_ADDRESS::INFO.offset, 1);
        mmio.write32(pc::BASE_ADDRESS::INFO.offset, first.regcmd_addr as u32);
        mmio.write32(
            pc::REGISTER_AMOUNTS::INFO.offset,
            first.regcfg_amount + Task::TAIL_WORDS - 1,
        );
        mmio.write32(pc::INTERRUPT_MASK::INFO.offset, last.int_mask);
        mmio.write32(pc::INTERRUPT_CLEAR::INFO.offset, first.int_mask);
        mmio.write32(pc::TASK_CON::INFO.offset, 7 << 12 | tasks.len() as u32);
        mmio.write32(pc::TASK_DMA_BASE_ADDR::INFO.offset, 0);
        mmio.write32(pc::OPERATION_ENABLE::INFO.offset, 1);
        mmio.write32(pc::OPERATION_ENABLE::INFO.offset, 0);
        let status = mmio.read32(pc::INTERRUPT_STATUS::INFO.offset);
        mmio.write32(pc::INTERRUPT_CLEAR::INFO.offset, 0x1FFFF);
        if status & last.int_mask != 0 {
            return true;
        }
        self.board.npu().reset();
        false
    }

    fn action(&self, number: u32, value: &mut u32) -> Result<(), i32> {
        let fault = self.state().fault;
        match fault {
            Some(Fault::NoDevice) => return Err(errno::ENOENT),
            Some(Fault::Taken) => return Err(errno::EEXIST),
            Some(Fault::ActionStub) => return Ok(()),
            _ => {}
        }
        let mmio: &dyn Mmio = &*self.hardware.mmio;
        match number {
            action::DRIVER_VERSION => *value = 908,
            action::GET_FREQUENCY => *value = 1_000_000_000,
            action::RESET => self.board.npu().reset(),
            action::CLEAR_TRAFFIC => {
                mmio.write32(pc::BASE_ADDRESS::INFO.offset, 1);
                mmio.write32(ddma::COUNTER_CONTROL::INFO.offset, 0x8000_0101);
                mmio.write32(ddma::COUNTER_CONTROL::INFO.offset, 0x0000_0101);
            }
            action::DATA_WRITTEN => *value = mmio.read32(ddma::DT_WR::INFO.offset),
            action::DATA_READ => *value = mmio.read32(ddma::DT_RD::INFO.offset),
            action::WEIGHTS_READ => *value = mmio.read32(ddma::WT_RD::INFO.offset),
            _ => return Err(self.violation(format!("ACTION {number}"))),
        }
        Ok(())
    }
}

impl Ioctl for Kernel {
    fn call(&self, request: &mut Request) -> Result<(), i32> {
        if !NUMBERS.contains(&(request.name(), request.number())) {
            return Err(self.violation(format!("{} as 0x{:08X}", request.name(), request.number())));
        }
        self.state().calls.push(request.name());
        match request {
            Request::Action(request) => self.action(request.flags, &mut request.value),
            Request::Submit(request) => self.submit(request),
            Request::MemCreate(request) => self.create(request),
            Request::MemMap(request) => {
                if request.reserved != 0 || !self.state().objects.contains_key(&request.handle) {
                    return Err(self.violation(format!("{request:?}")));
                }
                request.offset = u64::from(request.handle) << 12;
                Ok(())
            }
            Request::MemDestroy(request) => match self.state().objects.remove(&request.handle) {
                Some(made) if made.obj_addr == request.obj_addr => Ok(()),
                _ => Err(self.violation(format!("{request:?}"))),
            },
            Request::MemSync(request) => self.sync(request),
        }
    }

    fn map(&self, offset: u64, bytes: usize) -> Result<Box<dyn Mapping>, i32> {
        if self.state().fault == Some(Fault::MapFails) {
            return Err(errno::ENOMEM);
        }
        let (memory, state) = (self.hardware.dma.clone(), self.state());
        match state.objects.get(&((offset >> 12) as u32)) {
            Some(made) if made.bytes >= bytes as u64 => Ok(Box::new(Window {
                memory,
                address: made.address,
            })),
            _ => {
                drop(state);
                Err(self.violation(format!("mmap {bytes} at 0x{offset:X}")))
            }
        }
    }
}

/// Options of a test: little memory, short deadlines.
pub fn options() -> Options {
    Options {
        memory_bytes: 32 << 20,
        least_memory_bytes: 4 << 20,
        allowance: Duration::from_millis(200),
        submit_timeout_ms: 1000,
    }
}

/// The device of a kernel.
pub fn open(kernel: &Arc<Kernel>) -> Result<Opened, npu_device::DeviceError> {
    let device: Arc<dyn Ioctl> = kernel.clone();
    rknpu_drm::open(device, options(), rknpu_driver::Options::default())
}
