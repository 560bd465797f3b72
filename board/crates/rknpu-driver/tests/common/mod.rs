//! A driver on a simulated board, row-major products through it, and a naive reference that shares no code.
#![allow(dead_code)]

pub mod case;
pub mod half;
pub mod maps;
pub mod pooling;
pub mod tables;

use npu_device::{Accelerator, BufferRange, DeviceError, JobReport, MatmulInt8, NpuDevice, Operation, layout};
use npu_sim::{SimBoard, SimConfig};
use rknpu_driver::{Options, RK3568, Rknpu};

pub const LONG_NS: u64 = 60_000_000_000;

pub fn board(memory_bytes: u64) -> SimBoard {
    SimBoard::new(SimConfig {
        memory_bytes,
        ..SimConfig::default()
    })
    .unwrap()
}

pub fn driver(memory_bytes: u64) -> Rknpu {
    ready(Rknpu::new(board(memory_bytes).hardware(), &RK3568, Options::default()))
}

pub fn ready(mut driver: Rknpu) -> Rknpu {
    driver.init().unwrap();
    driver
}

pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    pub fn below(&mut self, bound: u64) -> usize {
        (self.next() % bound) as usize
    }

    pub fn values(&mut self, count: usize) -> Vec<i8> {
        (0..count).map(|_| self.next() as i8).collect()
    }
}

/// `[m, k] x [n, k]` to `[m, n]`, the schoolbook way.
pub fn naive(a: &[i8], b: &[i8], m: usize, k: usize, n: usize) -> Vec<i32> {
    let mut c = Vec::with_capacity(m * n);
    for row in 0..m {
        for column in 0..n {
            let (x, y) = (&a[row * k..][..k], &b[column * k..][..k]);
            c.push(x.iter().zip(y).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum());
        }
    }
    c
}

/// A product with its operands in fresh buffers.
pub struct Placed {
    pub operation: MatmulInt8,
    pub n: usize,
}

pub fn place(npu: &mut dyn Accelerator, a: &[i8], b: &[i8], m: usize, k: usize, n: usize) -> Placed {
    let mut buffer = |bytes: usize| BufferRange {
        buffer: npu.allocate_memory(bytes as u64).unwrap(),
        offset: 0,
    };
    let at = [layout::a_bytes(m, k), layout::b_bytes(n, k), layout::c_bytes(m, n)].map(&mut buffer);
    npu.write_memory(at[0], &layout::pack_a(a, m, k)).unwrap();
    npu.write_memory(at[1], &layout::pack_b(b, n, k)).unwrap();
    let (padded_k, padded_n) = (layout::padded_k(k) as u32, layout::padded_n(n) as u32);
    Placed {
        operation: MatmulInt8 {
            m: m as u32,
            k: padded_k,
            n: padded_n,
            a: at[0],
            b: at[1],
            c: at[2],
        },
        n,
    }
}

impl Placed {
    pub fn result(&self, npu: &mut dyn Accelerator) -> Vec<i32> {
        let m = self.operation.m as usize;
        let mut bytes = vec![0; layout::c_bytes(m, self.n)];
        npu.read_memory(self.operation.c, &mut bytes).unwrap();
        layout::unpack_c(&bytes, m, self.n)
    }

    pub fn free(self, npu: &mut dyn Accelerator) {
        for range in [self.operation.a, self.operation.b, self.operation.c] {
            npu.free_memory(range.buffer).unwrap();
        }
    }
}

pub fn run(npu: &mut dyn Accelerator, operations: &[impl Into<Operation> + Clone]) -> Result<JobReport, DeviceError> {
    let operations: Vec<Operation> = operations.iter().cloned().map(Into::into).collect();
    let job = npu.submit_task(&operations)?;
    npu.wait_for_completion(job, LONG_NS)
}

/// A shape with zeroed operands, for tests of cost.
pub fn shape(npu: &mut dyn Accelerator, m: usize, k: usize, n: usize) -> Placed {
    place(npu, &vec![0; m * k], &vec![0; n * k], m, k, n)
}

/// Words of each task of a listing.
pub fn tasks(listing: &str) -> Vec<Vec<u64>> {
    let mut tasks: Vec<Vec<u64>> = Vec::new();
    for line in listing.lines() {
        match line.strip_prefix("; start") {
            Some(_) => tasks.push(Vec::new()),
            None => tasks.last_mut().unwrap().push(npu_regs::assemble(line).unwrap()),
        }
    }
    tasks
}

pub fn registers(words: &[u64]) -> std::collections::HashMap<u32, u32> {
    words
        .iter()
        .map(|word| ((word & 0xFFFF) as u32, (word >> 16) as u32))
        .collect()
}

/// Runs a product and checks it: the device works.
pub fn works(npu: &mut Rknpu) {
    let mut random = Random(99);
    let (a, b) = (random.values(3 * 64), random.values(40 * 64));
    let placed = place(npu, &a, &b, 3, 64, 40);
    run(npu, &[placed.operation]).unwrap();
    assert_eq!(placed.result(npu), naive(&a, &b, 3, 64, 40));
    placed.free(npu);
}
