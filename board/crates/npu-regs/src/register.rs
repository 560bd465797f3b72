//! Registers as types: a field belongs to its register, so a value for one register cannot be built from another's
//! fields. Knows nothing of the chip.

use ::core::fmt;
use ::core::marker::PhantomData;

use crate::Block;

/// A bit range, as the tables and the disassembler see it.
#[derive(Debug, PartialEq, Eq)]
pub struct FieldInfo {
    /// Name as in the hardware sheet.
    pub name: &'static str,
    /// Highest bit.
    pub msb: u8,
    /// Lowest bit.
    pub lsb: u8,
    /// What it means.
    pub doc: &'static str,
}

impl FieldInfo {
    /// Cuts the field out of a register value.
    pub const fn of(&self, value: u32) -> u32 {
        let width = self.msb - self.lsb + 1;
        (value >> self.lsb) & if width == 32 { u32::MAX } else { (1 << width) - 1 }
    }
}

/// One register of the map.
#[derive(Debug, PartialEq, Eq)]
pub struct RegisterInfo {
    /// Offset from the window's base.
    pub offset: u32,
    /// Name inside its block.
    pub name: &'static str,
    /// Its block.
    pub block: Block,
    /// What it is.
    pub doc: &'static str,
    /// Section of the hardware sheet and how it is known.
    pub source: &'static str,
    /// Its fields, highest first; bits outside them are reserved.
    pub fields: &'static [FieldInfo],
    /// The bits that any field covers; written down once, since every word of a program is held against them.
    pub known_bits: u32,
}

impl RegisterInfo {
    /// For the map's macro only.
    pub(crate) const fn bits_of(fields: &[FieldInfo]) -> u32 {
        let (mut bits, mut at) = (0, 0);
        while at < fields.len() {
            bits |= fields[at].of(u32::MAX) << fields[at].lsb;
            at += 1;
        }
        bits
    }
}

impl fmt::Display for RegisterInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.block.name(), self.name)
    }
}

/// A register known at compile time.
pub trait Register {
    /// Its entry in the map.
    const INFO: &'static RegisterInfo;
}

/// A field of register `R`.
pub struct Field<R> {
    /// Name as in the hardware sheet.
    pub name: &'static str,
    /// Highest bit.
    pub msb: u8,
    /// Lowest bit.
    pub lsb: u8,
    register: PhantomData<fn() -> R>,
}

impl<R> Clone for Field<R> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R> Copy for Field<R> {}

impl<R> Field<R> {
    /// For the map's macro only.
    #[doc(hidden)]
    pub const fn new(name: &'static str, msb: u8, lsb: u8) -> Self {
        Self {
            name,
            msb,
            lsb,
            register: PhantomData,
        }
    }

    /// Largest value the field holds.
    pub const fn max(self) -> u32 {
        let width = self.msb - self.lsb + 1;
        if width == 32 { u32::MAX } else { (1 << width) - 1 }
    }

    /// Cuts the field out of a register value.
    pub const fn get(self, value: u32) -> u32 {
        (value >> self.lsb) & self.max()
    }
}

/// A value did not fit its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldOverflow {
    /// The register.
    pub register: &'static RegisterInfo,
    /// The field's name.
    pub field: &'static str,
    /// What was to be stored.
    pub value: u32,
    /// What it can hold.
    pub max: u32,
}

impl fmt::Display for FieldOverflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{}: {} does not fit, at most {}",
            self.register, self.field, self.value, self.max
        )
    }
}

impl ::core::error::Error for FieldOverflow {}

/// A value for register `R`, built field by field. An overflow is kept until the value is used.
pub struct Bits<R> {
    value: u32,
    overflow: Option<FieldOverflow>,
    register: PhantomData<fn() -> R>,
}

impl<R: Register> Bits<R> {
    /// All fields zero.
    pub const fn new() -> Self {
        Self {
            value: 0,
            overflow: None,
            register: PhantomData,
        }
    }

    /// A whole register value, as observed in a vendor stream.
    pub const fn raw(value: u32) -> Self {
        Self {
            value,
            overflow: None,
            register: PhantomData,
        }
    }

    /// Sets a field.
    pub const fn with(mut self, field: Field<R>, value: u32) -> Self {
        if value > field.max() && self.overflow.is_none() {
            self.overflow = Some(FieldOverflow {
                register: R::INFO,
                field: field.name,
                value,
                max: field.max(),
            });
        }
        self.value = (self.value & !(field.max() << field.lsb)) | ((value & field.max()) << field.lsb);
        self
    }

    /// The register value, or the first field that overflowed.
    pub fn finish(self) -> Result<u32, FieldOverflow> {
        match self.overflow {
            None => Ok(self.value),
            Some(overflow) => Err(overflow),
        }
    }
}

impl<R: Register> Default for Bits<R> {
    fn default() -> Self {
        Self::new()
    }
}

/// Declares the registers of one block: types, fields and the block's table, from one list. A block that executes tasks says
/// where it lies and begins with the three registers that all of them have.
macro_rules! registers {
    ($block:ident at $base:literal: $($own:tt)*) => {
        $crate::register::registers! { $block:
            /// State of both register groups.
            S_STATUS = $base, "§2.1 [TRM88], §2.3 [V]" {
                /// Group 1: 0 idle, 1 running, 2 waiting.
                STATUS_1 = 17:16,
                /// Group 0, same codes.
                STATUS_0 = 1:0,
            }
            /// Which group is written and which executes; 0x0E in every vendor task.
            S_POINTER = $base + 4, "§2.1, §12.2" {
                /// Executing group, read only.
                EXECUTER = 16:16,
                /// 1 sets the executer to group 0.
                EXECUTER_PP_CLEAR = 5:5,
                /// 1 sets the pointer to group 0.
                POINTER_PP_CLEAR = 4:4,
                /// 1 = the pointer toggles itself, 0 = it follows the executer.
                POINTER_PP_MODE = 3:3,
                /// The executer alternates.
                EXECUTER_PP_EN = 2:2,
                /// The pointer alternates.
                POINTER_PP_EN = 1:1,
                /// Group to write; ignored while the pointer alternates.
                POINTER = 0:0,
            }
            /// Starts this block alone, which scrambles the output on RK3568.
            OPERATION_ENABLE = $base + 8, "§2.1, erratum 8" {
                /// Start.
                OP_EN = 0:0,
            }
            $($own)*
        }
    };
    ($block:ident: $(
        #[doc = $doc:literal]
        $name:ident = $offset:expr, $source:literal { $( #[doc = $field_doc:literal] $field:ident = $msb:literal : $lsb:literal, )* }
    )*) => {
        $(
            #[doc = $doc]
            #[doc = concat!("\n\nSource: ", $source)]
            #[allow(non_camel_case_types)]
            pub enum $name {}
            impl $crate::Register for $name {
                const INFO: &'static $crate::RegisterInfo = {
                    const FIELDS: &[$crate::FieldInfo] = &[$( $crate::FieldInfo {
                        name: stringify!($field), msb: $msb, lsb: $lsb, doc: $field_doc.trim_ascii(),
                    } ),*];
                    &$crate::RegisterInfo {
                        offset: $offset,
                        name: stringify!($name),
                        block: $crate::Block::$block,
                        doc: $doc.trim_ascii(),
                        source: $source,
                        fields: FIELDS,
                        known_bits: $crate::RegisterInfo::bits_of(FIELDS),
                    }
                };
            }
            impl $name {
                $(
                    #[doc = $field_doc]
                    pub const $field: $crate::Field<$name> = $crate::Field::new(stringify!($field), $msb, $lsb);
                )*
            }
        )*
        /// Every register of the block, by rising offset.
        pub static REGISTERS: &[&$crate::RegisterInfo] = &[$( <$name as $crate::Register>::INFO ),*];
    };
}
pub(crate) use registers;
