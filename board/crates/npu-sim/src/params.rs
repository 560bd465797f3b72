//! The one table of timing parameters. Each row has a unit and a source, and says whether a measurement stands behind it.

/// One row as the agent reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Name.
    pub name: &'static str,
    /// Value.
    pub value: u64,
    /// Unit.
    pub unit: &'static str,
    /// Where the value comes from.
    pub source: &'static str,
    /// True where it was fitted to, or read from, a measurement or a data sheet; false marks an assumption.
    pub fitted: bool,
}

macro_rules! parameters {
    ($( $(#[doc = $doc:literal])* $name:ident: $value:literal, $unit:literal, $fitted:literal, $source:literal; )*) => {
        /// Timing parameters of one chip. [`TimingParameters::RK3568_DEFAULT`] is `rk3568.default`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct TimingParameters {
            $( $(#[doc = $doc])* #[doc = concat!("\n\nUnit: ", $unit)] pub $name: u64, )*
        }

        impl TimingParameters {
            /// `rk3568.default`: NPU at 1 GHz, DDR at 1560 MHz.
            pub const RK3568_DEFAULT: Self = Self { $( $name: $value, )* };

            /// The table with units and sources. A value that differs from the default is marked as not fitted.
            pub fn rows(&self) -> impl Iterator<Item = Parameter> + '_ {
                let default = Self::RK3568_DEFAULT;
                [$( Parameter {
                    name: stringify!($name),
                    value: self.$name,
                    unit: $unit,
                    source: if self.$name == default.$name { $source } else { "set by the caller" },
                    fitted: $fitted && self.$name == default.$name,
                } ),*].into_iter()
            }
        }
    };
}

parameters! {
    /// Clock of the MAC array and the bus interface.
    npu_clock_hz: 1_000_000_000, "Hz", true, "npu-rk3568.md §1.1: highest operating point; zoo rows state the maximum frequency (§10.4)";
    /// Clock of the DRAM.
    ddr_clock_hz: 1_560_000_000, "Hz", true, "npu-rk3568.md §7.3: LPDDR4-3120";
    /// Transfers per DRAM clock.
    ddr_transfers_per_clock: 2, "transfers/clock", true, "npu-rk3568.md §7.3: double data rate";
    /// Width of the DRAM bus.
    ddr_bus_bytes: 4, "bytes", true, "npu-rk3568.md §7.3: 32-bit bus";
    /// Width of the NPU's bus interface.
    axi_bytes_per_cycle: 8, "bytes/cycle", false, "npu-rk3568.md §1.1, §10.2: 64-bit beats, strong inference";
    /// Effective bandwidth of weight reads.
    weight_bytes_per_s: 2_000_000_000, "bytes/s", true, "npu-rk3568.md §10.4: first fit, ResNet50 (weight-heavy)";
    /// Effective bandwidth of feature, command and parameter reads.
    feature_bytes_per_s: 3_000_000_000, "bytes/s", true, "npu-rk3568.md §10.4: first fit, MobileNetV2 (activation-heavy)";
    /// Effective bandwidth of output writes.
    write_bytes_per_s: 3_000_000_000, "bytes/s", false, "npu-rk3568.md §10.3 names it; taken equal to feature reads";
    /// Input channels the array takes per cycle (int8).
    array_channels: 32, "channels", false, "npu-rk3568.md §1.2: inferred from alignments and the TOPS rating";
    /// Kernels the array takes per cycle (int8).
    array_kernels: 16, "kernels", false, "npu-rk3568.md §1.2: inferred from alignments and the TOPS rating";
    /// Shortest stripe of outputs: fewer cost as much.
    stripe_outputs: 16, "outputs", false, "npu-rk3568.md §10.1: NVDLA rule, supported by FEATURE_GRAINS";
    /// Added to every task.
    task_overhead_ns: 2_000, "ns", false, "npu-rk3568.md §10.3: 'constant few us (unknown, fit)'";
    /// Added to every hardware start.
    start_overhead_ns: 200_000, "ns", false, "npu-rk3568.md §10.3: t_job_overhead 0.2 ms";
}

impl TimingParameters {
    /// Bytes per second that the DRAM can deliver at most.
    pub const fn ddr_peak_bytes_per_s(&self) -> u64 {
        self.ddr_clock_hz * self.ddr_transfers_per_clock * self.ddr_bus_bytes
    }

    /// Bytes per second that the NPU's bus interface can take at most.
    pub const fn axi_peak_bytes_per_s(&self) -> u64 {
        self.npu_clock_hz * self.axi_bytes_per_cycle
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
    fn every_row_has_a_unit_and_a_source_and_what_the_caller_set_is_not_fitted() {
        let changed = TimingParameters {
            npu_clock_hz: 600_000_000,
            ..TimingParameters::RK3568_DEFAULT
        };
        for (default, row) in TimingParameters::RK3568_DEFAULT.rows().zip(changed.rows()) {
            assert!(!row.unit.is_empty() && default.source.starts_with("npu-rk3568.md §"));
            if row.name == "npu_clock_hz" {
                assert_eq!(
                    (row.value, row.source, row.fitted),
                    (600_000_000, "set by the caller", false)
                );
            } else {
                assert_eq!(row, default);
            }
        }
        assert_eq!(changed.bandwidth_bound_bytes_per_s(), 4_800_000_000);
    }

    #[test]
    fn the_default_bound_is_the_bus_and_not_the_dram() {
        let table = TimingParameters::RK3568_DEFAULT;
        assert_eq!(
            (table.ddr_peak_bytes_per_s(), table.axi_peak_bytes_per_s()),
            (12_480_000_000, 8_000_000_000)
        );
    }
}
