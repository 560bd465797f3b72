//! Adds up what the tasks of a network cost: per layer and in total, at the fast end, as expected and at the slow end of
//! the parameter table. Knows times, no shapes. All integers, so the parts add up to the whole exactly.

use npu_device::Traffic;
use npu_sim::TimingParameters;
use npu_sim::timing::{Breakdown, TaskShape, compute_cycles};
use serde::Serialize;

use crate::cut::Tasks;
use crate::network::{Layer, Network, NetworkError};
use crate::tasks;

/// Clocks to predict for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// NPU and bus interface.
    pub npu_hz: u64,
    /// DRAM clock (half the transfers).
    pub ddr_hz: u64,
}

impl Default for Clocks {
    /// Those of `rk3568.default`.
    fn default() -> Self {
        let TimingParameters {
            npu_clock_hz,
            ddr_clock_hz,
            ..
        } = TimingParameters::RK3568_DEFAULT;
        Self {
            npu_hz: npu_clock_hz,
            ddr_hz: ddr_clock_hz,
        }
    }
}

/// A modelled time with its range, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Range {
    /// With every parameter at its fast end.
    pub low_ns: u64,
    /// With the values of the table.
    pub expected_ns: u64,
    /// With every parameter at its slow end.
    pub high_ns: u64,
}

impl Range {
    fn of(each: impl Fn(&TimingParameters) -> u64, clocks: Clocks) -> Self {
        let at = |table: TimingParameters| each(&table.at_clocks(clocks.npu_hz, clocks.ddr_hz));
        Self {
            low_ns: at(TimingParameters::RK3568_FAST),
            expected_ns: at(TimingParameters::RK3568_DEFAULT),
            high_ns: at(TimingParameters::RK3568_SLOW),
        }
    }

    fn plus(self, more: Self) -> Self {
        Self {
            low_ns: self.low_ns.saturating_add(more.low_ns),
            expected_ns: self.expected_ns.saturating_add(more.expected_ns),
            high_ns: self.high_ns.saturating_add(more.high_ns),
        }
    }
}

/// What one layer costs, all its repeats together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerTime {
    /// Name.
    pub name: String,
    /// Operator.
    pub op: &'static str,
    /// Repeats.
    pub count: u64,
    /// Hardware tasks.
    pub tasks: u64,
    /// Multiply-accumulates asked for.
    pub macs: u64,
    /// Cycles of the MAC array.
    pub cycles: u64,
    /// Feature, operand, parameter and command bytes read.
    pub data_read_bytes: u64,
    /// Weight bytes read.
    pub weight_read_bytes: u64,
    /// Bytes written.
    pub written_bytes: u64,
    /// What decides the expected time of most of the layer: compute, reads, writes, bus or DRAM.
    pub limit: &'static str,
    /// Modelled time.
    #[serde(flatten)]
    pub time: Range,
}

/// What a network costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Prediction {
    /// Network.
    pub network: String,
    /// Where its shapes come from.
    pub source: String,
    /// NPU clock.
    pub npu_clock_hz: u64,
    /// DDR clock.
    pub ddr_clock_hz: u64,
    /// Layers in order.
    pub layers: Vec<LayerTime>,
    /// Hardware starts.
    pub starts: u64,
    /// Their time.
    pub starts_time: Range,
    /// Layers and starts.
    pub total: Range,
    /// No run can be shorter: all bytes at the smaller of DDR peak and 8 bytes x NPU clock.
    pub bandwidth_bound_ns: u64,
}

/// Most tasks of a network, repeats of a layer counted once.
const MOST_TASKS: u64 = 1_000_000;

/// The tasks of a network: cut once in every way, timed as often as wanted.
pub struct Plan {
    network: Network,
    layers: Vec<Vec<Tasks>>,
}

impl Plan {
    /// Cuts every layer.
    pub fn new(network: Network) -> Result<Self, NetworkError> {
        let mut layers = Vec::with_capacity(network.layers.len());
        let mut left = MOST_TASKS;
        for layer in &network.layers {
            let every = tasks::tasks(layer)?;
            let fewest = every
                .iter()
                .map(|tasks| tasks.iter().map(|(_, equal)| equal).sum())
                .min();
            left = left.checked_sub(fewest.unwrap_or(0)).ok_or_else(|| {
                NetworkError::Form(format!("more than {MOST_TASKS} tasks in all, repeats not counted"))
            })?;
            layers.push(every);
        }
        Ok(Self { network, layers })
    }

    /// Modelled nanoseconds of one inference.
    pub fn total_ns(&self, parameters: &TimingParameters) -> u64 {
        self.total_by(parameters, &Breakdown::total_ns)
    }

    /// The same where `task_ns` says what the parts of a task make together.
    pub fn total_by(&self, parameters: &TimingParameters, task_ns: &dyn Fn(&Breakdown) -> u64) -> u64 {
        let layers = self.network.layers.iter().zip(&self.layers);
        layers
            .map(|(layer, every)| least_ns(every, layer.count, parameters, task_ns))
            .fold(starts_ns(self.network.starts, parameters), u64::saturating_add)
    }

    /// Every layer and the whole.
    pub fn predict(&self, clocks: Clocks) -> Prediction {
        let pairs = self.network.layers.iter().zip(&self.layers);
        let layers: Vec<LayerTime> = pairs.map(|(layer, every)| layer_time(layer, every, clocks)).collect();
        let starts_time = Range::of(|parameters| starts_ns(self.network.starts, parameters), clocks);
        let expected = TimingParameters::RK3568_DEFAULT.at_clocks(clocks.npu_hz, clocks.ddr_hz);
        let bytes = layers.iter().fold(0u128, |sum, layer| {
            sum + u128::from(layer.data_read_bytes) + u128::from(layer.weight_read_bytes)
        });
        let bound = u128::from(expected.bandwidth_bound_bytes_per_s().max(1));
        Prediction {
            network: self.network.name.clone(),
            source: self.network.source.clone(),
            npu_clock_hz: clocks.npu_hz,
            ddr_clock_hz: clocks.ddr_hz,
            total: layers.iter().fold(starts_time, |sum, layer| sum.plus(layer.time)),
            layers,
            starts: self.network.starts,
            starts_time,
            bandwidth_bound_ns: u64::try_from((bytes * 1_000_000_000).div_ceil(bound)).unwrap_or(u64::MAX),
        }
    }
}

fn starts_ns(starts: u64, parameters: &TimingParameters) -> u64 {
    starts.saturating_mul(parameters.start_overhead_ns)
}

fn layer_ns(
    tasks: &[(TaskShape, u64)],
    count: u64,
    parameters: &TimingParameters,
    task_ns: &dyn Fn(&Breakdown) -> u64,
) -> u64 {
    let each = |(task, equal): &(TaskShape, u64)| task_ns(&Breakdown::of(task, parameters)).saturating_mul(*equal);
    tasks
        .iter()
        .map(each)
        .fold(0, u64::saturating_add)
        .saturating_mul(count)
}

/// Time of the fastest of several ways.
fn least_ns(every: &[Tasks], count: u64, parameters: &TimingParameters, task_ns: &dyn Fn(&Breakdown) -> u64) -> u64 {
    let each = every.iter().map(|tasks| layer_ns(tasks, count, parameters, task_ns));
    each.min().unwrap_or(0)
}

/// Bytes and tasks are those of the way that is expected to be the fastest.
fn layer_time(layer: &Layer, every: &[Tasks], clocks: Clocks) -> LayerTime {
    let expected = TimingParameters::RK3568_DEFAULT.at_clocks(clocks.npu_hz, clocks.ddr_hz);
    let fastest = every
        .iter()
        .min_by_key(|tasks| layer_ns(tasks, 1, &expected, &Breakdown::total_ns));
    let tasks = fastest.map_or(&[][..], |tasks| tasks);
    let sum = |each: &dyn Fn(&TaskShape) -> u64| {
        let once = tasks.iter().map(|(task, equal)| each(task).saturating_mul(*equal));
        let once = once.fold(0, u64::saturating_add);
        once.saturating_mul(layer.count)
    };
    let traffic = |each: fn(&Traffic) -> u64| sum(&|task| each(&task.traffic));
    let slowest = tasks
        .iter()
        .map(|(task, _)| Breakdown::of(task, &expected).limit())
        .fold(("compute", 0), |most, part| if part.1 > most.1 { part } else { most });
    LayerTime {
        name: layer.name.clone(),
        op: layer.op_name,
        count: layer.count,
        tasks: sum(&|_| 1),
        macs: tasks::macs(&layer.op).saturating_mul(layer.count),
        cycles: sum(&|task| compute_cycles(task, &expected)),
        data_read_bytes: traffic(|traffic| traffic.data_read_bytes),
        weight_read_bytes: traffic(|traffic| traffic.weight_read_bytes),
        written_bytes: traffic(|traffic| traffic.written_bytes),
        limit: slowest.0,
        time: Range::of(
            |parameters| least_ns(every, layer.count, parameters, &Breakdown::total_ns),
            clocks,
        ),
    }
}
