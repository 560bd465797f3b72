//! Messages of sys.*.

use super::*;

pub fn cases() -> Vec<Case> {
    vec![
        call("sys.info call", 0x0001, 2, Nothing {}, None, &[]),
        reply(
            "sys.info reply",
            0x0001,
            2,
            BoardInfo {
                soc: "rk3568".into(),
                backend: "sim:rk3568".into(),
                modelled: true,
                npu_clock_hz: 1_000_000_000,
                ddr_clock_hz: 1_560_000_000,
                bandwidth_bound_bytes_per_s: 8_000_000_000,
                memory_bytes: 1 << 31,
                free_bytes: 2_000_000_000,
                agent_version: "0.1.0".into(),
                driver_version: "0.1.0".into(),
                os: "Linux 6.1.0".into(),
                kernel_isa: "avx2".into(),
                parameters: vec![Parameter {
                    name: "task_overhead_ns".into(),
                    value: 2500,
                    unit: "ns".into(),
                    source: "unfitted".into(),
                }],
                log_file: "/var/log/npulabd.log".into(),
            },
            &[],
        ),
        call("sys.devices call", 0x0002, 4, Nothing {}, Some(5000), &[]),
        reply(
            "sys.devices reply",
            0x0002,
            4,
            vec![
                Device {
                    name: "npu0".into(),
                    kind: "npu".into(),
                    irq: Nullable(Some(151)),
                },
                Device {
                    name: "eth0".into(),
                    kind: "network".into(),
                    irq: Nullable(None),
                },
            ],
            &[],
        ),
    ]
}
