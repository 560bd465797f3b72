//! Random programs within the sheet, and operands for them in memory and as the reference wants them.

use alloc::vec::Vec;

use npu_reference::native::{self, Pitch};
use npu_reference::{Geometry, Kernels, Map};

use super::program::{Bench, Program, Random};

pub(super) fn geometry(program: &Program) -> Geometry {
    Geometry {
        stride: program.stride,
        step: (program.gap.0 + 1, program.gap.1 + 1),
        pad: program.pad,
        output: program.output,
    }
}

/// A random program; its sizes stay small enough for plain loops.
pub(super) fn random_program(random: &mut Random) -> Program {
    let half = cfg!(feature = "float") && random.below(3) == 0;
    let depthwise = random.below(3) == 0;
    let interleaved = random.below(4) == 0;
    let atom = if half { 4 } else { 8 };
    let declared = if interleaved {
        atom
    } else {
        atom * random.between(1, 12)
    };
    let real = if interleaved {
        random.between(1, 4)
    } else {
        declared - random.below(declared.min(12))
    };
    let kernel = (random.between(1, 5), random.between(1, 5));
    let stride = (random.between(1, 3), random.between(1, 3));
    let gap = (random.below(3), random.below(3));
    let extent = ((kernel.0 - 1) * (gap.0 + 1) + 1, (kernel.1 - 1) * (gap.1 + 1) + 1);
    let pad = (random.below(extent.0.min(8)), random.below(extent.1.min(8)));
    let (height, width) = (random.between(1, 14), random.between(1, 14));
    // Padding right and below is what is left; the output takes some of it.
    let outputs = |size: usize, pad: usize, extent: usize, stride: usize, extra: usize| {
        (pad + size + extra).saturating_sub(extent) / stride + 1
    };
    let output = (
        outputs(height, pad.0, extent.0, stride.0, random.below(3)),
        outputs(width, pad.1, extent.1, stride.1, random.below(3)),
    );
    let line_stride = if interleaved {
        (width * real * if half { 2 } else { 1 }).div_ceil(8)
    } else {
        width + random.below(4)
    };
    let surface_stride = (line_stride * height + random.below(9)).next_multiple_of(4);
    Program {
        half,
        depthwise,
        interleaved,
        declared,
        real,
        kernels: if depthwise { 1 } else { random.between(1, 50) },
        kernel,
        stride,
        gap,
        pad,
        pad_value: if half { 0 } else { random.next() as i8 as i16 },
        output,
        line_stride,
        surface_stride,
        ..Program::new(width, height, declared, 16)
    }
}

/// Features with garbage in the channels that do not exist, and weights that would see it.
pub(super) struct Operands<T> {
    pub(super) features: Map<T>,
    pub(super) weights: Kernels<T>,
}

impl<T: native::Element> Operands<T> {
    pub(super) fn random(program: &Program, mut value: impl FnMut() -> T) -> Self {
        let features = Map::from_fn(program.declared, program.height, program.width, |_, _, _| value());
        let (count, channels) = if program.depthwise {
            (program.declared, 1)
        } else {
            (program.kernels, program.declared)
        };
        Self {
            features,
            weights: Kernels::from_fn((count, channels), program.kernel, value),
        }
    }

    pub(super) fn place(&self, program: &Program, bench: &Bench) {
        let pitch = Pitch {
            line: program.line_stride,
            surface: program.surface_stride,
        };
        let features = if program.interleaved {
            native::pack_interleaved(&self.real_features(program))
        } else {
            native::pack_features(&self.features, pitch, program.declared, 0x55)
        };
        let weights = if program.depthwise {
            native::pack_depthwise(&self.weights, program.declared)
        } else {
            native::pack_weights(&self.weights, program.declared)
        };
        bench.write(program.features, &features);
        bench.write(program.weights, &weights);
    }

    pub(super) fn real_features(&self, program: &Program) -> Map<T> {
        Map::from_fn(program.real, program.height, program.width, |c, y, x| {
            self.features.at(c, y, x)
        })
    }

    /// Weights of the channels that exist.
    pub(super) fn real_weights(&self, program: &Program) -> Kernels<T> {
        let mut places = Vec::new();
        let (kernels, channels) = if program.depthwise {
            (program.real, 1)
        } else {
            (program.kernels, program.real)
        };
        for (kernel, channel) in (0..kernels).flat_map(|k| (0..channels).map(move |c| (k, c))) {
            for (ky, kx) in (0..program.kernel.0).flat_map(|y| (0..program.kernel.1).map(move |x| (y, x))) {
                places.push(self.weights.at(kernel, channel, ky, kx));
            }
        }
        let mut places = places.into_iter();
        Kernels::from_fn((kernels, channels), program.kernel, || places.next().expect("as many"))
    }
}
