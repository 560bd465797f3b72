//! The vendor's DRM device (`rknpu-drm`) with a kernel that lies: every answer may be an error, empty, or hold a number
//! nobody computed. Mappings are as large as was asked for and panic outside.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rknpu_drm::abi::{MemCreate, Submit, Task, action};
use rknpu_drm::{Ioctl, Mapping, Options, Request, open};

use crate::Target;

/// Input: one word per call, `value << 32 | errno << 16 | field << 8 | mode`; calls beyond the input are answered honestly.
pub const TARGET: Target = Target {
    name: "ioctls",
    word_bytes: 8,
    max_bytes: 512,
    run,
};

/// Largest object the kernel grants.
const MOST_BYTES: u64 = 2 << 20;
/// Device address of the first object.
const FIRST_ADDRESS: u64 = 0x1000_0000;

fn run(input: &[u8]) {
    assert!(!refusal(input).is_empty(), "an error without words");
}

/// Why the device was not opened.
fn refusal(input: &[u8]) -> String {
    let words = input.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
    let kernel = Arc::new(Kernel::default());
    kernel.state().lies = words.rev().collect();
    let options = Options {
        memory_bytes: MOST_BYTES,
        least_memory_bytes: MOST_BYTES / 4,
        allowance: Duration::from_millis(500),
        submit_timeout_ms: 100,
    };
    // No product is ever computed, so at the latest the known one says so: an error is the only right end.
    match open(kernel, options, rknpu_driver::Options::default()) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("a kernel that computes nothing passed for an NPU"),
    }
}

#[derive(Default)]
struct State {
    /// What is left of the input, last first.
    lies: Vec<u64>,
    /// Objects by handle.
    objects: BTreeMap<u32, Memory>,
}

#[derive(Default)]
struct Kernel(Mutex<State>);

/// Bytes that kernel and mappings share.
#[derive(Clone)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mapping for Memory {
    fn read(&self, offset: usize, into: &mut [u8]) {
        let bytes = self.bytes();
        into.copy_from_slice(&bytes[offset..offset + into.len()]);
    }

    fn write(&self, offset: usize, bytes: &[u8]) {
        self.bytes()[offset..offset + bytes.len()].copy_from_slice(bytes);
    }
}

impl Kernel {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an honest kernel without an NPU behind it would answer.
    fn honest(&self, request: &mut Request) -> Result<(), i32> {
        let mut state = self.state();
        match request {
            Request::Action(action) => action.value = if action.flags == action::DRIVER_VERSION { 908 } else { 1 },
            Request::MemCreate(create) => {
                if create.size > MOST_BYTES {
                    return Err(rknpu_drm::abi::errno::ENOMEM);
                }
                let handle = state.objects.len() as u32 + 1;
                create.handle = handle;
                create.obj_addr = u64::from(handle) << 32;
                create.dma_addr = FIRST_ADDRESS + u64::from(handle) * MOST_BYTES;
                state.objects.insert(handle, memory(create.size));
            }
            Request::MemMap(map) => map.offset = u64::from(map.handle) << 12,
            Request::Submit(submit) => {
                submit.task_counter = submit.task_number;
                finish(&state, submit);
            }
            Request::MemDestroy(_) | Request::MemSync(_) => {}
        }
        Ok(())
    }
}

fn memory(bytes: u64) -> Memory {
    Memory(Arc::new(Mutex::new(vec![0; bytes.min(MOST_BYTES) as usize])))
}

/// Writes into the descriptors that their interrupts came.
fn finish(state: &State, submit: &Submit) {
    let Some(object) = state.objects.get(&((submit.task_obj_addr >> 32) as u32)) else {
        return;
    };
    let mut bytes = object.bytes();
    let (descriptors, _) = bytes.as_chunks_mut::<{ Task::BYTES }>();
    let tasks = descriptors.iter_mut().skip(submit.task_start as usize);
    for descriptor in tasks.take(submit.task_number as usize) {
        let status = Task::from_bytes(descriptor).int_mask.to_le_bytes();
        descriptor[Task::INT_STATUS_OFFSET..][..4].copy_from_slice(&status);
    }
}

/// Overwrites one number of a structure.
fn falsify(request: &mut Request, field: u8, value: u64) {
    let narrow = value as u32;
    match request {
        Request::Action(action) => action.value = narrow,
        Request::MemCreate(MemCreate {
            handle,
            flags,
            size,
            obj_addr,
            dma_addr,
            ..
        }) => match field % 5 {
            0 => *handle = narrow,
            1 => *flags = narrow,
            2 => *size = value,
            3 => *obj_addr = value,
            _ => *dma_addr = value,
        },
        Request::MemMap(map) => map.offset = value,
        Request::Submit(submit) => match field % 4 {
            0 => submit.task_counter = narrow,
            1 => submit.task_number = narrow,
            2 => submit.hw_elapse_time = value as i64,
            _ => submit.task_obj_addr = value,
        },
        Request::MemDestroy(destroy) => destroy.handle = narrow,
        Request::MemSync(sync) => sync.size = value,
    }
}

impl Ioctl for Kernel {
    fn call(&self, request: &mut Request) -> Result<(), i32> {
        let lie = self.state().lies.pop().unwrap_or(0);
        let (field, errno, value) = ((lie >> 8) as u8, i32::from((lie >> 16) as u16), lie >> 32);
        match lie as u8 % 6 {
            1 => return Err(errno),
            // Success, and nothing done.
            2 => return Ok(()),
            _ => self.honest(request)?,
        }
        match lie as u8 % 6 {
            3 => falsify(request, field, value),
            4 => falsify(request, field, value << 32 | value),
            _ => {}
        }
        Ok(())
    }

    fn map(&self, offset: u64, bytes: usize) -> Result<Box<dyn Mapping>, i32> {
        let state = self.state();
        let object = state.objects.get(&((offset >> 12) as u32)).cloned();
        match object.filter(|object| object.bytes().len() >= bytes) {
            Some(object) => Ok(Box::new(object)),
            None => Err(22),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_honest_kernel_without_an_npu_fails_at_the_known_product_so_that_lies_reach_every_call() {
        let refusal = refusal(&[]);
        assert!(refusal.contains("of a known product are wrong"), "{refusal}");
    }
}
