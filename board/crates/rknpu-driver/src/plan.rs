//! Cuts a matrix product into hardware tasks: row bands that fit the data banks, kernel slices, reuse bits, and an even
//! task count per start (sheet §4.2, §9.7, §12.29, erratum 7). Knows shapes and addresses, writes no registers.
//!
//! A product is a 1x1 convolution over M pixels in one row. Weights either fit their banks and are loaded once, or
//! stream through them once per band; the cheaper of the two in bytes is taken.

use alloc::vec::Vec;

use npu_device::layout::pitch_m;

use crate::soc::Soc;

/// Bytes that a task is charged beyond its traffic when cuts are compared.
const TASK_PENALTY_BYTES: u64 = 4096;

/// A matrix product at device addresses, already checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Product {
    pub(crate) m: usize,
    pub(crate) k: usize,
    pub(crate) n: usize,
    pub(crate) a: u32,
    pub(crate) b: u32,
    pub(crate) c: u32,
}

/// One hardware task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskPlan {
    /// Pixels of the band, all in one row.
    pub(crate) rows: usize,
    pub(crate) k: usize,
    /// Kernels of the slice.
    pub(crate) n: usize,
    pub(crate) a: u32,
    pub(crate) b: u32,
    pub(crate) c: u32,
    /// Pixels between surfaces of A.
    pub(crate) a_pitch: usize,
    /// Pixels between surfaces of C: all rows of the product.
    pub(crate) c_pitch: usize,
    pub(crate) data_banks: usize,
    pub(crate) weight_banks: usize,
    pub(crate) data_reuse: bool,
    pub(crate) weight_reuse: bool,
    /// Which operation of the job it belongs to.
    pub(crate) operation: usize,
}

/// How a product is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    weight_banks: usize,
    data_banks: usize,
    band_rows: usize,
    bands: usize,
    slice_n: usize,
    slices: usize,
    weights_fit: bool,
}

impl Cut {
    pub(crate) const fn tasks(&self) -> usize {
        self.bands * self.slices
    }

    fn cost(&self, product: &Product) -> u64 {
        let weights = (product.n * product.k) as u64 * if self.weights_fit { 1 } else { self.bands as u64 };
        let features = (product.m * product.k) as u64 * if self.bands == 1 { 1 } else { self.slices as u64 };
        weights + features + self.tasks() as u64 * TASK_PENALTY_BYTES
    }

    /// The cheapest cut. Every K up to the chip's limit has one: sixteen kernels and one pixel always fit.
    pub(crate) fn best(product: &Product, soc: &Soc) -> Option<Self> {
        let most_weight_banks = soc.buffer_banks - 1;
        let fewest_weight_banks = (16 * product.k).div_ceil(soc.bank_bytes).max(1);
        let banks = (fewest_weight_banks..=most_weight_banks).rev();
        banks
            .flat_map(|weight_banks| Self::with_banks(product, soc, weight_banks))
            .min_by_key(|cut| cut.cost(product))
    }

    fn with_banks(product: &Product, soc: &Soc, weight_banks: usize) -> impl Iterator<Item = Self> {
        let data_banks = soc.buffer_banks - weight_banks;
        let fitting_rows = (data_banks * soc.bank_bytes / product.k).min(soc.max_band_rows);
        let band_rows = if product.m <= fitting_rows {
            product.m
        } else if fitting_rows >= 4 {
            fitting_rows / 4 * 4
        } else {
            fitting_rows
        };
        let resident_n = weight_banks * soc.bank_bytes / product.k / 16 * 16;
        let whole_n = product.n.min(soc.max_task_n);
        let cut = move |slice_n: usize| Self {
            weight_banks,
            data_banks,
            band_rows,
            bands: product.m.div_ceil(band_rows),
            slice_n,
            slices: product.n.div_ceil(slice_n),
            weights_fit: slice_n <= resident_n,
        };
        let possible = band_rows > 0 && resident_n > 0;
        [whole_n, whole_n.min(resident_n)]
            .into_iter()
            .filter(move |_| possible)
            .map(cut)
    }
}

/// Appends the tasks of a product.
pub(crate) fn append(tasks: &mut Vec<TaskPlan>, product: &Product, cut: &Cut, operation: usize) {
    for slice in 0..cut.slices {
        let first_n = slice * cut.slice_n;
        for band in 0..cut.bands {
            let first_row = band * cut.band_rows;
            tasks.push(TaskPlan {
                rows: cut.band_rows.min(product.m - first_row),
                k: product.k,
                n: cut.slice_n.min(product.n - first_n),
                a: product.a + (first_row * 8) as u32,
                b: product.b + (first_n * product.k) as u32,
                c: product.c + (first_n * product.m * 4 + first_row * 16) as u32,
                a_pitch: pitch_m(product.m),
                c_pitch: product.m,
                data_banks: cut.data_banks,
                weight_banks: cut.weight_banks,
                data_reuse: cut.bands == 1 && slice > 0,
                weight_reuse: cut.weights_fit && band > 0,
                operation,
            });
        }
    }
}

/// Splits the last task in two, so that an odd task count becomes even. Halves along N share the features; a task of
/// sixteen kernels is halved along M and shares the weights; one row of sixteen kernels is simply run twice.
pub(crate) fn split_last(tasks: &mut Vec<TaskPlan>) {
    let Some(last) = tasks.pop() else { return };
    let mut first = TaskPlan {
        weight_reuse: false,
        ..last
    };
    let mut second = first;
    if last.n >= 32 {
        first.n = last.n / 32 * 16;
        second.n = last.n - first.n;
        second.b += (first.n * last.k) as u32;
        second.c += (first.n * last.c_pitch * 4) as u32;
        second.data_reuse = true;
    } else if last.rows >= 2 {
        first.rows = if last.rows >= 8 {
            last.rows / 8 * 4
        } else {
            last.rows / 2
        };
        second.rows = last.rows - first.rows;
        second.a += (first.rows * 8) as u32;
        second.c += (first.rows * 16) as u32;
        first.data_reuse = false;
        second.data_reuse = false;
        second.weight_reuse = true;
    } else {
        second.data_reuse = true;
        second.weight_reuse = true;
    }
    tasks.extend([first, second]);
}

/// One hardware start: a run of tasks, always an even number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) first: usize,
    pub(crate) count: usize,
}

/// Groups tasks into starts of at most `most` tasks (even). `per_operation` begins a new start at each operation, for
/// devices whose counters are all there is to tell operations apart.
pub(crate) fn starts(planned: Vec<TaskPlan>, most: usize, per_operation: bool) -> (Vec<TaskPlan>, Vec<Start>) {
    let mut tasks: Vec<TaskPlan> = Vec::with_capacity(planned.len() + 1);
    let mut starts = Vec::new();
    let mut first = 0;
    let mut planned = planned.into_iter().peekable();
    while let Some(task) = planned.next() {
        // The buffer's contents do not survive from one start to the next.
        let opens = tasks.len() == first;
        tasks.push(TaskPlan {
            data_reuse: task.data_reuse && !opens,
            weight_reuse: task.weight_reuse && !opens,
            ..task
        });
        let ends = match planned.peek() {
            None => true,
            Some(next) => per_operation && next.operation != task.operation,
        };
        if ends && !(tasks.len() - first).is_multiple_of(2) {
            split_last(&mut tasks);
        }
        if ends || tasks.len() - first >= most {
            starts.push(Start {
                first,
                count: tasks.len() - first,
            });
            first = tasks.len();
        }
    }
    (tasks, starts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soc::RK3568;

    fn product(m: usize, k: usize, n: usize) -> Product {
        Product {
            m,
            k,
            n,
            a: 0x1000_0000,
            b: 0x2000_0000,
            c: 0x8000_0000,
        }
    }

    fn planned(products: &[Product], most: usize, per_operation: bool) -> (Vec<TaskPlan>, Vec<Start>) {
        let mut tasks = Vec::new();
        for (operation, product) in products.iter().enumerate() {
            append(&mut tasks, product, &Cut::best(product, &RK3568).unwrap(), operation);
        }
        starts(tasks, most, per_operation)
    }

    #[test]
    fn every_start_is_even_within_its_limit_and_opens_without_reuse() {
        for (m, n) in [(1, 16), (1, 32), (3, 16), (113, 48), (300, 64), (5000, 16)] {
            for k in [32, 2048, 10240] {
                for most in [2, 4, 10, 4094] {
                    let products = [product(m, k, n), product(1, 32, 16), product(m, k, n)];
                    let (tasks, starts) = planned(&products, most, most == 10);
                    assert_eq!(starts.iter().map(|start| start.count).sum::<usize>(), tasks.len());
                    for start in starts {
                        assert!(start.count.is_multiple_of(2) && start.count <= most && start.count > 0);
                        let opening = tasks[start.first];
                        assert!(!opening.data_reuse && !opening.weight_reuse);
                    }
                }
            }
        }
    }

    #[test]
    fn the_tasks_of_a_product_write_each_result_once() {
        for (m, k, n) in [(7, 64, 32), (113, 2048, 80), (61, 10240, 48), (130, 512, 16 * 513)] {
            let (tasks, _) = planned(&[product(m, k, n)], 4094, false);
            let mut written = alloc::vec![0u8; m * n / 16];
            for task in &tasks {
                let first = (task.c - 0x8000_0000) as usize;
                let (group, row) = (first / (64 * m), first % (64 * m) / 16);
                for (group, row) in
                    (group..group + task.n / 16).flat_map(|g| (row..row + task.rows).map(move |r| (g, r)))
                {
                    written[group * m + row] += 1;
                }
            }
            assert!(written.iter().all(|&times| times == 1), "m {m} k {k} n {n}");
        }
    }

    #[test]
    fn every_depth_up_to_the_chips_limit_has_a_cut() {
        for k in (32..=10240).step_by(32) {
            let cut = Cut::best(&product(1000, k, 5632), &RK3568).unwrap();
            assert!(cut.band_rows * k <= cut.data_banks * RK3568.bank_bytes);
            assert!(16 * k <= cut.weight_banks * RK3568.bank_bytes);
        }
    }

    #[test]
    fn rows_that_fit_the_buffer_stream_their_weights_once() {
        let cut = Cut::best(&product(1, 2048, 5632), &RK3568).unwrap();
        assert_eq!((cut.tasks(), cut.bands), (1, 1));
        // 300 rows of K = 2048 need three bands whatever the banks; streaming beats reading features 352 times.
        let cut = Cut::best(&product(300, 2048, 5632), &RK3568).unwrap();
        assert_eq!((cut.bands, cut.slices, cut.weights_fit), (3, 1, false));
    }
}
