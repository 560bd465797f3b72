//! BS and BN are one stage twice (sheet §2.3, §2.6): four registers each with the same fields, and a shift for negative values in
//! `DATA_FORMAT`. Who writes or reads one of them can write and read the other.

use crate::dpu;
use crate::{Field, Register};

/// One of the two stages of the DPU that add, multiply and rectify.
pub trait ScaleStage {
    /// What the stage does.
    type Config: Register;
    /// ALU operand of all channels.
    type Alu: Register;
    /// Multiplier of all channels, and shift.
    type Multiplier: Register;
    /// Upper bound of the rectifier.
    type Bound: Register;
    /// No stage.
    const BYPASS: Field<Self::Config>;
    /// No ALU.
    const ALU_BYPASS: Field<Self::Config>;
    /// 0 max, 1 min, 2 add.
    const ALU_ALGO: Field<Self::Config>;
    /// 1 = ALU operand from the parameter stream.
    const ALU_SRC: Field<Self::Config>;
    /// No multiplier.
    const MUL_BYPASS: Field<Self::Config>;
    /// Multiplier as leaky rectifier.
    const MUL_PRELU: Field<Self::Config>;
    /// No rectifier.
    const RELU_BYPASS: Field<Self::Config>;
    /// Upper bound of the rectifier.
    const RELUX_EN: Field<Self::Config>;
    /// Multiplier of all channels.
    const OPERAND: Field<Self::Multiplier>;
    /// Right shift of positive values.
    const SHIFT: Field<Self::Multiplier>;
    /// Shift source.
    const TRUNCATE_SRC: Field<Self::Multiplier>;
    /// 1 = multiplier from the parameter stream.
    const MUL_SRC: Field<Self::Multiplier>;
    /// Right shift of negative values.
    const NEGATIVE_SHIFT: Field<dpu::DATA_FORMAT>;
}

/// The first stage: bias and scale.
pub enum Bs {}

impl ScaleStage for Bs {
    type Config = dpu::BS_CFG;
    type Alu = dpu::BS_ALU_CFG;
    type Multiplier = dpu::BS_MUL_CFG;
    type Bound = dpu::BS_RELUX_CMP_VALUE;
    const BYPASS: Field<Self::Config> = dpu::BS_CFG::BS_BYPASS;
    const ALU_BYPASS: Field<Self::Config> = dpu::BS_CFG::BS_ALU_BYPASS;
    const ALU_ALGO: Field<Self::Config> = dpu::BS_CFG::BS_ALU_ALGO;
    const ALU_SRC: Field<Self::Config> = dpu::BS_CFG::BS_ALU_SRC;
    const MUL_BYPASS: Field<Self::Config> = dpu::BS_CFG::BS_MUL_BYPASS;
    const MUL_PRELU: Field<Self::Config> = dpu::BS_CFG::BS_MUL_PRELU;
    const RELU_BYPASS: Field<Self::Config> = dpu::BS_CFG::BS_RELU_BYPASS;
    const RELUX_EN: Field<Self::Config> = dpu::BS_CFG::BS_RELUX_EN;
    const OPERAND: Field<Self::Multiplier> = dpu::BS_MUL_CFG::BS_MUL_OPERAND;
    const SHIFT: Field<Self::Multiplier> = dpu::BS_MUL_CFG::BS_MUL_SHIFT_VALUE;
    const TRUNCATE_SRC: Field<Self::Multiplier> = dpu::BS_MUL_CFG::BS_TRUNCATE_SRC;
    const MUL_SRC: Field<Self::Multiplier> = dpu::BS_MUL_CFG::BS_MUL_SRC;
    const NEGATIVE_SHIFT: Field<dpu::DATA_FORMAT> = dpu::DATA_FORMAT::BS_MUL_SHIFT_VALUE_NEG;
}

/// The second stage: scale, or rectifier alone.
pub enum Bn {}

impl ScaleStage for Bn {
    type Config = dpu::BN_CFG;
    type Alu = dpu::BN_ALU_CFG;
    type Multiplier = dpu::BN_MUL_CFG;
    type Bound = dpu::BN_RELUX_CMP_VALUE;
    const BYPASS: Field<Self::Config> = dpu::BN_CFG::BN_BYPASS;
    const ALU_BYPASS: Field<Self::Config> = dpu::BN_CFG::BN_ALU_BYPASS;
    const ALU_ALGO: Field<Self::Config> = dpu::BN_CFG::BN_ALU_ALGO;
    const ALU_SRC: Field<Self::Config> = dpu::BN_CFG::BN_ALU_SRC;
    const MUL_BYPASS: Field<Self::Config> = dpu::BN_CFG::BN_MUL_BYPASS;
    const MUL_PRELU: Field<Self::Config> = dpu::BN_CFG::BN_MUL_PRELU;
    const RELU_BYPASS: Field<Self::Config> = dpu::BN_CFG::BN_RELU_BYPASS;
    const RELUX_EN: Field<Self::Config> = dpu::BN_CFG::BN_RELUX_EN;
    const OPERAND: Field<Self::Multiplier> = dpu::BN_MUL_CFG::BN_MUL_OPERAND;
    const SHIFT: Field<Self::Multiplier> = dpu::BN_MUL_CFG::BN_MUL_SHIFT_VALUE;
    const TRUNCATE_SRC: Field<Self::Multiplier> = dpu::BN_MUL_CFG::BN_TRUNCATE_SRC;
    const MUL_SRC: Field<Self::Multiplier> = dpu::BN_MUL_CFG::BN_MUL_SRC;
    const NEGATIVE_SHIFT: Field<dpu::DATA_FORMAT> = dpu::DATA_FORMAT::BN_MUL_SHIFT_VALUE_NEG;
}
