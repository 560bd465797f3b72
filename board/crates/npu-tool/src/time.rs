//! `time NETWORK.json`: the prediction of `npu-predict` as a table. Cuts nothing and times nothing itself.

use std::path::Path;

use npu_predict::{Clocks, Network, Plan, Prediction, Range};
use serde_json::json;

use crate::commands::Printed;
use crate::failure::Failure;
use crate::job::milliseconds;
use crate::mapped;
use crate::table::Table;

/// Predicts a network at clocks in MHz; `None`: those of the parameter table.
pub fn time(path: &Path, npu_mhz: Option<u64>, ddr_mhz: Option<u64>) -> Result<Printed, Failure> {
    let text = mapped::text(path)?;
    let wrong = |error: npu_predict::NetworkError| Failure::network(error.to_string());
    let plan = Plan::new(Network::from_json(&text).map_err(wrong)?).map_err(wrong)?;
    let default = Clocks::default();
    let prediction = plan.predict(Clocks {
        npu_hz: npu_mhz.map_or(default.npu_hz, |mhz| mhz * 1_000_000),
        ddr_hz: ddr_mhz.map_or(default.ddr_hz, |mhz| mhz * 1_000_000),
    });
    Ok(Printed {
        text: to_text(&prediction),
        json: json!(prediction),
        failure: None,
    })
}

fn cells(time: Range) -> [String; 3] {
    [time.low_ns, time.expected_ns, time.high_ns].map(milliseconds)
}

fn to_text(prediction: &Prediction) -> String {
    let mut table = Table::new(&[
        "layer",
        "op",
        ">times",
        ">tasks",
        ">read B",
        ">weights B",
        ">written B",
        "limit",
        ">low ms",
        ">expected ms",
        ">high ms",
    ]);
    let mut row = |names: [String; 8], time: Range| table.row([&names[..], &cells(time)[..]].concat());
    for layer in &prediction.layers {
        row(
            [
                layer.name.clone(),
                layer.op.into(),
                layer.count.to_string(),
                layer.tasks.to_string(),
                layer.data_read_bytes.to_string(),
                layer.weight_read_bytes.to_string(),
                layer.written_bytes.to_string(),
                layer.limit.into(),
            ],
            layer.time,
        );
    }
    let blank = || String::new();
    let starts = prediction.starts.to_string();
    row(
        [
            "starts".into(),
            blank(),
            starts,
            blank(),
            blank(),
            blank(),
            blank(),
            blank(),
        ],
        prediction.starts_time,
    );
    row(
        [
            "total".into(),
            blank(),
            blank(),
            blank(),
            blank(),
            blank(),
            blank(),
            blank(),
        ],
        prediction.total,
    );
    format!(
        "{} (modelled, NPU {} MHz, DDR {} MHz; {})\n{}bandwidth bound {} ms\n",
        prediction.network,
        prediction.npu_clock_hz / 1_000_000,
        prediction.ddr_clock_hz / 1_000_000,
        prediction.source,
        table.text(),
        milliseconds(prediction.bandwidth_bound_ns)
    )
}
