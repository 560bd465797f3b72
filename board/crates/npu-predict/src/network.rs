//! A network as a list of layers: operators and shapes, no times. `network_file` makes one from JSON.

use std::fmt;

use serde::Deserialize;

/// Why a network was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkError {
    /// The text is no JSON of the documented form; names line and column.
    Form(String),
    /// A layer breaks a rule.
    Layer {
        /// Name of the layer.
        layer: String,
        /// Key of the file.
        key: &'static str,
        /// The rule.
        rule: String,
    },
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(what) => write!(f, "network file: {what}"),
            Self::Layer { layer, key, rule } => write!(f, "layer \"{layer}\": {key}: {rule}"),
        }
    }
}

impl std::error::Error for NetworkError {}

/// Element type of features and weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// 8-bit integers; matrix products give 32-bit integers.
    #[default]
    Int8,
    /// Half precision; matrix products give single precision.
    Fp16,
}

impl Dtype {
    /// Bytes of an element.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Int8 => 1,
            Self::Fp16 => 2,
        }
    }

    /// Kernels that the array takes at once, and to which the writer aligns (sheet §12.8).
    pub const fn kernel_group(self) -> u64 {
        match self {
            Self::Int8 => 16,
            Self::Fp16 => 8,
        }
    }
}

/// Height, width, channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cube {
    /// Rows.
    pub height: u64,
    /// Pixels of a row.
    pub width: u64,
    /// Channels.
    pub channels: u64,
}

/// Window of a convolution or a pooling, and what it makes of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// What goes in.
    pub input: Cube,
    /// Kernel rows and columns.
    pub kernel: [u64; 2],
    /// Step in rows and columns.
    pub stride: [u64; 2],
    /// Rows added at the top.
    pub pad_top: u64,
    /// Output rows.
    pub out_height: u64,
    /// Output columns.
    pub out_width: u64,
}

/// What a layer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Dense convolution; `residual`: a tensor of the output's size is added in the same task; `table`: an activation
    /// that needs the look-up table.
    Conv {
        /// Geometry.
        window: Window,
        /// Output channels.
        kernels: u64,
        /// Reads a second operand of the output's size.
        residual: bool,
        /// Loads the look-up table first.
        table: bool,
    },
    /// Depthwise convolution.
    Depthwise {
        /// Geometry.
        window: Window,
        /// Loads the look-up table first.
        table: bool,
    },
    /// `[m,k] x [k,n]` with 32-bit results.
    Matmul {
        /// Rows.
        m: u64,
        /// Inner size.
        k: u64,
        /// Columns.
        n: u64,
    },
    /// Element-wise addition of two tensors.
    Add(Cube),
    /// Maximum or average pooling.
    Pool(Window),
    /// Nearest-neighbour enlargement of rows and columns.
    Upsample(Cube, u64),
    /// An activation by look-up table in a task of its own.
    Activation(Cube),
}

/// One layer, or `count` equal ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Name.
    pub name: String,
    /// Name of the operator, as in the file.
    pub op_name: &'static str,
    /// What it does.
    pub op: Op,
    /// Element type.
    pub dtype: Dtype,
    /// How often.
    pub count: u64,
}

/// A network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Name.
    pub name: String,
    /// Where the shapes come from.
    pub source: String,
    /// Hardware starts of one inference.
    pub starts: u64,
    /// Layers in the order they run.
    pub layers: Vec<Layer>,
}
