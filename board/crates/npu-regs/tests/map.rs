//! The map against a machine-readable copy of the hardware sheet: appendix A (`sheet/appendix-a.txt`, word for word) under
//! the moves of the RK3568 (`sheet/rk3568.txt`). Every register and every field is where the sheet says, and there is no
//! other.

use std::collections::BTreeMap;

use npu_regs::Block;

/// Name and fields, highest first.
type Entry = (String, Vec<(String, u8, u8)>);

/// `0x1234 NAME: FIELD[7:4], FLAG[0]`. The blocks of readers carry their prefix in their own name here.
fn parse(line: &str) -> (u32, Entry) {
    let (offset, rest) = line.split_once(' ').expect("an offset and a name");
    let offset = u32::from_str_radix(offset.trim_start_matches("0x"), 16).expect("a hexadecimal offset");
    let (name, fields) = rest.split_once(": ").expect("a name and fields");
    let field = |text: &str| {
        let (name, bits) = text.trim_end_matches(']').split_once('[').expect("a field has bits");
        let (msb, lsb) = bits.split_once(':').unwrap_or((bits, bits));
        (
            name.to_string(),
            msb.parse().expect("a bit"),
            lsb.parse().expect("a bit"),
        )
    };
    let fields = fields.trim().split(", ").map(field).collect();
    (offset, (name.trim_start_matches("RDMA_").to_string(), fields))
}

fn sheet() -> BTreeMap<u32, Entry> {
    let appendix = include_str!("sheet/appendix-a.txt").lines();
    let mut map: BTreeMap<u32, Entry> = appendix.filter(|line| line.starts_with("0x")).map(parse).collect();
    for line in include_str!("sheet/rk3568.txt").lines() {
        let (rule, source) = line.split_once('#').expect("every line has a source");
        assert!(rule.is_empty() || source.contains('§'), "{line}");
        match rule.split_at_checked(2) {
            Some(("= ", register)) => {
                let (offset, entry) = parse(register.trim());
                assert_ne!(map.insert(offset, entry.clone()), Some(entry), "no move at all: {line}");
            }
            Some(("- ", offset)) => {
                let offset = u32::from_str_radix(offset.trim().trim_start_matches("0x"), 16).expect("an offset");
                assert!(map.remove(&offset).is_some(), "nothing to remove: {line}");
            }
            _ => assert!(rule.is_empty(), "{line}"),
        }
    }
    map
}

#[test]
fn every_register_and_field_of_the_sheet_is_in_the_map_and_nothing_else() {
    let mut found = BTreeMap::new();
    for block in Block::ALL {
        for register in block.registers() {
            let fields = register
                .fields
                .iter()
                .map(|field| (field.name.to_string(), field.msb, field.lsb));
            found.insert(register.offset, (register.name.to_string(), fields.collect::<Vec<_>>()));
        }
    }
    let sheet = sheet();
    for (offset, entry) in &sheet {
        assert_eq!(found.get(offset), Some(entry), "0x{offset:04X}");
    }
    for (offset, entry) in &found {
        assert!(
            sheet.contains_key(offset),
            "0x{offset:04X} {} is not in the sheet",
            entry.0
        );
    }
}

#[test]
fn every_register_and_field_has_one_line_and_every_register_a_source() {
    for register in Block::ALL.into_iter().flat_map(|block| block.registers().iter()) {
        assert!(!register.doc.is_empty() && !register.doc.contains('\n'), "{register}");
        assert!(
            register.source.contains('§') || register.source.contains("appendix"),
            "{register}"
        );
        for field in register.fields {
            assert!(
                !field.doc.is_empty() && !field.doc.contains('\n'),
                "{register} {}",
                field.name
            );
        }
    }
}

#[test]
fn the_copy_of_appendix_a_is_complete() {
    let lines = include_str!("sheet/appendix-a.txt").lines();
    let (blocks, registers): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with("**"));
    assert_eq!((blocks.len(), registers.len()), (10, 199));
}
