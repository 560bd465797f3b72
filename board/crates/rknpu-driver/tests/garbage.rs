//! Operations of random fields, extreme ones included, are run or refused: never a panic, never a hang, never a fault of
//! the device's own making.

mod common;

use std::sync::Arc;

use common::{LONG_NS, Random, driver};
use npu_device::{
    ActivatedConvolution, Activation, ActivationTable, Add, AddFp16, BufferId, BufferRange, ChannelParameters,
    Convolution, ConvolutionKind, ConvolutionResult, Dequantize, DeviceError, FeatureMap, MatmulFp16, MatmulInt8,
    NpuDevice, Operation, OutputConversion, Pool, PoolMethod, Precision, RawCommands, Rectifier, Requantize, Rescale,
    Residual, Window,
};

struct Fields {
    random: Random,
    buffers: Vec<BufferId>,
}

impl Fields {
    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.random.below(of.len() as u64)]
    }

    /// Mostly small, sometimes at an edge.
    fn size(&mut self) -> u32 {
        match self.random.below(16) {
            0 => self.one(&[0, 2047, 2048, 8176, 8192, 10240, 16384, 1 << 20, u32::MAX / 2, u32::MAX]),
            1 => self.random.next() as u32,
            2..5 => 16 * (1 + self.random.below(20) as u32),
            _ => 1 + self.random.below(12) as u32,
        }
    }

    fn small(&mut self) -> u32 {
        match self.random.below(24) {
            0 => self.one(&[0, 7, 8, 15, 16, 31, 32, u32::MAX]),
            _ => 1 + self.random.below(3) as u32,
        }
    }

    fn pad(&mut self) -> u32 {
        match self.random.below(24) {
            0 => self.one(&[7, 8, 15, 16, u32::MAX]),
            _ => self.random.below(2) as u32,
        }
    }

    fn at(&mut self) -> BufferRange {
        let buffer = match self.random.below(30) {
            0 => BufferId {
                slot: 99,
                generation: 1,
            },
            _ => self.buffers[self.random.below(self.buffers.len() as u64)],
        };
        let offset = match self.random.below(30) {
            0 => self.one(&[1, 32, u64::MAX, u64::MAX - 63, 1 << 32]),
            _ => 64 * self.random.below(64) as u64,
        };
        BufferRange { buffer, offset }
    }

    fn map(&mut self) -> FeatureMap {
        FeatureMap {
            at: self.at(),
            width: self.size(),
            height: self.size(),
            channels: self.size(),
        }
    }

    fn window(&mut self) -> Window {
        Window {
            kernel_width: self.small(),
            kernel_height: self.small(),
            stride_x: self.small(),
            stride_y: self.small(),
            dilation_x: self.one(&[1, 1, 1, 2]),
            dilation_y: self.one(&[1, 1, 1, 0]),
            pad_left: self.pad(),
            pad_right: self.pad(),
            pad_top: self.pad(),
            pad_bottom: self.pad(),
        }
    }

    fn rescale(&mut self) -> Rescale {
        Rescale {
            offset: self.random.next() as i32,
            multiplier: self.random.next() as i16,
            shift: self.one(&[0, 3, 63, 63, 64, 255]),
        }
    }

    fn conversion(&mut self) -> OutputConversion {
        OutputConversion {
            scale: self.random.next() as u16,
            shift: self.one(&[0, 14, 29, 63, 64, 255]),
            offset: self.random.next() as i32,
            ties_up: self.random.below(2) == 1,
        }
    }

    fn result(&mut self) -> ConvolutionResult {
        let at = self.at();
        let parameters = match self.random.below(3) {
            0 => None,
            1 => Some(ChannelParameters::Full(at)),
            _ => Some(ChannelParameters::Bias {
                at,
                zero_point_factor: self.random.next() as i16,
            }),
        };
        let rectifier = self.random.next() as u32;
        match self.random.below(5) {
            0 => ConvolutionResult::Wide,
            1 => ConvolutionResult::Fp16 {
                residual: self.one(&[None, Some(at)]),
                relu: true,
            },
            2 => ConvolutionResult::Fp16OfInt8 {
                parameters,
                rectifier: Rectifier::Relu,
                output: self.conversion(),
                exponent: self.random.next() as u8,
            },
            _ => ConvolutionResult::Int8 {
                parameters,
                rectifier: self.one(&[Rectifier::None, Rectifier::Relu, Rectifier::ReluUpTo(rectifier)]),
                residual: match self.random.below(2) {
                    0 => None,
                    _ => Some(Residual {
                        at: self.at(),
                        rescale: self.rescale(),
                        relu: false,
                    }),
                },
                output: self.conversion(),
            },
        }
    }

    fn table(&mut self) -> Arc<ActivationTable> {
        Arc::new(ActivationTable {
            lower: [self.random.next() as i16; 513],
            upper: [self.random.next() as i16; 513],
            step_shift: self.one(&[0, 5, 16, 17, 255]),
        })
    }

    fn operation(&mut self) -> Operation {
        let (m, k, n) = (self.size(), self.size(), self.size());
        let precision = self.one(&[Precision::Int8, Precision::Int8, Precision::Fp16]);
        match self.random.below(8) {
            0 => Operation::MatmulInt8(MatmulInt8 {
                m,
                k: self.one(&[k, k.saturating_mul(32)]),
                n,
                a: self.at(),
                b: self.at(),
                c: self.at(),
            }),
            1 => Operation::MatmulFp16(MatmulFp16 {
                m,
                k: self.one(&[k, k.saturating_mul(32)]),
                n,
                a: self.at(),
                b: self.at(),
                c: self.at(),
            }),
            2 | 3 => {
                let input = self.map();
                let convolution = Convolution {
                    precision,
                    kind: self.one(&[
                        ConvolutionKind::Dense,
                        ConvolutionKind::Depthwise,
                        ConvolutionKind::FirstLayer { unsigned: true },
                        ConvolutionKind::FirstLayer { unsigned: false },
                    ]),
                    input,
                    output_channels: self.one(&[n, input.channels]),
                    weights: self.at(),
                    window: self.window(),
                    pad_value: self.one(&[0, 0, -128, 127, 300]),
                    result: self.result(),
                    output: self.at(),
                };
                match self.random.below(3) {
                    0 => Operation::ActivatedConvolution(ActivatedConvolution {
                        convolution,
                        rescale: self.rescale(),
                        table: self.table(),
                    }),
                    _ => Operation::Convolution(convolution),
                }
            }
            4 if precision == Precision::Fp16 => Operation::AddFp16(AddFp16 {
                a: self.map(),
                b: self.at(),
                relu: true,
                output: self.at(),
            }),
            4 => Operation::Add(Add {
                a: self.map(),
                a_rescale: self.rescale(),
                b: self.at(),
                b_rescale: self.rescale(),
                relu: true,
                conversion: self.conversion(),
                output: self.at(),
            }),
            5 => Operation::Pool(Pool {
                precision,
                input: self.map(),
                method: self.one(&[PoolMethod::Average, PoolMethod::Maximum, PoolMethod::Minimum]),
                window: self.window(),
                pad_value: self.one(&[0, -128, 127, i32::MAX, i32::MIN]),
                output: self.at(),
            }),
            6 if self.random.below(2) == 0 => Operation::Requantize(Requantize {
                input: self.map(),
                rescale: self.rescale(),
                conversion: self.conversion(),
                output: self.at(),
            }),
            6 if precision == Precision::Fp16 => Operation::Dequantize(Dequantize {
                input: self.map(),
                offset: m,
                multiplier: k as u16,
                output: self.at(),
            }),
            6 => Operation::Activation(Activation {
                input: self.map(),
                rescale: self.rescale(),
                table: self.table(),
                conversion: self.conversion(),
                output: self.at(),
            }),
            _ => Operation::Raw(RawCommands {
                commands: self.at(),
                words: self.one(&[m, 117, 1025]),
                tasks: self.one(&[k, 1, 4096]),
                interrupt_mask: self.one(&[0x300, 0xC00, n]),
                operands: self.buffers.clone(),
            }),
        }
    }
}

#[test]
fn random_operations_are_run_or_refused() {
    let mut npu = driver(16 << 20);
    let mut random = Random(51);
    let buffers: Vec<BufferId> = (0..6).map(|_| npu.allocate_memory(1 << 18).unwrap()).collect();
    let noise: Vec<u8> = (0..1 << 18).map(|_| random.next() as u8).collect();
    for &buffer in &buffers {
        npu.write_memory(BufferRange { buffer, offset: 0 }, &noise).unwrap();
    }
    let mut fields = Fields { random, buffers };
    let (mut ran, mut refused, mut faults) = (0, 0, 0);
    for _ in 0..6000 {
        let operation = fields.operation();
        let is_raw = matches!(operation, Operation::Raw(_));
        let name = format!("{operation:?}");
        match npu.submit_task(&[operation]) {
            Err(DeviceError::Invalid(_) | DeviceError::Unsupported(_) | DeviceError::NotFound) => refused += 1,
            Err(other) => panic!("{name}: {other}"),
            Ok(job) => match npu.wait_for_completion(job, LONG_NS) {
                Ok(_) => ran += 1,
                // Noise is no program: that is what the caller asked for.
                Err(DeviceError::Fault(_)) if is_raw => faults += 1,
                Err(other) => panic!("{name}: {other}"),
            },
        }
    }
    // Each of the three outcomes is met often, or the fields say nothing.
    assert!(ran > 300 && refused > 2000 && faults > 50, "{ran} {refused} {faults}");
}
