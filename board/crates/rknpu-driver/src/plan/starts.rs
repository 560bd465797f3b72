//! Groups tasks into hardware starts: within the command memory, with an even task count in every block where that can be
//! had, and never with the pooling unit last.
//!
//! After an odd count the executer of a block stays in group 1 and the next start stalls (erratum 7, §12.2); the driver
//! then resets the core first. The pooling unit raises no interrupt (erratum 10), so a chain that would end there ends in
//! an idle task of the DPU (§12.3).

use alloc::vec::Vec;

use npu_regs::task::Mix;

use crate::task::{ConvolutionTask, TaskPlan, Work};

/// One hardware start: a run of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) first: usize,
    pub(crate) count: usize,
    /// Some block ran an odd number of tasks: reset before the next start.
    pub(crate) odd: bool,
}

/// What a start may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Most planned tasks; up to two more may be added.
    pub(crate) tasks: usize,
    /// Most bytes of planned streams.
    pub(crate) bytes: usize,
    /// Begin a new start at each operation, for devices whose counters are all there is to tell operations apart.
    pub(crate) per_operation: bool,
}

/// Groups planned tasks; some are split and idle ones added, so the tasks come back too.
pub(crate) fn starts(planned: Vec<TaskPlan>, limits: &Limits) -> (Vec<TaskPlan>, Vec<Start>) {
    let mut tasks: Vec<TaskPlan> = Vec::with_capacity(planned.len() + 2);
    let mut starts = Vec::new();
    let (mut first, mut bytes) = (0, 0);
    for mut task in planned {
        let stream = crate::commands::stream_bytes(&task);
        if let Some(previous) = tasks[first..].last() {
            let full = tasks.len() - first >= limits.tasks || bytes + stream > limits.bytes;
            let alone = matches!(task.work, Work::Raw(_)) || matches!(previous.work, Work::Raw(_));
            if full || alone || limits.per_operation && previous.operation != task.operation {
                starts.push(close(&mut tasks, first));
                (first, bytes) = (tasks.len(), 0);
            }
        }
        if first == tasks.len()
            && let Work::Convolution(task) = &mut task.work
        {
            // The buffer's contents do not survive from one start to the next.
            task.data_reuse = false;
            task.weight_reuse = false;
        }
        bytes += stream;
        tasks.push(task);
    }
    if first < tasks.len() {
        starts.push(close(&mut tasks, first));
    }
    (tasks, starts)
}

/// Which block counts are odd.
#[derive(Default)]
struct Parity {
    array: bool,
    post: bool,
    operands: bool,
    pooling: bool,
}

impl Parity {
    fn of(tasks: &[TaskPlan]) -> Self {
        let mut parity = Self::default();
        for task in tasks {
            let mix = task.mix();
            parity.array ^= matches!(mix, Mix::Convolution | Mix::ConvolutionRdma);
            parity.post ^= mix != Mix::Pooling;
            parity.operands ^= matches!(mix, Mix::ConvolutionRdma | Mix::Dpu);
            parity.pooling ^= mix == Mix::Pooling;
        }
        parity
    }
}

fn close(tasks: &mut Vec<TaskPlan>, first: usize) -> Start {
    if let Some(TaskPlan { work: Work::Raw(_), .. }) = tasks.get(first) {
        // Nobody knows what the caller's words leave behind.
        return Start {
            first,
            count: 1,
            odd: true,
        };
    }
    if Parity::of(&tasks[first..]).array {
        split_last_convolution(tasks, first);
    }
    let parity = Parity::of(&tasks[first..]);
    let last = tasks.last().map_or(0, |task| task.operation);
    let ends_in_pooling = tasks.last().is_some_and(|task| task.mix() == Mix::Pooling);
    if ends_in_pooling || parity.post && parity.operands {
        tasks.push(TaskPlan {
            operation: last,
            work: Work::Idle,
        });
    }
    let left = Parity::of(&tasks[first..]);
    Start {
        first,
        count: tasks.len() - first,
        odd: left.array || left.post || left.operands || left.pooling,
    }
}

fn split_last_convolution(tasks: &mut Vec<TaskPlan>, first: usize) {
    let is_convolution = |task: &TaskPlan| matches!(task.work, Work::Convolution(_));
    let Some(index) = tasks[first..]
        .iter()
        .rposition(is_convolution)
        .map(|index| first + index)
    else {
        return;
    };
    let TaskPlan {
        operation,
        work: Work::Convolution(last),
    } = tasks[index]
    else {
        return;
    };
    if let Some((front, back)) = split(&last) {
        let work = |task| TaskPlan {
            operation,
            work: Work::Convolution(task),
        };
        tasks[index] = work(front);
        tasks.insert(index + 1, work(back));
    }
}

/// Two tasks instead of one. Halves along the kernels share the features. A product of one kernel group is halved along
/// its rows and shares the weights; one row of one group is simply run twice, which costs less than a reset.
fn split(last: &ConvolutionTask) -> Option<(ConvolutionTask, ConvolutionTask)> {
    let group = last.group();
    let whole = ConvolutionTask {
        weight_reuse: false,
        ..*last
    };
    let depthwise = last.source == crate::task::Source::Depthwise;
    if !depthwise && last.kernels > group {
        let half = (last.kernels / 2).next_multiple_of(group).min(last.kernels - 1) / group * group;
        let front = whole.kernel_slice(0, half);
        let back = whole.kernel_slice(half, last.kernels - half);
        return Some((
            front,
            ConvolutionTask {
                data_reuse: true,
                ..back
            },
        ));
    }
    if !last.is_product() {
        return None;
    }
    if last.width < 2 {
        let again = ConvolutionTask {
            data_reuse: true,
            weight_reuse: true,
            ..whole
        };
        return Some((whole, again));
    }
    let half = if last.width >= 8 {
        last.width / 8 * 4
    } else {
        last.width / 2
    };
    let rows = |width: usize, first: usize| ConvolutionTask {
        width,
        line_stride: width,
        out_width: width,
        features: last.features + (first * 8) as u32,
        data_reuse: false,
        ..whole.at_output_pixel(first)
    };
    let back = ConvolutionTask {
        weight_reuse: true,
        ..rows(last.width - half, half)
    };
    Some((rows(half, 0), back))
}
