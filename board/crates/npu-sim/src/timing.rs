//! What a task costs: integers only, so that equal means equal. Knows shapes and bytes, no registers.
//!
//! `max(compute, reads, writes, bus, DRAM) + fill + task overhead` (sheet §10.3), in nanoseconds, each part rounded up.
//! Sizes that no chip can have saturate; they never wrap into a small number.

use npu_device::{TaskCost, Traffic};

use crate::params::TimingParameters;

/// What the timing model needs to know about a task, in the terms of a dense int8 convolution. Other tasks are told in
/// the same terms by the constructors below (sheet §10.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskShape {
    /// Output pixels.
    pub outputs: u64,
    /// Kernel taps.
    pub taps: u64,
    /// Input channels.
    pub channels: u64,
    /// Kernels; 0 where the MAC array has no part in the task (element-wise work, pooling).
    pub kernels: u64,
    /// Feature bytes that must be resident before the array starts; 0 where they already are.
    pub fill_bytes: u64,
    /// Bytes moved.
    pub traffic: Traffic,
}

impl TaskShape {
    /// Dense int8: 32 channels and 16 kernels a cycle and tap.
    pub fn dense_int8(outputs: u64, taps: u64, channels: u64, kernels: u64) -> Self {
        Self {
            outputs,
            taps,
            channels,
            kernels,
            ..Self::default()
        }
    }

    /// Dense 16-bit: half the channels and half the kernels a cycle.
    pub fn dense_16_bit(outputs: u64, taps: u64, channels: u64, kernels: u64) -> Self {
        Self::dense_int8(outputs, taps, channels.saturating_mul(2), kernels.saturating_mul(2))
    }

    /// Depthwise int8: one group of 32 channels a cycle and tap.
    pub fn depthwise_int8(outputs: u64, taps: u64, channels: u64) -> Self {
        Self::dense_int8(outputs, taps, channels, 1)
    }

    /// Depthwise 16-bit: one group of 16 channels a cycle and tap.
    pub fn depthwise_16_bit(outputs: u64, taps: u64, channels: u64) -> Self {
        Self::depthwise_int8(outputs, taps, channels.saturating_mul(2))
    }

    /// First layer of one to four interleaved channels: taps take 8 bytes each, and a kernel row packs into 32-byte atoms.
    pub fn first_layer_int8(outputs: u64, kernel_height: u64, kernel_width: u64, kernels: u64) -> Self {
        Self::dense_int8(outputs, kernel_height, kernel_width.saturating_mul(8), kernels)
    }

    /// Work that the MAC array has no part in.
    pub fn without_array(outputs: u64) -> Self {
        Self {
            outputs,
            ..Self::default()
        }
    }
}

/// Nanoseconds for `amount` at `per_second`, rounded up. A rate of 0 never finishes.
fn nanoseconds(amount: u64, per_second: u64) -> u64 {
    if per_second == 0 {
        return u64::MAX;
    }
    if let Some(scaled) = amount.checked_mul(1_000_000_000) {
        return scaled.div_ceil(per_second);
    }
    let exact = (u128::from(amount) * 1_000_000_000).div_ceil(u128::from(per_second));
    u64::try_from(exact).unwrap_or(u64::MAX)
}

/// Cycles of the MAC array (§10.1): a stripe shorter than 16 outputs costs 16 cycles all the same, because the next
/// weight tile needs that long to arrive.
pub fn compute_cycles(shape: &TaskShape, parameters: &TimingParameters) -> u64 {
    let slices = shape.channels.div_ceil(parameters.array_channels.max(1));
    let groups = shape.kernels.div_ceil(parameters.array_kernels.max(1));
    let stripes = shape.outputs.max(parameters.stripe_outputs);
    [shape.taps, slices, groups]
        .into_iter()
        .fold(stripes, u64::saturating_mul)
}

/// The parts of a task's time, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breakdown {
    /// The MAC array.
    pub compute_ns: u64,
    /// Weight reads and feature reads, each at its effective bandwidth.
    pub reads_ns: u64,
    /// Output writes.
    pub writes_ns: u64,
    /// The busier direction of the bus interface at its peak.
    pub bus_ns: u64,
    /// All bytes at the DRAM's peak.
    pub dram_ns: u64,
    /// Loading what must be resident before the array starts.
    pub fill_ns: u64,
    /// Constant part.
    pub overhead_ns: u64,
}

impl Breakdown {
    /// Takes a task apart.
    pub fn of(shape: &TaskShape, parameters: &TimingParameters) -> Self {
        let Traffic {
            data_read_bytes,
            weight_read_bytes,
            written_bytes,
        } = shape.traffic;
        let read = data_read_bytes.saturating_add(weight_read_bytes);
        let [weights_per_s, features_per_s, writes_per_s] = [
            parameters.weight_bytes_per_s,
            parameters.feature_bytes_per_s,
            parameters.write_bytes_per_s,
        ]
        .map(|at_reference| parameters.effective_bytes_per_s(at_reference));
        Self {
            compute_ns: nanoseconds(compute_cycles(shape, parameters), parameters.npu_clock_hz),
            reads_ns: nanoseconds(weight_read_bytes, weights_per_s)
                .saturating_add(nanoseconds(data_read_bytes, features_per_s)),
            writes_ns: nanoseconds(written_bytes, writes_per_s),
            bus_ns: nanoseconds(read.max(written_bytes), parameters.axi_peak_bytes_per_s()),
            dram_ns: nanoseconds(read.saturating_add(written_bytes), parameters.ddr_peak_bytes_per_s()),
            fill_ns: nanoseconds(shape.fill_bytes, features_per_s),
            overhead_ns: parameters.task_overhead_ns,
        }
    }

    /// The part that decides, and its name: `compute`, `reads`, `writes`, `bus` or `DRAM`.
    pub fn limit(&self) -> (&'static str, u64) {
        [
            ("reads", self.reads_ns),
            ("writes", self.writes_ns),
            ("bus", self.bus_ns),
            ("DRAM", self.dram_ns),
        ]
        .into_iter()
        .fold(
            ("compute", self.compute_ns),
            |most, part| {
                if part.1 > most.1 { part } else { most }
            },
        )
    }

    /// The task's time.
    pub fn total_ns(&self) -> u64 {
        let (_, busiest_ns) = self.limit();
        busiest_ns.saturating_add(self.fill_ns).saturating_add(self.overhead_ns)
    }
}

/// The cost of a task as reported.
pub fn cost(shape: &TaskShape, parameters: &TimingParameters) -> TaskCost {
    TaskCost {
        cycles: compute_cycles(shape, parameters),
        modelled_ns: Breakdown::of(shape, parameters).total_ns(),
        traffic: shape.traffic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: TimingParameters = TimingParameters::RK3568_DEFAULT;

    fn matmul(m: u64, k: u64, n: u64) -> TaskShape {
        let traffic = Traffic {
            data_read_bytes: m * k + 936,
            weight_read_bytes: n * k,
            written_bytes: 4 * m * n,
        };
        TaskShape {
            outputs: m,
            taps: 1,
            channels: k,
            kernels: n,
            fill_bytes: m * k,
            traffic,
        }
    }

    #[test]
    fn a_stripe_shorter_than_sixteen_outputs_costs_sixteen_cycles() {
        assert_eq!(compute_cycles(&matmul(1, 2048, 5632), &P), 16 * 64 * 352);
        assert_eq!(compute_cycles(&matmul(16, 2048, 5632), &P), 16 * 64 * 352);
        assert_eq!(compute_cycles(&matmul(17, 2048, 5632), &P), 17 * 64 * 352);
    }

    #[test]
    fn published_layer_cycles_follow_from_the_formula_at_this_arrays_width() {
        // §10.1: 40 x 40 outputs, 32 -> 80 channels, 1x1; twice the RK3588 figure of 5 groups per 32-kernel tile.
        let shape = TaskShape {
            outputs: 1600,
            taps: 1,
            channels: 192,
            kernels: 80,
            ..matmul(1, 32, 16)
        };
        assert_eq!(compute_cycles(&shape, &P), 1600 * 6 * 5);
    }

    #[test]
    fn other_tasks_cost_what_the_sheet_says_in_the_terms_of_dense_int8() {
        // §10.1: Ci/16 and Co/8 for 16-bit types, C/32 and C/16 for depthwise, KH x ceil(KW x 8 / 32) for first layers.
        for (shape, cycles) in [
            (TaskShape::dense_16_bit(100, 9, 40, 20), 100 * 9 * 3 * 3),
            (TaskShape::depthwise_int8(100, 9, 144), 100 * 9 * 5),
            (TaskShape::depthwise_16_bit(100, 9, 144), 100 * 9 * 9),
            (TaskShape::first_layer_int8(100, 3, 3, 32), 100 * 3 * 2),
            (TaskShape::first_layer_int8(100, 7, 7, 64), 100 * 7 * 2 * 4),
            (TaskShape::without_array(100), 0),
        ] {
            assert_eq!(compute_cycles(&shape, &P), cycles, "{shape:?}");
        }
    }

    #[test]
    fn the_whole_is_the_busiest_part_plus_fill_and_overhead() {
        let round = TimingParameters {
            weight_bytes_per_s: 2_000_000_000,
            feature_bytes_per_s: 3_000_000_000,
            task_overhead_ns: 2_000,
            ..P
        };
        let parts = Breakdown::of(&matmul(1, 2048, 5632), &round);
        assert_eq!(parts.reads_ns, 11_534_336 / 2 + 995); // 2984 bytes at 3 GB/s, rounded up
        assert_eq!(parts.limit(), ("reads", parts.reads_ns));
        assert_eq!(parts.total_ns(), parts.reads_ns + parts.fill_ns + 2_000);
    }

    #[test]
    fn sizes_beyond_every_chip_take_for_ever_instead_of_wrapping() {
        let shape = TaskShape::dense_int8(u64::MAX, 9, u64::MAX, u64::MAX);
        assert_eq!(compute_cycles(&shape, &P), u64::MAX);
        assert_eq!(cost(&shape, &P).modelled_ns, u64::MAX);
    }

    #[test]
    fn more_of_anything_never_takes_less_time() {
        let time = |m, k, n| cost(&matmul(m, k, n), &P).modelled_ns;
        for (m, k, n) in [(1, 32, 16), (7, 64, 32), (16, 2048, 2048), (100, 512, 5632)] {
            assert!(time(m + 1, k, n) >= time(m, k, n) && time(m, k + 32, n) > time(m, k, n));
            assert!(time(m, k, n + 16) > time(m, k, n));
        }
    }

    #[test]
    fn no_bandwidth_parameter_lets_a_task_beat_the_bus_or_the_dram() {
        let fast = TimingParameters {
            weight_bytes_per_s: u64::MAX,
            feature_bytes_per_s: u64::MAX,
            ..P
        };
        let shape = matmul(1, 2048, 5632);
        let read = shape.traffic.data_read_bytes + shape.traffic.weight_read_bytes;
        let bound_ns = read * 1_000_000_000 / P.bandwidth_bound_bytes_per_s();
        assert!(cost(&shape, &fast).modelled_ns >= bound_ns);
        assert_eq!(P.bandwidth_bound_bytes_per_s(), 8_000_000_000);
    }

    #[test]
    fn a_bandwidth_of_zero_is_a_task_that_never_ends_not_a_crash() {
        let broken = TimingParameters {
            weight_bytes_per_s: 0,
            ..P
        };
        assert_eq!(cost(&matmul(1, 32, 16), &broken).modelled_ns, u64::MAX);
    }
}
