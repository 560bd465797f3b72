//! BS and BN as their registers say (sheet §2.3, §2.6, §12.13).

use npu_regs::stage::ScaleStage;
use npu_regs::{Field, Register};

use super::signed_16;
use crate::dpu::stage::{Algorithm, Multiplier, Operand, Rectifier, Stage};
use crate::fault::FaultKind;
use crate::file::{View, not_modelled};

/// Reads BS or BN.
pub(crate) fn stage<S: ScaleStage>(view: &View<'_>) -> Result<Stage, FaultKind> {
    let set = |field: Field<S::Config>| view.get(field) == 1;
    if set(S::BYPASS) {
        return Ok(Stage::BYPASS);
    }
    let alu = if set(S::ALU_BYPASS) {
        None
    } else {
        let code = view.get(S::ALU_ALGO);
        let known = "max (0), min (1), add (2)";
        let algorithm = algorithm(code).ok_or_else(|| not_modelled(S::Config::INFO, S::ALU_ALGO.name, code, known))?;
        let operand = match set(S::ALU_SRC) {
            false => Operand::Common(view.raw::<S::Alu>() as i32),
            true => Operand::Stream,
        };
        Some((algorithm, operand))
    };
    let multiplier = if set(S::MUL_BYPASS) {
        None
    } else {
        let source = view.get(S::TRUNCATE_SRC);
        if source != 0 {
            let known = "shift from the register (0)";
            return Err(not_modelled(S::Multiplier::INFO, S::TRUNCATE_SRC.name, source, known));
        }
        let operand = match view.get(S::MUL_SRC) {
            0 => Operand::Common(signed_16(view.get(S::OPERAND))),
            _ => Operand::Stream,
        };
        Some(Multiplier {
            operand,
            shift: view.get(S::SHIFT),
            negative_shift: view.get(S::NEGATIVE_SHIFT),
            leaky: set(S::MUL_PRELU),
        })
    };
    let rectifier = rectifier(set(S::RELU_BYPASS), set(S::RELUX_EN), view.raw::<S::Bound>());
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
