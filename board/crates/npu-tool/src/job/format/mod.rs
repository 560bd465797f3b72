//! `JOB.json`, read and written. Numbers are decimal, unknown keys are ignored, file names are relative to the job file and
//! hold no `..`; an optional key may be `null`. Everything is checked here, so that a run only meets what the hardware itself would refuse.
//!
//! ```json
//! {"soc": "rk3568",
//!  "memory": [{"address": 1048576, "sizeBytes": 4096, "file": "weights.bin"}, {"address": 1052672, "sizeBytes": 4096, "file": null}],
//!  "setup": [[4100, 14]],
//!  "submits": [{"regcmdAddress": 1048576, "regcmdWords": 117, "taskCount": 1, "interruptMask": 768}],
//!  "expect": [{"address": 1052672, "sizeBytes": 64, "file": "c.bin", "elementType": "int32", "maxAbsDifference": 0}]}
//! ```

mod element;
mod node;
mod write;

use serde_json::Value;

pub use element::ElementType;
use node::Node;

use crate::failure::Failure;

/// Clears every interrupt bit: the default of `interruptClear`.
const CLEAR_ALL: u32 = npu_regs::task::INTERRUPT_CLEAR_ALL;
/// Addresses are 32 bits.
const ADDRESS_SPACE: u64 = 1 << 32;

/// A range of device addresses and what it holds first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// First device address.
    pub address: u32,
    /// Bytes, at least one.
    pub size_bytes: u64,
    /// File with at least that many bytes; `None`: zeros.
    pub file: Option<String>,
}

impl Region {
    /// First address after it.
    pub const fn end(&self) -> u64 {
        self.address as u64 + self.size_bytes
    }
}

/// One hardware start (sheet §3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submit {
    /// Device address of the first task's first word, a multiple of 16.
    pub regcmd_address: u32,
    /// Words of the first task, 1 to 65536 (more than 1024 hang the fetch unit, erratum 6).
    pub regcmd_words: u32,
    /// Tasks of the chain, 1 to 4095.
    pub task_count: u32,
    /// Interrupt mask of the last task.
    pub interrupt_mask: u32,
    /// Register writes in slave mode just before the start.
    pub setup: Vec<(u32, u32)>,
    /// What the CPU wrote since the previous start.
    pub memory: Vec<Region>,
    /// `TASK_DMA_BASE_ADDR`.
    pub task_dma_base: u32,
    /// Task ping-pong.
    pub ping_pong: bool,
    /// `INTERRUPT_CLEAR` before the start.
    pub interrupt_clear: u32,
    /// Deadline on the modelled clock; `None`: none.
    pub timeout_ms: Option<u64>,
    /// Whether the core is reset first; memory stays.
    pub reset_before: bool,
}

/// What a range must hold after the last submit.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// First device address.
    pub address: u32,
    /// Bytes, a multiple of the element's size.
    pub size_bytes: u64,
    /// File with at least that many bytes.
    pub file: String,
    /// File with a byte for each byte of the range: an element is ignored where one of its mask bytes is 0. A file with
    /// exactly one byte for each element is understood too.
    pub mask: Option<String>,
    /// How to read the bytes.
    pub element_type: ElementType,
    /// Largest difference of an element that still counts as equal.
    pub max_abs_difference: f64,
    /// Largest share of elements that differ at all, 0 to 1; 1 where the file does not say.
    pub max_fraction_different: f64,
}

/// A job.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Memory, sorted by address, without overlaps.
    pub memory: Vec<Region>,
    /// Register writes in slave mode after each reset, in order.
    pub setup: Vec<(u32, u32)>,
    /// Starts, in order.
    pub submits: Vec<Submit>,
    /// Checks, in order.
    pub expect: Vec<Expectation>,
}

impl Job {
    /// Reads the text of a job file.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let value: Value = serde_json::from_str(text).map_err(|error| Failure::job(format!("not JSON: {error}")))?;
        let root = Node::object(&value, String::new())?;
        match root.text("soc")? {
            "rk3568" | "rk3566" => {}
            other => {
                return Err(Failure::job(format!(
                    "soc: {other:?}; only \"rk3568\" and \"rk3566\" are modelled"
                )));
            }
        }
        let mut memory = root
            .list("memory", true)?
            .iter()
            .map(region)
            .collect::<Result<Vec<_>, _>>()?;
        memory.sort_by_key(|region| region.address);
        if let Some([first, second]) = memory.array_windows_overlap() {
            return Err(Failure::job(format!(
                "memory: the entries at {} and {} overlap",
                first.address, second.address
            )));
        }
        let submits = root.list("submits", true)?;
        if submits.is_empty() {
            return Err(Failure::job("submits: a job has at least one"));
        }
        let submits = submits.iter().map(submit).collect::<Result<Vec<_>, _>>()?;
        for (index, submit) in submits.iter().enumerate() {
            for patch in &submit.memory {
                inside(
                    &memory,
                    patch.address,
                    patch.size_bytes,
                    &format!("submits[{index}].memory"),
                )?;
            }
        }
        let expect = root
            .list("expect", false)?
            .iter()
            .map(expectation)
            .collect::<Result<Vec<_>, _>>()?;
        for (index, check) in expect.iter().enumerate() {
            inside(&memory, check.address, check.size_bytes, &format!("expect[{index}]"))?;
        }
        Ok(Self {
            memory,
            setup: root.writes("setup")?,
            submits,
            expect,
        })
    }
}

/// Neighbours that overlap, in a list sorted by address.
trait Overlap {
    fn array_windows_overlap(&self) -> Option<[&Region; 2]>;
}

impl Overlap for Vec<Region> {
    fn array_windows_overlap(&self) -> Option<[&Region; 2]> {
        self.windows(2)
            .find(|pair| pair[0].end() > u64::from(pair[1].address))
            .map(|pair| [&pair[0], &pair[1]])
    }
}

/// Every byte of a range must belong to an entry; it may run over adjacent ones.
fn inside(memory: &[Region], address: u32, size_bytes: u64, key: &str) -> Result<(), Failure> {
    let (mut at, end) = (u64::from(address), u64::from(address) + size_bytes);
    for region in memory {
        if u64::from(region.address) <= at && at < region.end() {
            at = region.end();
        }
        if at >= end {
            return Ok(());
        }
    }
    Err(Failure::job(format!(
        "{key}: {size_bytes} bytes at {address}: no memory entry holds address {at}"
    )))
}

fn region(node: &Node<'_>) -> Result<Region, Failure> {
    let (address, size_bytes) = node.range()?;
    let file = match node.map.get("file") {
        None => return Err(node.missing("file")),
        Some(Value::Null) => None,
        Some(_) => Some(node.file("file")?),
    };
    Ok(Region {
        address,
        size_bytes,
        file,
    })
}

fn submit(node: &Node<'_>) -> Result<Submit, Failure> {
    let regcmd_address = node.word("regcmdAddress", None)?;
    if !regcmd_address.is_multiple_of(16) {
        return Err(node.wrong("regcmdAddress", "a multiple of 16 (BASE_ADDRESS holds bits 31 to 4)"));
    }
    Ok(Submit {
        regcmd_address,
        regcmd_words: node.number("regcmdWords", 1..=65_536)? as u32,
        task_count: node.number("taskCount", 1..=u64::from(npu_regs::task::MAX_TASKS_PER_START))? as u32,
        interrupt_mask: node.word("interruptMask", None)?,
        setup: node.writes("setup")?,
        memory: node
            .list("memory", false)?
            .iter()
            .map(region)
            .collect::<Result<_, _>>()?,
        task_dma_base: node.word("taskDmaBase", Some(0))?,
        ping_pong: node.flag("pingPong", true)?,
        interrupt_clear: node.word("interruptClear", Some(CLEAR_ALL))?,
        timeout_ms: node.optional_number("timeoutMs", 0..=u64::from(u32::MAX))?,
        reset_before: node.flag("resetBefore", true)?,
    })
}

fn expectation(node: &Node<'_>) -> Result<Expectation, Failure> {
    let (address, size_bytes) = node.range()?;
    let name = node.text("elementType")?;
    let element_type = ElementType::ALL.into_iter().find(|known| known.name() == name);
    let element_type =
        element_type.ok_or_else(|| node.wrong("elementType", "int8, uint8, int16, int32, fp16 or fp32"))?;
    if !size_bytes.is_multiple_of(element_type.size_bytes() as u64) {
        return Err(node.wrong("sizeBytes", &format!("a multiple of {}", element_type.size_bytes())));
    }
    let mask = match node.map.get("mask") {
        None | Some(Value::Null) => None,
        Some(_) => Some(node.file("mask")?),
    };
    Ok(Expectation {
        address,
        size_bytes,
        file: node.file("file")?,
        mask,
        element_type,
        max_abs_difference: node.real("maxAbsDifference", f64::MAX, None)?,
        max_fraction_different: node.real("maxFractionDifferent", 1.0, Some(1.0))?,
    })
}
