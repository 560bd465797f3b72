//! BS and BN as their registers say (sheet §2.3, §2.6, §12.13).

use npu_regs::{Register, RegisterInfo, dpu};

use super::signed_16;
use crate::dpu::stage::{Algorithm, Multiplier, Operand, Rectifier, Stage};
use crate::fault::FaultKind;
use crate::file::{View, not_modelled};

/// The registers of BS or BN: same layout, four words apart.
struct StageRegisters {
    config: (&'static RegisterInfo, u32),
    alu: u32,
    multiplier: (&'static RegisterInfo, u32),
    bound: u32,
    negative_shift: u32,
}

impl StageRegisters {
    fn field(&self, lsb: u8) -> &'static str {
        name(self.config.0, lsb)
    }
}

fn name(register: &'static RegisterInfo, lsb: u8) -> &'static str {
    let field = register.fields.iter().find(|field| field.lsb == lsb);
    field.map_or("", |field| field.name)
}

/// BS.
pub(crate) fn bs(view: &View<'_>) -> Result<Stage, FaultKind> {
    stage(&StageRegisters {
        config: (dpu::BS_CFG::INFO, view.raw::<dpu::BS_CFG>()),
        alu: view.raw::<dpu::BS_ALU_CFG>(),
        multiplier: (dpu::BS_MUL_CFG::INFO, view.raw::<dpu::BS_MUL_CFG>()),
        bound: view.raw::<dpu::BS_RELUX_CMP_VALUE>(),
        negative_shift: view.get(dpu::DATA_FORMAT::BS_MUL_SHIFT_VALUE_NEG),
    })
}

/// BN.
pub(crate) fn bn(view: &View<'_>) -> Result<Stage, FaultKind> {
    stage(&StageRegisters {
        config: (dpu::BN_CFG::INFO, view.raw::<dpu::BN_CFG>()),
        alu: view.raw::<dpu::BN_ALU_CFG>(),
        multiplier: (dpu::BN_MUL_CFG::INFO, view.raw::<dpu::BN_MUL_CFG>()),
        bound: view.raw::<dpu::BN_RELUX_CMP_VALUE>(),
        negative_shift: view.get(dpu::DATA_FORMAT::BN_MUL_SHIFT_VALUE_NEG),
    })
}

fn stage(registers: &StageRegisters) -> Result<Stage, FaultKind> {
    use dpu::{BS_CFG as C, BS_MUL_CFG as M};
    let (register, config) = registers.config;
    if C::BS_BYPASS.get(config) == 1 {
        return Ok(Stage::BYPASS);
    }
    let alu = if C::BS_ALU_BYPASS.get(config) == 1 {
        None
    } else {
        let code = C::BS_ALU_ALGO.get(config);
        let algorithm = algorithm(code)
            .ok_or_else(|| not_modelled(register, registers.field(2), code, "max (0), min (1), add (2)"))?;
        let operand = match C::BS_ALU_SRC.get(config) {
            0 => Operand::Common(registers.alu as i32),
            _ => Operand::Stream,
        };
        Some((algorithm, operand))
    };
    let multiplier = if C::BS_MUL_BYPASS.get(config) == 1 {
        None
    } else {
        let (register, value) = registers.multiplier;
        if M::BS_TRUNCATE_SRC.get(value) != 0 {
            return Err(not_modelled(
                register,
                name(register, 1),
                1,
                "shift from the register (0)",
            ));
        }
        let operand = match M::BS_MUL_SRC.get(value) {
            0 => Operand::Common(signed_16(M::BS_MUL_OPERAND.get(value))),
            _ => Operand::Stream,
        };
        Some(Multiplier {
            operand,
            shift: M::BS_MUL_SHIFT_VALUE.get(value),
            negative_shift: registers.negative_shift,
            leaky: C::BS_MUL_PRELU.get(config) == 1,
        })
    };
    let rectifier = rectifier(
        C::BS_RELU_BYPASS.get(config) == 1,
        C::BS_RELUX_EN.get(config) == 1,
        registers.bound,
    );
    Ok(Stage {
        alu,
        multiplier,
        rectifier,
    })
}

pub(super) fn algorithm(code: u32) -> Option<Algorithm> {
    match code {
        0 => Some(Algorithm::Max),
        1 => Some(Algorithm::Min),
        2 => Some(Algorithm::Add),
        _ => None,
    }
}

pub(super) fn rectifier(bypass: bool, bounded: bool, bound: u32) -> Rectifier {
    match (bypass, bounded) {
        (true, _) => Rectifier::Off,
        (false, false) => Rectifier::Relu,
        (false, true) => Rectifier::ReluX(bound as i32),
    }
}
