//! A recording: the pages that the NPU touched as they were before, what the CPU changed between starts, and what the NPU
//! wrote. Its result is a job that `npulab-npu run` replays to equal bytes. Knows pages and register numbers.
//!
//! Surprising: a page is copied when the NPU first touches it, in whatever start that is; no earlier start saw it, so what
//! it held then may as well be what it held at the beginning.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use npu_device::DmaMem;
use npu_regs::pc;
use npu_sim::HostMemory;
use npu_tool::job::{ElementType, Expectation, Job, Region, Submit};

const PAGE_BYTES: u32 = 4096;
/// Memory that one recording may hold.
const MOST_BYTES: usize = 512 << 20;

/// A recording passed [`MOST_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// A recorded job and its files, `JOB.json` first.
#[derive(Clone, Debug, Default)]
pub struct Captured {
    /// Hardware starts.
    pub submits: usize,
    /// Name and bytes.
    pub files: Vec<(String, Vec<u8>)>,
}

pub(super) struct Page {
    before: Box<[u8]>,
    /// What a replay's memory holds by now.
    now: Box<[u8]>,
}

#[derive(Default)]
pub(super) struct Recording {
    pub(super) pages: BTreeMap<u32, Page>,
    pub(super) submits: Vec<(Submit, BTreeMap<u32, Vec<u8>>)>,
    /// What the CPU wrote to touched pages since the last start, by address.
    pending: Vec<(u32, Vec<u8>)>,
    /// Register writes in slave mode since the last start.
    setup: Vec<(u32, u32)>,
    /// First and last address that the NPU wrote, end excluded; they do not touch.
    pub(super) written: BTreeMap<u64, u64>,
    /// The core was reset, or somebody else ran, since the last recorded start.
    disturbed: bool,
    bytes: usize,
}

/// The latest values of the registers around a start.
#[derive(Default)]
pub(super) struct StartRegisters {
    pub(super) address: AtomicU32,
    pub(super) amount: AtomicU32,
    pub(super) mask: AtomicU32,
    pub(super) clear: AtomicU32,
    pub(super) task_con: AtomicU32,
    pub(super) dma_base: AtomicU32,
}

/// Cuts a range at page borders: page, offset in it, length.
fn pages(address: u32, length: usize) -> impl Iterator<Item = (u32, usize, usize)> {
    let end = u64::from(address) + length as u64;
    let page_bytes = u64::from(PAGE_BYTES);
    (u64::from(address) / page_bytes..end.div_ceil(page_bytes)).map(move |page| {
        let start = (page * page_bytes).max(u64::from(address));
        let stop = ((page + 1) * page_bytes).min(end);
        (page as u32, (start % page_bytes) as usize, (stop - start) as usize)
    })
}

impl Recording {
    /// A recording that begins now: what ran before is unknown.
    pub(super) fn begun() -> Self {
        Self {
            disturbed: true,
            ..Self::default()
        }
    }

    /// Somebody else ran.
    pub(super) fn disturb(&mut self) {
        self.disturbed = true;
    }

    /// The core was reset: what was set up before is gone.
    pub(super) fn reset(&mut self) {
        self.disturbed = true;
        self.setup.clear();
    }

    /// A register was written in slave mode.
    pub(super) fn set_up(&mut self, offset: u32, value: u32) {
        self.setup.push((offset, value));
    }

    /// Copies pages that the NPU is about to touch for the first time.
    pub(super) fn touch(&mut self, memory: &HostMemory, address: u32, length: usize) {
        let range = memory.range();
        let end = (u64::from(range.base) + range.size_bytes).min(u64::from(address) + length as u64);
        let length = end.saturating_sub(u64::from(address)) as usize;
        for (page, _, _) in pages(address, length) {
            if self.pages.contains_key(&page) || self.bytes > MOST_BYTES {
                continue;
            }
            let mut bytes = vec![0; PAGE_BYTES as usize];
            // Outside memory the NPU is about to fault; a page that another view holds cannot be, since reads share.
            if memory.read(page * PAGE_BYTES, &mut bytes).is_ok() {
                self.bytes += 2 * bytes.len();
                let before = bytes.into_boxed_slice();
                let now = before.clone();
                self.pages.insert(page, Page { before, now });
            }
        }
    }

    pub(super) fn apply(&mut self, address: u32, bytes: &[u8]) {
        let mut done = 0;
        for (page, offset, length) in pages(address, bytes.len()) {
            if let Some(page) = self.pages.get_mut(&page) {
                page.now[offset..offset + length].copy_from_slice(&bytes[done..done + length]);
            }
            done += length;
        }
    }

    /// A change that no recorded task made: it belongs to the next start.
    pub(super) fn patch(&mut self, address: u32, bytes: &[u8]) {
        let mut done = 0;
        for (page, offset, length) in pages(address, bytes.len()) {
            if self.pages.contains_key(&page) && self.bytes <= MOST_BYTES {
                self.bytes += length;
                let part = bytes[done..done + length].to_vec();
                self.pending.push((page * PAGE_BYTES + offset as u32, part));
            }
            done += length;
        }
    }

    pub(super) fn note_written(&mut self, start: u64, end: u64) {
        let (mut start, mut end) = (start, end);
        // Ranges that overlap or touch become one.
        while let Some((&other, &other_end)) = self.written.range(..=end).next_back() {
            if other_end < start {
                break;
            }
            self.written.remove(&other);
            (start, end) = (start.min(other), end.max(other_end));
        }
        self.written.insert(start, end);
    }

    pub(super) fn start(&mut self, registers: &StartRegisters) {
        let mut patches = BTreeMap::new();
        for (address, bytes) in std::mem::take(&mut self.pending) {
            self.apply(address, &bytes);
            let page = address / PAGE_BYTES;
            // Changes of a page go in as that page's bytes, so that patches never overlap each other.
            if let Some(held) = self.pages.get(&page) {
                patches.insert(page * PAGE_BYTES, held.now.to_vec());
            }
        }
        let task_con = registers.task_con.load(Ordering::Acquire);
        let submit = Submit {
            regcmd_address: registers.address.load(Ordering::Acquire),
            regcmd_words: (registers.amount.load(Ordering::Acquire) & 0xFFFF) + 1,
            task_count: pc::TASK_CON::TASK_NUMBER.get(task_con),
            interrupt_mask: registers.mask.load(Ordering::Acquire),
            setup: std::mem::take(&mut self.setup),
            memory: Vec::new(),
            task_dma_base: registers.dma_base.load(Ordering::Acquire),
            ping_pong: pc::TASK_CON::TASK_PP_EN.get(task_con) == 1,
            interrupt_clear: registers.clear.load(Ordering::Acquire),
            timeout_ms: None,
            reset_before: std::mem::take(&mut self.disturbed),
        };
        self.submits.push((submit, patches));
    }

    /// Bytes that a replay's memory holds in a written range.
    fn held(&self, start: u64, end: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity((end - start) as usize);
        for (page, offset, length) in pages(start as u32, (end - start) as usize) {
            match self.pages.get(&page) {
                Some(page) => bytes.extend_from_slice(&page.now[offset..offset + length]),
                None => bytes.resize(bytes.len() + length, 0),
            }
        }
        bytes
    }

    fn job(mut self) -> Captured {
        let mut files = vec![(String::from("JOB.json"), Vec::new())];
        let memory = self.regions(&mut files);
        let expect = self.expectations(&mut files);
        let mut submits = Vec::new();
        for (index, (mut submit, patches)) in std::mem::take(&mut self.submits).into_iter().enumerate() {
            for (address, bytes) in patches {
                let name = format!("patch-{index}-{address:08x}.bin");
                submit.memory.push(Region {
                    address,
                    size_bytes: bytes.len() as u64,
                    file: Some(name.clone()),
                });
                files.push((name, bytes));
            }
            submits.push(submit);
        }
        let count = submits.len();
        let job = Job {
            memory,
            setup: Vec::new(),
            submits,
            expect,
        };
        files[0].1 = format!("{:#}\n", job.to_json()).into_bytes();
        Captured { submits: count, files }
    }

    /// Neighbouring pages as one entry; pages of zeros need no file.
    fn regions(&self, files: &mut Vec<(String, Vec<u8>)>) -> Vec<Region> {
        let mut runs: Vec<(u32, Vec<u8>)> = Vec::new();
        for (&page, held) in &self.pages {
            let address = page * PAGE_BYTES;
            match runs.last_mut() {
                Some((start, bytes)) if u64::from(*start) + bytes.len() as u64 == u64::from(address) => {
                    bytes.extend_from_slice(&held.before);
                }
                _ => runs.push((address, held.before.to_vec())),
            }
        }
        let mut regions = Vec::new();
        for (address, bytes) in runs {
            let name = format!("memory-{address:08x}.bin");
            let zeros = bytes.iter().all(|&byte| byte == 0);
            regions.push(Region {
                address,
                size_bytes: bytes.len() as u64,
                file: (!zeros).then(|| name.clone()),
            });
            if !zeros {
                files.push((name, bytes));
            }
        }
        regions
    }

    fn expectations(&self, files: &mut Vec<(String, Vec<u8>)>) -> Vec<Expectation> {
        let mut expect = Vec::new();
        for (&start, &end) in &self.written {
            let name = format!("expect-{start:08x}.bin");
            files.push((name.clone(), self.held(start, end)));
            expect.push(Expectation {
                address: start as u32,
                size_bytes: end - start,
                file: name,
                mask: None,
                element_type: ElementType::Uint8,
                max_abs_difference: 0.0,
                max_fraction_different: 1.0,
            });
        }
        expect
    }

    /// The CPU zeroes a range: a patch of every page of it that was touched.
    pub(super) fn zero(&mut self, address: u32, size_bytes: u64) {
        let end = u64::from(address) + size_bytes;
        let touched: Vec<u32> = self
            .pages
            .range(address / PAGE_BYTES..)
            .map(|(page, _)| *page)
            .collect();
        for page in touched {
            let start = u64::from(page) * u64::from(PAGE_BYTES);
            if start >= end {
                break;
            }
            let from = start.max(u64::from(address));
            let to = (start + u64::from(PAGE_BYTES)).min(end);
            self.patch(from as u32, &vec![0; (to - from) as usize]);
        }
    }

    /// The recorded job, unless it took too much memory.
    pub(super) fn finish(self) -> Result<Captured, TooLarge> {
        if self.bytes > MOST_BYTES {
            Err(TooLarge)
        } else {
            Ok(self.job())
        }
    }
}
