//! The registers of the program controller, played back as ioctls: the driver writes a start as on silicon, and the start
//! becomes a SUBMIT. What came of it is read from the task counter and the descriptors, never from the return code.
//!
//! Registers that user space cannot reach through the kernel are refused by name.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use npu_device::{DeviceError, Mmio};
use npu_regs::{Register, ddma, pc, register_at};

use crate::abi::{Action, Submit, Task, action, job, memory};
use crate::caller::{Answer, Caller, cause};
use crate::chain;
use crate::ioctl::Request;
use crate::memory::{DrmMemory, Object};

/// The registers and what is under way.
pub(crate) struct Window {
    caller: Arc<Caller>,
    memory: Arc<DrmMemory>,
    descriptors: Object,
    submit_timeout_ms: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    base: u32,
    amount: u32,
    mask: u32,
    task_con: u32,
    raw: u32,
    tasks_done: u32,
    in_flight: Option<(Receiver<Answer>, Vec<Task>)>,
    failure: Option<DeviceError>,
}

impl Window {
    pub(crate) fn new(
        caller: Arc<Caller>,
        memory: Arc<DrmMemory>,
        descriptors: Object,
        submit_timeout_ms: u32,
    ) -> Self {
        Self {
            caller,
            memory,
            descriptors,
            submit_timeout_ms,
            state: Mutex::new(State::default()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the last start came to nothing; `Lost` while a call has not returned.
    pub(crate) fn failure(&self) -> Option<DeviceError> {
        if self.caller.is_stuck() {
            return Some(DeviceError::Lost);
        }
        self.state().failure.clone()
    }

    /// Waits for the start under way. False where none is, so that waiting on would be in vain.
    pub(crate) fn wait(&self, most: Duration) -> bool {
        // Taken out while waiting, so that the registers stay readable.
        let Some((answer, tasks)) = self.state().in_flight.take() else {
            return false;
        };
        match answer.recv_timeout(most) {
            Err(RecvTimeoutError::Timeout) => {
                self.state().in_flight = Some((answer, tasks));
                return true;
            }
            Err(RecvTimeoutError::Disconnected) => {
                self.state().failure = Some(DeviceError::Fault("SUBMIT: it panicked".into()));
            }
            Ok((result, request)) => {
                let outcome = self.judge(result, &request, &tasks);
                let mut state = self.state();
                match outcome {
                    Ok(()) => {
                        state.tasks_done = tasks.len() as u32;
                        state.raw |= tasks.last().map_or(0, |task| task.int_mask);
                    }
                    Err(why) => state.failure = Some(why),
                }
            }
        }
        true
    }

    /// Whether the tasks ran: all counted, and the last one's descriptor holds one of its interrupts. Both were cleared
    /// before. A kernel may write the other descriptors or not.
    fn judge(&self, result: Result<(), i32>, request: &Request, tasks: &[Task]) -> Result<(), DeviceError> {
        result.map_err(|errno| cause("SUBMIT", errno))?;
        let Request::Submit(submit) = request else {
            return Err(DeviceError::Fault("SUBMIT: the answer is of another kind".into()));
        };
        if submit.task_counter as usize != tasks.len() {
            return Err(DeviceError::Fault(format!(
                "SUBMIT says success, but {} of {} tasks ended",
                submit.task_counter,
                tasks.len()
            )));
        }
        let mut bytes = [0; Task::BYTES];
        let last = tasks.len() - 1;
        let offset = (last * Task::BYTES) as u64;
        self.descriptors
            .sync(memory::SYNC_FROM_DEVICE, offset, Task::BYTES as u64)?;
        self.descriptors.read(offset, &mut bytes)?;
        let (seen, wanted) = (Task::from_bytes(&bytes).int_status, tasks[last].int_mask);
        if seen & wanted == 0 {
            return Err(DeviceError::Fault(format!(
                "SUBMIT says success, but the last task's interrupts are 0x{seen:X} and none of 0x{wanted:X}"
            )));
        }
        Ok(())
    }

    fn start(&self) -> Result<(), DeviceError> {
        let (address, amount, count) = {
            let mut state = self.state();
            if state.in_flight.is_some() {
                return Err(DeviceError::Busy);
            }
            (state.raw, state.tasks_done, state.failure) = (0, 0, None);
            (state.base, state.amount, pc::TASK_CON::TASK_NUMBER.get(state.task_con))
        };
        let tasks = chain::descriptors(&*self.memory, address, amount, count).map_err(DeviceError::Fault)?;
        let bytes: Vec<u8> = tasks.iter().flat_map(|task| task.to_bytes()).collect();
        self.descriptors.write(0, &bytes)?;
        self.descriptors.sync(memory::SYNC_TO_DEVICE, 0, bytes.len() as u64)?;
        let submit = Submit {
            flags: job::PC | job::PING_PONG,
            timeout_ms: self.submit_timeout_ms,
            task_number: count,
            task_obj_addr: self.descriptors.obj_addr,
            fence_fd: -1,
            subcore_task: [crate::abi::SubCore {
                start: 0,
                number: count,
            }; 5],
            ..Submit::default()
        };
        let answer = self.caller.start(Request::Submit(submit))?;
        self.state().in_flight = Some((answer, tasks));
        Ok(())
    }

    /// Ends what is under way and resets the core. `Lost` where the kernel does not let go within `grace`.
    pub(crate) fn reset(&self, grace: Duration) -> Result<(), DeviceError> {
        let in_flight = self.state().in_flight.take();
        if let Some((answer, _)) = in_flight
            && matches!(answer.recv_timeout(grace), Err(RecvTimeoutError::Timeout))
        {
            self.caller.give_up(answer);
        }
        // Where somebody else is inside, a reset would end their job.
        if self.failure() != Some(DeviceError::Busy) {
            self.action(action::RESET)?;
        }
        *self.state() = State::default();
        Ok(())
    }

    fn action(&self, number: u32) -> Result<u32, DeviceError> {
        let request = Action {
            flags: number,
            value: 0,
        };
        match self.caller.call(Request::Action(request))? {
            Request::Action(answer) => Ok(answer.value),
            _ => Err(DeviceError::Fault("ACTION: the answer is of another kind".into())),
        }
    }

    /// NPU clock in Hz; 0 where the kernel does not say.
    pub(crate) fn clock_hz(&self) -> Result<u64, DeviceError> {
        self.action(action::GET_FREQUENCY).map(u64::from)
    }

    fn fail(&self, why: DeviceError) {
        self.state().failure.get_or_insert(why);
    }

    fn counter(&self, number: u32) -> u32 {
        self.action(number).unwrap_or_else(|why| {
            self.fail(why);
            0
        })
    }
}

impl Mmio for Window {
    fn read32(&self, offset: u32) -> u32 {
        let state = self.state();
        match offset {
            o if o == pc::BASE_ADDRESS::INFO.offset => state.base,
            o if o == pc::REGISTER_AMOUNTS::INFO.offset => state.amount,
            o if o == pc::INTERRUPT_MASK::INFO.offset => state.mask,
            o if o == pc::INTERRUPT_STATUS::INFO.offset => state.raw & state.mask,
            o if o == pc::INTERRUPT_RAW_STATUS::INFO.offset => state.raw,
            o if o == pc::TASK_CON::INFO.offset => state.task_con,
            o if o == pc::TASK_STATUS::INFO.offset => state.tasks_done & 0xFFF,
            _ => {
                drop(state);
                match offset {
                    o if o == ddma::DT_WR::INFO.offset => self.counter(action::DATA_WRITTEN),
                    o if o == ddma::DT_RD::INFO.offset => self.counter(action::DATA_READ),
                    o if o == ddma::WT_RD::INFO.offset => self.counter(action::WEIGHTS_READ),
                    _ => 0,
                }
            }
        }
    }

    fn write32(&self, offset: u32, value: u32) {
        match offset {
            o if o == pc::OPERATION_ENABLE::INFO.offset => {
                if value & 1 == 1
                    && let Err(why) = self.start()
                {
                    self.fail(why);
                }
            }
            o if o == pc::BASE_ADDRESS::INFO.offset => self.state().base = value,
            o if o == pc::REGISTER_AMOUNTS::INFO.offset => self.state().amount = value & 0xFFFF,
            o if o == pc::INTERRUPT_MASK::INFO.offset => self.state().mask = value,
            o if o == pc::INTERRUPT_CLEAR::INFO.offset => self.state().raw &= !value,
            o if o == pc::TASK_CON::INFO.offset => self.state().task_con = value,
            // SUBMIT's task_base_addr, which is 0 here.
            o if o == pc::TASK_DMA_BASE_ADDR::INFO.offset && value == 0 => {}
            o if o == ddma::COUNTER_CONTROL::INFO.offset => {
                if ddma::COUNTER_CONTROL::CLEAR.get(value) == 1 {
                    self.counter(action::CLEAR_TRAFFIC);
                }
            }
            o => {
                let name = register_at(o).map_or("unknown", |register| register.name);
                self.fail(DeviceError::Unsupported(format!(
                    "register {name} (0x{o:04X}): the kernel keeps it to itself"
                )));
            }
        }
    }
}
