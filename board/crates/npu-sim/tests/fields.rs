//! What the model does with every field of every executing block, found by changing it: bit by bit in tasks of every kind,
//! and looking at what comes out. `FIELDS.md` says so; with `NPULAB_BLESS=1` it is written anew. A field that changes
//! nothing must have its reason here, and what is refused is refused by the register's name.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use npu_regs::Block;
use npu_regs::RegisterInfo;
use npu_sim::FaultKind;
use support::kinds::{Base, bases};

/// Fields that may say anything, and why.
const IGNORED: &[(&str, &str, &str)] = &[
    (
        "CNA",
        "CBUF_CON1.WIDTH",
        "the width is not checked, entries are (§12.8)",
    ),
    ("CNA", "CLK_GATE", "clock gates do not change results"),
    (
        "CNA",
        "FC_CON0.FC_SKIP_DATA",
        "nothing is skipped while FC_SKIP_EN is 0",
    ),
    (
        "CNA",
        "DCOMP_CTRL.WT_DEC_BYPASS",
        "there is no decompression to go around",
    ),
    (
        "DPU",
        "FEATURE_MODE_CFG.BURST_LEN",
        "the length of write bursts does not change results",
    ),
    (
        "DPU",
        "LUT_CFG.LUT_HYBRID_PRIORITY",
        "LE answers where both tables cover an input (§12.17)",
    ),
    (
        "DPU_RDMA",
        "FEATURE_MODE_CFG.MRDMA_DISABLE",
        "the main read channel runs when FLYING_MODE is 1 (§12.1)",
    ),
    (
        "DPU_RDMA",
        "WEIGHT",
        "arbitration between readers does not change results",
    ),
    ("PPU", "DATA_FORMAT.INDEX_ADD", "there is no index output"),
    (
        "PPU",
        "MISC_CTRL.BURST_LEN",
        "the length of write bursts does not change results",
    ),
    ("PPU_RDMA", "REG_7018", "unnamed; known tasks write 0 or 1 (§12.5)"),
];

/// What one change did.
enum Outcome {
    Same,
    Changed,
    Fault(FaultKind),
}

/// What was seen of one field.
#[derive(Default)]
struct Seen {
    runs: usize,
    changed: bool,
    /// Rules that named this register.
    rules: BTreeSet<&'static str>,
    /// Refusals that named this register.
    refused: BTreeSet<String>,
    /// Something else was named: another register that no longer agrees, or memory that is not there.
    elsewhere: bool,
}

/// Single bits of a field, the lowest, the highest and some between, and all of them.
fn changes(width: u32) -> impl Iterator<Item = u32> {
    let bits = [0, 1, 2, width / 2, width.saturating_sub(2), width - 1];
    let bits: BTreeSet<u32> = bits.into_iter().filter(|bit| *bit < width).collect();
    let all = if width == 32 { u32::MAX } else { (1 << width) - 1 };
    bits.into_iter()
        .map(|bit| 1 << bit)
        .chain([all])
        .collect::<BTreeSet<u32>>()
        .into_iter()
}

/// Registers that are no part of a task: pointers, status, own start bits, table access.
fn configuration(register: &RegisterInfo) -> bool {
    let within = register.offset - register.block.base();
    within >= 0x0C && !matches!(register.offset, 0x4100 | 0x4104)
}

fn look(bases: &[Base]) -> BTreeMap<(u32, u8), Seen> {
    let mut all: BTreeMap<(u32, u8), Seen> = BTreeMap::new();
    for base in bases {
        let right = base.run(None).unwrap_or_else(|why| panic!("{}: {why}", base.name));
        let last = base.programs.last().unwrap();
        for register in base.blocks().iter().flat_map(|block| block.registers()) {
            if !configuration(register) {
                continue;
            }
            for field in register.fields {
                let seen = all.entry((register.offset, field.lsb)).or_default();
                for bits in changes(u32::from(field.msb - field.lsb) + 1) {
                    let value = last.get(register.offset) ^ bits << field.lsb;
                    seen.runs += 1;
                    let outcome = match base.run(Some((register.offset, value))) {
                        Ok(bytes) if bytes == right => Outcome::Same,
                        Ok(_) => Outcome::Changed,
                        Err(kind) => Outcome::Fault(kind),
                    };
                    match outcome {
                        Outcome::Same => {}
                        Outcome::Changed => seen.changed = true,
                        Outcome::Fault(FaultKind::Rule {
                            register: named, rule, ..
                        }) if named == *register => {
                            seen.rules.insert(rule.source);
                        }
                        Outcome::Fault(FaultKind::NotModelled {
                            register: named,
                            modelled,
                            ..
                        }) if named == *register => {
                            seen.refused.insert(modelled);
                        }
                        Outcome::Fault(_) => seen.elsewhere = true,
                    }
                }
            }
        }
    }
    all
}

fn reason(register: &RegisterInfo, field: &str) -> Option<&'static str> {
    let found = IGNORED.iter().find(|(block, name, _)| {
        let whole = format!("{}.{field}", register.name);
        *block == register.block.name() && (*name == register.name || *name == whole)
    });
    found.map(|(_, _, why)| *why)
}

#[test]
fn every_field_is_executed_checked_refused_by_name_or_ignored_for_a_reason() {
    let seen = look(&bases());
    let mut text = String::from(
        "# What npu-sim does with every field\n\nFound by `tests/fields.rs`, which changes the field in tasks of every kind; \
         do not edit. *Executed*: some value changes\nthe results. *Checked*: other values break a rule of the sheet, given \
         by section. *Refused*: other values stop with the\nregister's name. *Ignored*: any value gives the same results.\n",
    );
    let mut silent = Vec::new();
    let mut unused: BTreeSet<&str> = IGNORED.iter().map(|(_, name, _)| *name).collect();
    for block in Block::EXECUTING {
        write!(
            text,
            "\n## {}\n\n| offset | register | field | verdict |\n|---|---|---|---|\n",
            block.name()
        )
        .unwrap();
        for register in block.registers().iter().filter(|register| configuration(register)) {
            for field in register.fields {
                let seen = &seen[&(register.offset, field.lsb)];
                let mut verdict = Vec::new();
                if seen.changed {
                    verdict.push("executed".to_owned());
                }
                if !seen.rules.is_empty() {
                    let rules: Vec<&str> = seen.rules.iter().copied().collect();
                    verdict.push(format!("checked ({})", rules.join("; ")));
                } else if seen.elsewhere && !seen.changed {
                    verdict.push("checked with the registers it belongs to".to_owned());
                }
                if !seen.refused.is_empty() {
                    let refused: Vec<&str> = seen.refused.iter().map(String::as_str).collect();
                    verdict.push(format!("else refused: {}", refused.join("; ")));
                }
                if verdict.is_empty() {
                    match reason(register, field.name) {
                        Some(why) => {
                            unused.remove(register.name);
                            unused.remove(format!("{}.{}", register.name, field.name).as_str());
                            verdict.push(format!("ignored: {why}"));
                        }
                        None => silent.push(format!("{}.{}.{}", block.name(), register.name, field.name)),
                    }
                }
                let (offset, name) = (register.offset, register.name);
                writeln!(
                    text,
                    "| 0x{offset:04X} | {name} | {} | {} |",
                    field.name,
                    verdict.join(", ")
                )
                .unwrap();
            }
        }
    }
    assert!(
        silent.is_empty(),
        "fields without effect and without a reason:\n{}",
        silent.join("\n")
    );
    assert!(unused.is_empty(), "reasons for fields that have an effect: {unused:?}");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/FIELDS.md");
    if std::env::var_os("NPULAB_BLESS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        stored == text,
        "FIELDS.md is not what the model does; NPULAB_BLESS=1 writes it anew"
    );
}
