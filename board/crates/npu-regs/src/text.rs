//! Words as text and back. `assemble(disassemble(w)) == w` for every 64-bit number: what the map does not know is shown
//! as a raw `.word`. Fields are printed after `;` for the reader and ignored when read back.

use ::core::fmt::Write;
use alloc::format;
use alloc::string::String;
use alloc::string::ToString;

use crate::{Block, Command};

/// One line for one word.
///
/// ```
/// let line = npu_regs::disassemble(0x0201_0060_0025_1020);
/// assert_eq!(line, "CNA.DATA_SIZE0 0x00600025 ; DATAIN_WIDTH=96 DATAIN_HEIGHT=37");
/// assert_eq!(npu_regs::assemble(&line), Ok(0x0201_0060_0025_1020));
/// ```
pub fn disassemble(word: u64) -> String {
    match Command::decode(word) {
        Ok(Command::Nop(payload)) => format!("nop 0x{payload:012X}"),
        Ok(Command::Barrier) => "barrier".to_string(),
        Ok(Command::Enable { mask }) => {
            let names = Block::EXECUTING
                .iter()
                .enumerate()
                .filter(|(bit, _)| mask >> bit & 1 == 1);
            names.fold(format!("enable 0x{mask:08X} ;"), |line, (_, block)| {
                format!("{line} {}", block.name())
            })
        }
        Ok(Command::Write { register, value }) => {
            let mut line = format!("{register} 0x{value:08X} ;");
            for field in register.fields.iter().filter(|field| field.of(value) != 0) {
                // Writing to a String cannot fail.
                let _ = write!(line, " {}={}", field.name, field.of(value));
            }
            let unknown = value & !register.known_bits;
            if unknown != 0 {
                let _ = write!(line, " _RESERVED=0x{unknown:X}");
            }
            line.trim_end_matches(" ;").to_string()
        }
        Err(why) => format!(".word 0x{word:016X} ; {why}"),
    }
}

/// The word of one line, or what is wrong with it.
pub fn assemble(line: &str) -> Result<u64, String> {
    let code = line.split(';').next().unwrap_or_default();
    let mut tokens = code.split_ascii_whitespace();
    let mnemonic = tokens.next().ok_or_else(|| "empty line".to_string())?;
    if mnemonic == "barrier" {
        return end(tokens, Command::Barrier.encode());
    }
    let number = tokens.next().ok_or_else(|| format!("{mnemonic}: value missing"))?;
    let digits = number
        .strip_prefix("0x")
        .ok_or_else(|| format!("{number}: values are hexadecimal with 0x"))?;
    let value = u64::from_str_radix(digits, 16).map_err(|_| format!("{number}: not a hexadecimal number"))?;
    let narrow = || u32::try_from(value).map_err(|_| format!("{number}: more than 32 bits"));
    let word = match mnemonic {
        ".word" => value,
        "nop" if value >> 48 == 0 => Command::Nop(value).encode(),
        "nop" => return Err(format!("{number}: more than 48 bits")),
        "enable" => Command::Enable { mask: narrow()? }.encode(),
        name => Command::Write {
            register: by_name(name)?,
            value: narrow()?,
        }
        .encode(),
    };
    end(tokens, word)
}

fn end<'a>(mut rest: impl Iterator<Item = &'a str>, word: u64) -> Result<u64, String> {
    rest.next()
        .map_or(Ok(word), |extra| Err(format!("{extra}: nothing may follow the value")))
}

fn by_name(name: &str) -> Result<&'static crate::RegisterInfo, String> {
    let unknown = || format!("{name}: no such register");
    let (block, register) = name.split_once('.').ok_or_else(unknown)?;
    let block = Block::ALL
        .into_iter()
        .find(|known| known.name() == block)
        .ok_or_else(unknown)?;
    if block.target().is_none() {
        return Err(format!("{name}: command words cannot reach this block"));
    }
    block
        .registers()
        .iter()
        .copied()
        .find(|known| known.name == register)
        .ok_or_else(unknown)
}
