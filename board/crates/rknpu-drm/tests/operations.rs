//! Every operation through the in-process kernel gives the bytes that the same driver gives over registers, and a kernel that
//! fails in the middle of one is found out and does not spoil the next.

mod support;

use std::sync::Arc;

use npu_device::{
    Accelerator, Activation, ActivationTable, Add, AddFp16, BufferRange, ChannelParameters, Convolution,
    ConvolutionKind, ConvolutionResult, Dequantize, DeviceError, FeatureMap, MatmulFp16, MatmulInt8, Operation,
    OutputConversion, Pool, PoolMethod, Precision, Rectifier, Requantize, Rescale, Residual, Window,
};
use npu_sim::{SimBoard, SimConfig};
use rknpu_driver::{Options, RK3568, RknpuDriver};
use support::{Fault, Kernel, open};

const SECOND_NS: u64 = 1_000_000_000;
/// Room for any operand here.
const OPERAND_BYTES: usize = 64 * 1024;

struct Operands<'a> {
    npu: &'a mut dyn Accelerator,
    state: u32,
}

impl Operands<'_> {
    /// A buffer of noise; halves among it stay small, so that no sum overflows.
    fn noise(&mut self) -> BufferRange {
        let mut next = || {
            self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (self.state >> 24) as u8
        };
        let bytes: Vec<u8> = (0..OPERAND_BYTES)
            .map(|index| if index % 2 == 1 { next() & 0xB7 } else { next() })
            .collect();
        let at = self.empty();
        self.npu.write_memory(at, &bytes).unwrap();
        at
    }

    fn empty(&mut self) -> BufferRange {
        let buffer = self.npu.allocate_memory(OPERAND_BYTES as u64).unwrap();
        self.npu
            .write_memory(BufferRange { buffer, offset: 0 }, &[0x5A; OPERAND_BYTES])
            .unwrap();
        BufferRange { buffer, offset: 0 }
    }

    fn map(&mut self, width: u32, height: u32, channels: u32) -> FeatureMap {
        FeatureMap {
            at: self.noise(),
            width,
            height,
            channels,
        }
    }

    fn convolution(&mut self, precision: Precision, kind: ConvolutionKind, result: ConvolutionResult) -> Convolution {
        let channels = match kind {
            ConvolutionKind::FirstLayer { .. } => 3,
            _ => 32,
        };
        Convolution {
            precision,
            kind,
            input: self.map(9, 7, channels),
            output_channels: 32,
            weights: self.noise(),
            window: Window::of(3, 3).padding(1),
            pad_value: 0,
            result,
            output: self.empty(),
        }
    }
}

const CONVERSION: OutputConversion = OutputConversion {
    scale: 0x5BEC,
    shift: 24,
    offset: -3,
    ties_up: false,
};
const RESCALE: Rescale = Rescale {
    offset: 7,
    multiplier: 1 << 12,
    shift: 1,
};

/// One operation of each kind, and where its result lies.
fn operations(npu: &mut dyn Accelerator) -> Vec<(&'static str, Operation, BufferRange)> {
    let mut operands = Operands { npu, state: 1 };
    let o = &mut operands;
    let int8 = |parameters, residual| ConvolutionResult::Int8 {
        parameters,
        rectifier: Rectifier::Relu,
        residual,
        output: CONVERSION,
    };
    let full = Some(ChannelParameters::Full(o.noise()));
    let residual = Some(Residual {
        at: o.noise(),
        rescale: RESCALE,
        relu: true,
    });
    let half = |residual| ConvolutionResult::Fp16 { residual, relu: true };
    let of_int8 = ConvolutionResult::Fp16OfInt8 {
        parameters: full,
        rectifier: Rectifier::None,
        output: CONVERSION,
        exponent: 4,
    };
    let added = Some(o.noise());
    let (dense, depthwise) = (ConvolutionKind::Dense, ConvolutionKind::Depthwise);
    let first = ConvolutionKind::FirstLayer { unsigned: true };
    let convolutions = [
        ("convolution", Precision::Int8, dense, int8(full, None)),
        ("residual", Precision::Int8, dense, int8(full, residual)),
        ("sums", Precision::Int8, dense, ConvolutionResult::Wide),
        ("fp16 of int8", Precision::Int8, dense, of_int8),
        ("depthwise", Precision::Int8, depthwise, int8(full, None)),
        ("depthwise sums", Precision::Int8, depthwise, ConvolutionResult::Wide),
        ("first layer", Precision::Int8, first, int8(full, None)),
        ("fp16 convolution", Precision::Fp16, dense, half(None)),
        ("fp16 residual", Precision::Fp16, dense, half(added)),
        ("fp16 depthwise", Precision::Fp16, depthwise, half(None)),
    ];
    let mut all: Vec<(&'static str, Operation, BufferRange)> = Vec::new();
    for (name, precision, kind, result) in convolutions {
        let operation = o.convolution(precision, kind, result);
        all.push((name, operation.into(), operation.output));
    }
    let product = MatmulInt8 {
        m: 5,
        k: 64,
        n: 48,
        a: o.noise(),
        b: o.noise(),
        c: o.empty(),
    };
    all.push(("product", product.into(), product.c));
    let product = MatmulFp16 {
        m: 5,
        k: 64,
        n: 24,
        a: o.noise(),
        b: o.noise(),
        c: o.empty(),
    };
    all.push(("fp16 product", product.into(), product.c));
    let add = Add {
        a: o.map(10, 6, 24),
        a_rescale: RESCALE,
        b: o.noise(),
        b_rescale: RESCALE,
        relu: false,
        conversion: CONVERSION,
        output: o.empty(),
    };
    all.push(("add", add.into(), add.output));
    let add = AddFp16 {
        a: o.map(7, 5, 12),
        b: o.noise(),
        relu: true,
        output: o.empty(),
    };
    all.push(("fp16 add", add.into(), add.output));
    for (precision, method) in [
        (Precision::Int8, PoolMethod::Maximum),
        (Precision::Int8, PoolMethod::Average),
        (Precision::Fp16, PoolMethod::Average),
    ] {
        let pool = Pool {
            precision,
            input: o.map(9, 9, 16),
            method,
            window: Window::of(3, 3).stride(2),
            pad_value: 0,
            output: o.empty(),
        };
        all.push(("pool", pool.into(), pool.output));
    }
    let activation = Activation {
        input: o.map(6, 6, 16),
        rescale: RESCALE,
        table: Arc::new(ActivationTable {
            lower: std::array::from_fn(|index| index as i16 - 512),
            upper: std::array::from_fn(|index| (index * index / 16) as i16),
            step_shift: 5,
        }),
        conversion: CONVERSION,
        output: o.empty(),
    };
    let output = activation.output;
    all.push(("activation", activation.into(), output));
    let requantize = Requantize {
        input: o.map(6, 6, 16),
        rescale: RESCALE,
        conversion: CONVERSION,
        output: o.empty(),
    };
    all.push(("requantize", requantize.into(), requantize.output));
    let dequantize = Dequantize {
        input: o.map(5, 5, 8),
        offset: (-20f32).to_bits(),
        multiplier: 0x4424,
        output: o.empty(),
    };
    all.push(("dequantize", dequantize.into(), dequantize.output));
    all
}

fn run(npu: &mut dyn Accelerator, operations: &[Operation]) -> Result<(), DeviceError> {
    let job = npu.submit_task(operations)?;
    npu.wait_for_completion(job, 20 * SECOND_NS).map(drop)
}

fn read(npu: &mut dyn Accelerator, at: BufferRange) -> Vec<u8> {
    let mut bytes = vec![0; OPERAND_BYTES];
    npu.read_memory(at, &mut bytes).unwrap();
    bytes
}

/// Results over registers.
fn over_registers() -> Vec<(&'static str, Vec<u8>)> {
    let config = SimConfig {
        memory_bytes: 64 << 20,
        ..SimConfig::default()
    };
    let board = SimBoard::new(config).unwrap();
    let mut npu = RknpuDriver::new(board.hardware(), &RK3568, Options::default());
    Accelerator::capabilities(&npu);
    npu_device::NpuDevice::init(&mut npu).unwrap();
    let all = operations(&mut npu);
    let result = |(name, operation, at): (&'static str, Operation, BufferRange)| {
        run(&mut npu, &[operation]).unwrap_or_else(|why| panic!("{name}: {why}"));
        (name, read(&mut npu, at))
    };
    all.into_iter().map(result).collect()
}

fn drm() -> (Arc<Kernel>, RknpuDriver) {
    let kernel = Kernel::new(64 << 20);
    let driver = open(&kernel).unwrap().driver;
    (kernel, driver)
}

#[test]
fn every_operation_gives_the_bytes_it_gives_over_registers_alone_and_in_one_job() {
    let wanted = over_registers();
    let (kernel, mut npu) = drm();
    let all = operations(&mut npu);
    for ((name, operation, at), (_, wanted)) in all.iter().zip(&wanted) {
        run(&mut npu, std::slice::from_ref(operation)).unwrap_or_else(|why| panic!("{name}: {why}"));
        let found = read(&mut npu, *at);
        assert!(found == *wanted, "{name}");
        assert!(found[..64] != [0x5A; 64], "{name}: nothing was written");
        npu.write_memory(*at, &[0x5A; OPERAND_BYTES]).unwrap();
    }
    let job: Vec<Operation> = all.iter().map(|(_, operation, _)| operation.clone()).collect();
    run(&mut npu, &job).unwrap();
    for ((name, _, at), (_, wanted)) in all.iter().zip(&wanted) {
        assert!(read(&mut npu, *at) == *wanted, "{name} in one job");
    }
    assert_eq!(kernel.violations(), Vec::<String>::new());
}

#[test]
fn a_kernel_that_fails_during_any_operation_is_found_out_and_the_same_job_runs_afterwards() {
    let wanted = over_registers();
    let (kernel, mut npu) = drm();
    let all = operations(&mut npu);
    for ((name, operation, at), (_, wanted)) in all.iter().zip(&wanted) {
        for (fault, says) in [
            (Fault::SubmitSaysSuccess, "SUBMIT says success, but 0 of"),
            (
                Fault::SubmitCounts,
                "SUBMIT says success, but the last task's interrupts are 0x0",
            ),
            (Fault::SubmitTimesOut, "SUBMIT: "),
            (Fault::SubmitBusy, "busy"),
        ] {
            kernel.set_fault(Some(fault));
            let why = run(&mut npu, std::slice::from_ref(operation)).unwrap_err();
            assert!(why.to_string().contains(says), "{name} {fault:?}: {why}");
            kernel.set_fault(None);
        }
        assert_eq!(
            read(&mut npu, *at)[..64],
            [0x5A; 64],
            "{name}: a failed job wrote its result"
        );
        run(&mut npu, std::slice::from_ref(operation)).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert!(read(&mut npu, *at) == *wanted, "{name}");
    }
    assert_eq!(kernel.violations(), Vec::<String>::new());
}

#[test]
fn a_submit_that_never_returns_is_lost_whatever_the_operation_and_the_device_comes_back() {
    let wanted = over_registers();
    for (index, (name, wanted)) in wanted.iter().enumerate() {
        let (kernel, mut npu) = drm();
        let (_, operation, at) = operations(&mut npu).swap_remove(index);
        kernel.set_fault(Some(Fault::SubmitHangs));
        let job = Accelerator::submit_task(&mut npu, std::slice::from_ref(&operation)).unwrap();
        let lost = Accelerator::wait_for_completion(&mut npu, job, 1_000_000);
        assert_eq!(lost, Err(DeviceError::Lost), "{name}");
        kernel.set_fault(None);
        kernel.wait_for_calls();
        run(&mut npu, &[operation]).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert!(read(&mut npu, at) == *wanted, "{name}");
        assert_eq!(kernel.violations(), Vec::<String>::new());
    }
}
