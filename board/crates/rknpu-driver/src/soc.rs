//! What the driver needs to know of a chip to drive it. Rows of chips that are not driven yet are in `family`.

/// What the driver knows about a chip.
#[derive(Debug, PartialEq, Eq)]
pub struct Soc {
    /// Name, for example `rk3568`.
    pub name: &'static str,
    /// Physical address of the register window.
    pub window_address: u32,
    /// Shared peripheral interrupt of the NPU, shared with its IOMMU.
    pub interrupt_line: u32,
    /// NPU clock the driver asks for.
    pub clock_hz: u64,
    /// Banks of the convolution buffer.
    pub buffer_banks: usize,
    /// Bytes of a bank.
    pub bank_bytes: usize,
    /// Largest K of one matrix product.
    pub max_k: u32,
    /// Largest N of one task; larger products are split.
    pub max_task_n: usize,
    /// Most pixels of one row band.
    pub max_band_rows: usize,
    /// Most tasks of one start. Even, because an odd count leaves the executer in the wrong group.
    pub max_tasks_per_start: usize,
    /// Bits of the power management unit.
    pub power: PowerDomain,
}

/// Registers and bits of the NPU's power domain. Upper halves of writes are write masks.
#[derive(Debug, PartialEq, Eq)]
pub struct PowerDomain {
    /// Bus-idle request.
    pub request_offset: u32,
    /// Acknowledge of that request.
    pub acknowledge_offset: u32,
    /// Bus-idle state.
    pub idle_offset: u32,
    /// Bit of request, acknowledge and idle.
    pub idle_bit: u32,
    /// Power gate, 0 = powered.
    pub gate_offset: u32,
    /// Power state, 0 = powered.
    pub status_offset: u32,
    /// Bit of gate and status.
    pub power_bit: u32,
}

/// RK3568 and RK3566. Sources in the hardware sheet: §1.1, §1.4, §4.4, §12.7, §12.29.
pub const RK3568: Soc = Soc {
    name: "rk3568",
    window_address: 0xFDE4_0000,
    interrupt_line: 151,
    clock_hz: 1_000_000_000,
    buffer_banks: 8,
    bank_bytes: 32 * 1024,
    max_k: 10240,
    max_task_n: 8176,
    max_band_rows: 2044,
    max_tasks_per_start: 4094,
    power: PowerDomain {
        request_offset: 0x50,
        acknowledge_offset: 0x60,
        idle_offset: 0x68,
        idle_bit: 2,
        gate_offset: 0xA0,
        status_offset: 0x98,
        power_bit: 1,
    },
};
