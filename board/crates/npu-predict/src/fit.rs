//! Fits the two unknown bandwidths to the calibration rows: least squares of relative errors over a grid that is refined,
//! in integers and without chance, so that everybody gets the same values.
//!
//! Two unknowns and a host constant per stack, because eleven rows of six networks carry no more. What the rows cannot
//! tell (write bandwidth, task overhead, the zoo's clock) is assumed; refits under other assumptions and without one
//! network at a time give the range of the values.

use npu_sim::TimingParameters;
use npu_sim::timing::Breakdown;

use crate::calibration::{NPU_ONLY, ROWS, Row, Stack};
use crate::network::NetworkError;
use crate::networks::Known;
use crate::predict::Plan;

/// Least and most bandwidth: a fraction of what the CPU reaches, and the bus interface at 1 GHz.
const BOUNDS: (u64, u64) = (500_000_000, 8_000_000_000);
/// Steps of the search in bytes per second, coarse to fine; values are given to the last one.
const STEPS: [u64; 4] = [500_000_000, 100_000_000, 50_000_000, 10_000_000];

/// The unknowns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bandwidths {
    /// `weight_bytes_per_s`.
    pub weight: u64,
    /// `feature_bytes_per_s`.
    pub feature: u64,
}

/// What the parts of a task make together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// The model: the array works while memory is read and written (§10.3).
    Whole,
    /// The array waits for its reads and writes. A hypothesis that no prediction uses.
    Nothing,
}

impl Overlap {
    fn task_ns(self, parts: &Breakdown) -> u64 {
        match self {
            Self::Whole => parts.total_ns(),
            Self::Nothing => {
                let memory = Breakdown {
                    compute_ns: 0,
                    ..*parts
                };
                memory.total_ns().saturating_add(parts.compute_ns)
            }
        }
    }
}

/// Rows and assumptions of one fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// What is different, in words.
    pub name: String,
    /// Network left out.
    pub without: Option<Known>,
    /// What the zoo's "maximum NPU frequency" is taken for.
    pub zoo_mhz: u64,
    /// Everything that is not fitted.
    pub table: TimingParameters,
    /// How a task's time is made of its parts.
    pub overlap: Overlap,
}

impl Variant {
    /// All rows, the table's own assumptions.
    pub fn base() -> Self {
        Self {
            name: "all rows".into(),
            without: None,
            zoo_mhz: 1000,
            table: TimingParameters::RK3568_DEFAULT,
            overlap: Overlap::Whole,
        }
    }

    /// All rows, without overlap. Its bandwidths are another model's, so it is none of [`others`](Self::others).
    pub fn waiting() -> Self {
        Self {
            name: "array waits for memory".into(),
            overlap: Overlap::Nothing,
            ..Self::base()
        }
    }

    /// The refits that show how far the values can be trusted.
    pub fn others() -> Vec<Self> {
        let (fast, slow) = (TimingParameters::RK3568_FAST, TimingParameters::RK3568_SLOW);
        let with = |name: &str, change: &dyn Fn(&mut Self)| {
            let mut variant = Self {
                name: name.into(),
                ..Self::base()
            };
            change(&mut variant);
            variant
        };
        let left_out = Known::ALL
            .iter()
            .filter(|known| ROWS.iter().any(|row| row.network == **known));
        let mut variants: Vec<Self> = left_out
            .map(|known| with(&format!("without {}", known.file()), &|v| v.without = Some(*known)))
            .collect();
        variants.extend([
            with("zoo at 900 MHz", &|v| v.zoo_mhz = 900),
            with("fast writes", &|v| v.table.write_bytes_per_s = fast.write_bytes_per_s),
            with("slow writes", &|v| v.table.write_bytes_per_s = slow.write_bytes_per_s),
            with("short task overhead", &|v| {
                v.table.task_overhead_ns = fast.task_overhead_ns
            }),
            with("long task overhead", &|v| {
                v.table.task_overhead_ns = slow.task_overhead_ns
            }),
        ]);
        variants
    }

    fn table(&self, row: &Row, bandwidths: Bandwidths) -> TimingParameters {
        let npu_mhz = match row.stack {
            Stack::Zoo => self.zoo_mhz,
            Stack::Open | Stack::Odroid => row.npu_mhz,
        };
        TimingParameters {
            npu_clock_hz: npu_mhz * 1_000_000,
            weight_bytes_per_s: bandwidths.weight,
            feature_bytes_per_s: bandwidths.feature,
            ..self.table
        }
    }
}

/// One row beside its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Residual {
    /// The row.
    pub row: Row,
    /// Modelled NPU time in nanoseconds.
    pub npu_ns: u64,
    /// Host constant of the row's stack in nanoseconds.
    pub host_ns: u64,
    /// (NPU + host - measured) / measured in parts per million.
    pub error_ppm: i64,
}

/// The outcome of a fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Best values.
    pub bandwidths: Bandwidths,
    /// Host constant of every stack in nanoseconds, in the order of [`Stack::ALL`]; `None` where no row speaks of it.
    pub hosts_ns: [Option<u64>; 3],
    /// The rows it was made from.
    pub residuals: Vec<Residual>,
    /// Sum of squared errors in ppm squared.
    pub objective: u128,
}

impl Fit {
    /// Root of the mean squared error in parts per million.
    pub fn rms_ppm(&self) -> u64 {
        let mean = self.objective / (self.residuals.len().max(1) as u128);
        u64::try_from(mean.isqrt()).unwrap_or(u64::MAX)
    }
}

/// Rows with their networks cut into tasks.
pub struct Calibration {
    rows: Vec<(Row, Plan)>,
}

impl Calibration {
    /// All rows.
    pub fn published() -> Result<Self, NetworkError> {
        let rows = ROWS.iter().map(|row| Ok((*row, Plan::new(row.network.network()?)?)));
        Ok(Self {
            rows: rows.collect::<Result<_, NetworkError>>()?,
        })
    }

    /// Modelled beside measured. The host constants are the best ones for these values, never negative.
    pub fn judge(&self, variant: &Variant, bandwidths: Bandwidths) -> Fit {
        let kept = self.rows.iter().filter(|(row, _)| variant.without != Some(row.network));
        let kept: Vec<(Row, u64)> = kept
            .map(|(row, plan)| {
                let table = variant.table(row, bandwidths);
                (*row, plan.total_by(&table, &|parts| variant.overlap.task_ns(parts)))
            })
            .collect();
        let hosts_ns = Stack::ALL.map(|stack| host_ns(kept.iter().filter(|(row, _)| row.stack == stack)));
        let residual = |&(row, npu_ns): &(Row, u64)| {
            let host_ns = hosts_ns[row.stack as usize].unwrap_or(0);
            let measured_ns = i128::from(row.measured_us) * 1000;
            let error_ns = i128::from(npu_ns) + i128::from(host_ns) - measured_ns;
            Residual {
                row,
                npu_ns,
                host_ns,
                error_ppm: i64::try_from(error_ns * 1_000_000 / measured_ns).unwrap_or(i64::MAX),
            }
        };
        let residuals: Vec<Residual> = kept.iter().map(residual).collect();
        let squares = residuals.iter().map(|residual| {
            let error = u128::from(residual.error_ppm.unsigned_abs());
            error.saturating_mul(error)
        });
        Fit {
            bandwidths,
            hosts_ns,
            objective: squares.fold(0, u128::saturating_add),
            residuals,
        }
    }

    /// The best bandwidths of a variant.
    pub fn fit(&self, variant: &Variant) -> Fit {
        let (least, most) = BOUNDS;
        let mut best = self.judge(
            variant,
            Bandwidths {
                weight: least,
                feature: least,
            },
        );
        let mut reach = most - least;
        for step in STEPS {
            let centre = best.bandwidths;
            let around = |value: u64| {
                let first = value.saturating_sub(reach).max(least);
                (first..=value.saturating_add(reach).min(most)).step_by(step as usize)
            };
            for weight in around(centre.weight) {
                for feature in around(centre.feature) {
                    let candidate = self.judge(variant, Bandwidths { weight, feature });
                    // Of equals the smaller values win, so that the order of the search does not matter.
                    if (candidate.objective, candidate.bandwidths) < (best.objective, best.bandwidths) {
                        best = candidate;
                    }
                }
            }
            reach = step;
        }
        best
    }

    /// The values for the parameter table: the fit, and the ends between which they are believed to lie.
    ///
    /// The slow end is the smallest value of any refit. The fast end is what the NPU-only time of [`NPU_ONLY`] asks for,
    /// or the largest value of any refit where that is more.
    pub fn rows(&self) -> Option<Rows> {
        let expected = self.fit(&Variant::base()).bandwidths;
        let refits: Vec<Bandwidths> = Variant::others()
            .iter()
            .map(|other| self.fit(other).bandwidths)
            .collect();
        let all = || refits.iter().chain([&expected]);
        let fast = self.npu_only(expected)?;
        Some(Rows {
            fast: Bandwidths {
                weight: all().map(|refit| refit.weight).fold(fast.weight, u64::max),
                feature: all().map(|refit| refit.feature).fold(fast.feature, u64::max),
            },
            slow: Bandwidths {
                weight: all().map(|refit| refit.weight).fold(u64::MAX, u64::min),
                feature: all().map(|refit| refit.feature).fold(u64::MAX, u64::min),
            },
            expected,
        })
    }

    /// The smallest bandwidths, in steps of a tenth of `expected` and at most the bus interface's, with which the model
    /// comes within 5 % of [`NPU_ONLY`] ("about"), all other values at their fast end; `None` where none are enough.
    pub fn npu_only(&self, expected: Bandwidths) -> Option<Bandwidths> {
        let (_, plan) = self.rows.iter().find(|(row, _)| row.network == NPU_ONLY.network)?;
        let scaled = |value: u64, tenths: u64| {
            let last_step = STEPS[STEPS.len() - 1];
            (value * tenths / 10 / last_step * last_step).min(BOUNDS.1)
        };
        (10..=50)
            .map(|tenths| Bandwidths {
                weight: scaled(expected.weight, tenths),
                feature: scaled(expected.feature, tenths),
            })
            .find(|bandwidths| {
                let table = TimingParameters {
                    npu_clock_hz: NPU_ONLY.npu_mhz * 1_000_000,
                    weight_bytes_per_s: bandwidths.weight,
                    feature_bytes_per_s: bandwidths.feature,
                    ..TimingParameters::RK3568_FAST
                };
                plan.total_ns(&table) <= NPU_ONLY.measured_us * 1050
            })
    }
}

/// Values for the parameter table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Shortest times still believed.
    pub fast: Bandwidths,
    /// The fit.
    pub expected: Bandwidths,
    /// Longest times still believed.
    pub slow: Bandwidths,
}

/// Weighted mean of measured minus modelled, weights 1 / measured squared: the minimum of the squared relative errors.
fn host_ns<'a>(rows: impl Iterator<Item = &'a (Row, u64)>) -> Option<u64> {
    let (mut sum, mut weights) = (0i128, 0i128);
    for (row, npu_ns) in rows {
        let measured_us = i128::from(row.measured_us);
        let weight = 1_000_000_000_000 / (measured_us * measured_us);
        sum += weight * (measured_us * 1000 - i128::from(*npu_ns));
        weights += weight;
    }
    (weights > 0).then(|| u64::try_from((sum / weights).max(0)).unwrap_or(u64::MAX))
}
