//! A job as the text of its file, defaults left out.

use serde_json::{Value, json};

use super::{Expectation, Job, Region, Submit};

impl Job {
    /// The text of a job file, defaults left out.
    pub fn to_json(&self) -> Value {
        let mut root = json!({
            "soc": "rk3568",
            "memory": self.memory.iter().map(region_json).collect::<Vec<_>>(),
            "submits": self.submits.iter().map(submit_json).collect::<Vec<_>>(),
            "expect": self.expect.iter().map(expectation_json).collect::<Vec<_>>(),
        });
        if !self.setup.is_empty() {
            root["setup"] = writes_json(&self.setup);
        }
        root
    }
}

fn writes_json(writes: &[(u32, u32)]) -> Value {
    writes
        .iter()
        .map(|&(register, value)| json!([register, value]))
        .collect()
}

fn region_json(region: &Region) -> Value {
    json!({"address": region.address, "sizeBytes": region.size_bytes, "file": region.file})
}

fn submit_json(submit: &Submit) -> Value {
    let mut value = json!({
        "regcmdAddress": submit.regcmd_address,
        "regcmdWords": submit.regcmd_words,
        "taskCount": submit.task_count,
        "interruptMask": submit.interrupt_mask,
        "taskDmaBase": submit.task_dma_base,
        "pingPong": submit.ping_pong,
        "interruptClear": submit.interrupt_clear,
        "resetBefore": submit.reset_before,
    });
    if !submit.setup.is_empty() {
        value["setup"] = writes_json(&submit.setup);
    }
    if !submit.memory.is_empty() {
        value["memory"] = submit.memory.iter().map(region_json).collect();
    }
    if let Some(timeout_ms) = submit.timeout_ms {
        value["timeoutMs"] = timeout_ms.into();
    }
    value
}

fn expectation_json(check: &Expectation) -> Value {
    let mut value = json!({
        "address": check.address,
        "sizeBytes": check.size_bytes,
        "file": check.file,
        "elementType": check.element_type.name(),
        "maxAbsDifference": check.max_abs_difference,
    });
    if let Some(mask) = &check.mask {
        value["mask"] = mask.as_str().into();
    }
    if check.max_fraction_different < 1.0 {
        value["maxFractionDifferent"] = check.max_fraction_different.into();
    }
    value
}
