//! The one table of timing parameters. Each row has three values, a unit, what stands behind it and where it comes from.
//!
//! `fast` and `slow` are the ends between which the value is believed to lie, ordered by the time they give; how the
//! fitted rows got theirs is in `npu-predict` (`fit`), and one of its tests holds this table against the fit.

/// What stands behind a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Read from a measurement, a data sheet or a driver.
    Published,
    /// Fitted to published measurements of whole networks.
    Fitted,
    /// Neither: an inference or an assumption.
    Assumed,
}

/// One row as the agent reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Name.
    pub name: &'static str,
    /// Value.
    pub value: u64,
    /// The value that gives the shortest times still believed.
    pub fast: u64,
    /// The value that gives the longest times still believed.
    pub slow: u64,
    /// Unit.
    pub unit: &'static str,
    /// Where the value comes from.
    pub source: &'static str,
    /// What stands behind it.
    pub basis: Basis,
}

macro_rules! parameters {
    ($( $(#[doc = $doc:literal])* $name:ident: $fast:literal, $expected:literal, $slow:literal, $unit:literal, $basis:ident, $source:literal; )*) => {
        /// Timing parameters of one chip. [`TimingParameters::RK3568_DEFAULT`] is `rk3568.default`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct TimingParameters {
            $( $(#[doc = $doc])* #[doc = concat!("\n\nUnit: ", $unit)] pub $name: u64, )*
        }

        impl TimingParameters {
            /// `rk3568.default`: NPU at 1 GHz, DDR at 1560 MHz.
            pub const RK3568_DEFAULT: Self = Self { $( $name: $expected, )* };
            /// Every value at the end that gives the shortest times.
            pub const RK3568_FAST: Self = Self { $( $name: $fast, )* };
            /// Every value at the end that gives the longest times.
            pub const RK3568_SLOW: Self = Self { $( $name: $slow, )* };

            /// The table with units and sources. A value that differs from the default is marked as not fitted.
            pub fn rows(&self) -> impl Iterator<Item = Parameter> + '_ {
                let default = Self::RK3568_DEFAULT;
                [$( {
                    let given = self.$name == default.$name;
                    Parameter {
                        name: stringify!($name),
                        value: self.$name,
                        fast: if given { $fast } else { self.$name },
                        slow: if given { $slow } else { self.$name },
                        unit: $unit,
                        source: if given { $source } else { "set by the caller" },
                        basis: if given { Basis::$basis } else { Basis::Assumed },
                    }
                } ),*].into_iter()
            }
        }
    };
}

parameters! {
    /// Clock of the MAC array and the bus interface.
    npu_clock_hz: 1_000_000_000, 1_000_000_000, 1_000_000_000, "Hz", Published, "npu-rk3568.md §1.1: highest operating point; selectable";
    /// Clock of the DRAM.
    ddr_clock_hz: 1_560_000_000, 1_560_000_000, 1_560_000_000, "Hz", Published, "npu-rk3568.md §7.3: LPDDR4-3120; selectable";
    /// Transfers per DRAM clock.
    ddr_transfers_per_clock: 2, 2, 2, "transfers/clock", Published, "npu-rk3568.md §7.3: double data rate";
    /// Width of the DRAM bus.
    ddr_bus_bytes: 4, 4, 4, "bytes", Published, "npu-rk3568.md §7.3: 32-bit bus";
    /// Width of the NPU's bus interface.
    axi_bytes_per_cycle: 8, 8, 8, "bytes/cycle", Assumed, "npu-rk3568.md §1.1, §10.2: 64-bit beats, strong inference";
    /// Effective bandwidth of weight reads at DDR 1560 MHz; scales with the DDR clock (an assumption).
    weight_bytes_per_s: 5_980_000_000, 1_710_000_000, 1_640_000_000, "bytes/s", Fitted, "npu-rk3568.md §10.6: fit of docs/boards/rk3568.md";
    /// Effective bandwidth of feature, command and parameter reads at DDR 1560 MHz; scales with the DDR clock.
    feature_bytes_per_s: 8_000_000_000, 2_320_000_000, 1_790_000_000, "bytes/s", Fitted, "npu-rk3568.md §10.6: fit of docs/boards/rk3568.md";
    /// Effective bandwidth of output writes at DDR 1560 MHz; scales with the DDR clock.
    write_bytes_per_s: 8_000_000_000, 6_000_000_000, 3_000_000_000, "bytes/s", Assumed, "npu-rk3568.md §7.3: what memset reaches; at least memcpy, at most the bus; no calibration row depends on it";
    /// Input channels the array takes per cycle (int8).
    array_channels: 32, 32, 32, "channels", Assumed, "npu-rk3568.md §1.2: inferred from alignments and the TOPS rating";
    /// Kernels the array takes per cycle (int8).
    array_kernels: 16, 16, 16, "kernels", Assumed, "npu-rk3568.md §1.2: inferred from alignments and the TOPS rating";
    /// Shortest stripe of outputs: fewer cost as much.
    stripe_outputs: 1, 16, 16, "outputs", Assumed, "npu-rk3568.md §10.1: NVDLA rule, supported by FEATURE_GRAINS";
    /// Added to every task.
    task_overhead_ns: 200, 2_000, 5_000, "ns", Assumed, "npu-rk3568.md §10.3: 0.2 us of command words plus 'constant few us'; no calibration row depends on it";
    /// Added to every hardware start.
    start_overhead_ns: 100_000, 200_000, 300_000, "ns", Published, "npu-rk3568.md §7.2: S-iav, about 0.2 ms; half of it either way is our reading of 'about'";
}

/// DDR clock at which the effective bandwidths hold.
const BANDWIDTHS_AT_DDR_HZ: u64 = 1_560_000_000;

impl TimingParameters {
    /// The same chip at other clocks.
    pub const fn at_clocks(self, npu_clock_hz: u64, ddr_clock_hz: u64) -> Self {
        Self {
            npu_clock_hz,
            ddr_clock_hz,
            ..self
        }
    }

    /// An effective bandwidth of the table at this DDR clock.
    pub fn effective_bytes_per_s(&self, at_reference: u64) -> u64 {
        if self.ddr_clock_hz == BANDWIDTHS_AT_DDR_HZ {
            return at_reference;
        }
        let scaled = u128::from(at_reference) * u128::from(self.ddr_clock_hz) / u128::from(BANDWIDTHS_AT_DDR_HZ);
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }

    /// Bytes per second that the DRAM can deliver at most.
    pub const fn ddr_peak_bytes_per_s(&self) -> u64 {
        self.ddr_clock_hz
            .saturating_mul(self.ddr_transfers_per_clock)
            .saturating_mul(self.ddr_bus_bytes)
    }

    /// Bytes per second that the NPU's bus interface can take at most.
    pub const fn axi_peak_bytes_per_s(&self) -> u64 {
        self.npu_clock_hz.saturating_mul(self.axi_bytes_per_cycle)
    }

    /// The smaller of the two peaks: no decode step can be faster than bytes / this.
    pub const fn bandwidth_bound_bytes_per_s(&self) -> u64 {
        if self.ddr_peak_bytes_per_s() < self.axi_peak_bytes_per_s() {
            self.ddr_peak_bytes_per_s()
        } else {
            self.axi_peak_bytes_per_s()
        }
    }
}

impl Default for TimingParameters {
    fn default() -> Self {
        Self::RK3568_DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_unit_and_a_source_and_what_the_caller_set_is_an_assumption() {
        let changed = TimingParameters::RK3568_DEFAULT.at_clocks(600_000_000, 1_560_000_000);
        for (default, row) in TimingParameters::RK3568_DEFAULT.rows().zip(changed.rows()) {
            assert!(!row.unit.is_empty() && default.source.starts_with("npu-rk3568.md §"));
            if row.name == "npu_clock_hz" {
                assert_eq!((row.value, row.fast, row.slow), (600_000_000, 600_000_000, 600_000_000));
                assert_eq!((row.source, row.basis), ("set by the caller", Basis::Assumed));
            } else {
                assert_eq!(row, default);
            }
        }
        assert_eq!(changed.bandwidth_bound_bytes_per_s(), 4_800_000_000);
    }

    #[test]
    fn every_value_lies_between_its_ends() {
        for row in TimingParameters::RK3568_DEFAULT.rows() {
            let (least, most) = (row.fast.min(row.slow), row.fast.max(row.slow));
            assert!((least..=most).contains(&row.value), "{}", row.name);
        }
    }

    #[test]
    fn the_default_bound_is_the_bus_and_not_the_dram() {
        let table = TimingParameters::RK3568_DEFAULT;
        assert_eq!(
            (table.ddr_peak_bytes_per_s(), table.axi_peak_bytes_per_s()),
            (12_480_000_000, 8_000_000_000)
        );
    }

    #[test]
    fn effective_bandwidths_follow_the_ddr_clock() {
        let half = TimingParameters::RK3568_DEFAULT.at_clocks(1_000_000_000, 780_000_000);
        assert_eq!(half.effective_bytes_per_s(3_000_000_000), 1_500_000_000);
        assert_eq!(half.ddr_peak_bytes_per_s(), 6_240_000_000);
    }
}
