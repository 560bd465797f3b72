//! A network as a list of layers, checked. Knows operators, shapes and the chip's limits on them (sheet §4.5), no times.
//!
//! The JSON form is in docs/boards/network-files.md. Unknown keys are errors: a misspelt `stride` would otherwise be a wrong prediction.

use std::fmt;

use serde::Deserialize;

/// Widest and highest input of a convolution: 11-bit fields.
const MOST_PIXELS_CNA: u64 = 2047;
/// Widest and highest input of everything else: 13-bit fields.
const MOST_PIXELS: u64 = 8191;
const MOST_CHANNELS: u64 = 8192;
const MOST_K: u64 = 10_240;
const MOST_MATRIX: u64 = 1 << 20;
const MOST_LAYERS: usize = 2000;
const MOST_REPEATS: u64 = 10_000;

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with name and layers")]
struct RawNetwork {
    name: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    dtype: Dtype,
    #[serde(default = "one")]
    starts: u64,
    layers: Vec<RawLayer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a layer, an object with name and op")]
struct RawLayer {
    name: String,
    op: String,
    input: Option<[u64; 3]>,
    kernels: Option<u64>,
    kernel: Option<[u64; 2]>,
    stride: Option<[u64; 2]>,
    padding: Option<[u64; 4]>,
    factor: Option<u64>,
    m: Option<u64>,
    k: Option<u64>,
    n: Option<u64>,
    activation: Option<String>,
    residual: Option<bool>,
    dtype: Option<Dtype>,
    #[serde(default = "one")]
    count: u64,
}

const fn one() -> u64 {
    1
}

impl Network {
    /// Reads and checks a network file.
    pub fn from_json(text: &str) -> Result<Self, NetworkError> {
        let raw: RawNetwork = serde_json::from_str(text).map_err(|error| NetworkError::Form(error.to_string()))?;
        if raw.layers.is_empty() || raw.layers.len() > MOST_LAYERS {
            return Err(NetworkError::Form(format!("1 to {MOST_LAYERS} layers")));
        }
        printable("name", &raw.name)?;
        printable("source", &raw.source)?;
        for layer in &raw.layers {
            printable("name of a layer", &layer.name)?;
        }
        if !(1..=1_000_000).contains(&raw.starts) {
            return Err(NetworkError::Form("starts: 1 to 1000000".into()));
        }
        let dtype = raw.dtype;
        let layers = raw.layers.iter().map(|layer| layer.check(dtype));
        Ok(Self {
            layers: layers.collect::<Result<_, _>>()?,
            name: raw.name,
            source: raw.source,
            starts: raw.starts,
        })
    }
}

/// Names are printed: what would move a cursor or break a table is no name.
fn printable(what: &str, text: &str) -> Result<(), NetworkError> {
    match text.chars().find(|letter| letter.is_control()) {
        None => Ok(()),
        Some(letter) => Err(NetworkError::Form(format!("{what}: {letter:?} is no letter of a name"))),
    }
}

impl RawLayer {
    fn check(&self, dtype: Dtype) -> Result<Layer, NetworkError> {
        let (op_name, op, keys) = match self.op.as_str() {
            "conv" => (
                "conv",
                self.conv()?,
                "input kernels kernel stride padding activation residual",
            ),
            "depthwise" => ("depthwise", self.depthwise()?, "input kernel stride padding activation"),
            "matmul" => ("matmul", self.matmul()?, "m k n"),
            "add" => ("add", Op::Add(self.cube(MOST_PIXELS)?), "input"),
            "maxpool" => ("maxpool", self.pool()?, "input kernel stride padding"),
            "avgpool" => ("avgpool", self.pool()?, "input kernel stride padding"),
            "upsample" => {
                let factor = self.within("factor", self.factor, 1..=8)?;
                (
                    "upsample",
                    Op::Upsample(self.cube(MOST_PIXELS)?, factor),
                    "input factor",
                )
            }
            "activation" => ("activation", Op::Activation(self.cube(MOST_PIXELS)?), "input"),
            _ => {
                return self.refuse(
                    "op",
                    "one of conv, depthwise, matmul, add, maxpool, avgpool, upsample, activation",
                );
            }
        };
        if let Some(key) = self
            .present()
            .into_iter()
            .find(|key| !keys.split(' ').any(|known| known == *key))
        {
            return self.refuse(key, &format!("not a key of {op_name}, which has {keys}"));
        }
        Ok(Layer {
            name: self.name.clone(),
            op_name,
            op,
            dtype: self.dtype.unwrap_or(dtype),
            count: self.within("count", Some(self.count), 1..=MOST_REPEATS)?,
        })
    }

    fn present(&self) -> Vec<&'static str> {
        [
            ("input", self.input.is_some()),
            ("kernels", self.kernels.is_some()),
            ("kernel", self.kernel.is_some()),
            ("stride", self.stride.is_some()),
            ("padding", self.padding.is_some()),
            ("factor", self.factor.is_some()),
            ("m", self.m.is_some()),
            ("k", self.k.is_some()),
            ("n", self.n.is_some()),
            ("activation", self.activation.is_some()),
            ("residual", self.residual.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, present)| present.then_some(key))
        .collect()
    }

    fn refuse<T>(&self, key: &'static str, rule: &str) -> Result<T, NetworkError> {
        Err(NetworkError::Layer {
            layer: self.name.clone(),
            key,
            rule: rule.into(),
        })
    }

    fn within(
        &self,
        key: &'static str,
        value: Option<u64>,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, NetworkError> {
        match value {
            Some(value) if range.contains(&value) => Ok(value),
            Some(value) => self.refuse(key, &format!("{value} is not {} to {}", range.start(), range.end())),
            None => self.refuse(key, "is missing"),
        }
    }

    fn cube(&self, most_pixels: u64) -> Result<Cube, NetworkError> {
        let [height, width, channels] = match self.input {
            Some(input) => input,
            None => return self.refuse("input", "is missing: [height, width, channels]"),
        };
        Ok(Cube {
            height: self.within("input", Some(height), 1..=most_pixels)?,
            width: self.within("input", Some(width), 1..=most_pixels)?,
            channels: self.within("input", Some(channels), 1..=MOST_CHANNELS)?,
        })
    }

    fn window(&self, most_pixels: u64, most_kernel: u64, most_stride: u64) -> Result<Window, NetworkError> {
        let input = self.cube(most_pixels)?;
        let pair = |key, values: [u64; 2], most| -> Result<[u64; 2], NetworkError> {
            Ok([
                self.within(key, Some(values[0]), 1..=most)?,
                self.within(key, Some(values[1]), 1..=most)?,
            ])
        };
        let Some(kernel) = self.kernel else {
            return self.refuse("kernel", "is missing: [rows, columns]");
        };
        let kernel = pair("kernel", kernel, most_kernel)?;
        let stride = pair("stride", self.stride.unwrap_or([1, 1]), most_stride)?;
        let padding = self.padding.unwrap_or([0; 4]);
        for side in padding {
            self.within("padding", Some(side), 0..=15)?;
        }
        let [top, left, bottom, right] = padding;
        let padded = [input.height + top + bottom, input.width + left + right];
        if padded[0] < kernel[0] || padded[1] < kernel[1] {
            return self.refuse("kernel", "larger than the padded input");
        }
        Ok(Window {
            input,
            kernel,
            stride,
            pad_top: top,
            out_height: (padded[0] - kernel[0]) / stride[0] + 1,
            out_width: (padded[1] - kernel[1]) / stride[1] + 1,
        })
    }

    fn table(&self) -> Result<bool, NetworkError> {
        match self.activation.as_deref().unwrap_or("none") {
            "none" | "relu" | "relu6" => Ok(false),
            "silu" | "sigmoid" | "tanh" | "gelu" => Ok(true),
            _ => self.refuse("activation", "one of none, relu, relu6, silu, sigmoid, tanh, gelu"),
        }
    }

    fn conv(&self) -> Result<Op, NetworkError> {
        Ok(Op::Conv {
            window: self.window(MOST_PIXELS_CNA, 31, 7)?,
            kernels: self.within("kernels", self.kernels, 1..=MOST_CHANNELS)?,
            residual: self.residual.unwrap_or(false),
            table: self.table()?,
        })
    }

    fn depthwise(&self) -> Result<Op, NetworkError> {
        Ok(Op::Depthwise {
            window: self.window(MOST_PIXELS_CNA, 8, 7)?,
            table: self.table()?,
        })
    }

    fn pool(&self) -> Result<Op, NetworkError> {
        let window = self.window(MOST_PIXELS, 7, 8)?;
        if window.stride[0] > window.kernel[0] || window.stride[1] > window.kernel[1] {
            return self.refuse(
                "stride",
                "larger than the kernel, which hangs the pooling unit (erratum 26)",
            );
        }
        Ok(Op::Pool(window))
    }

    fn matmul(&self) -> Result<Op, NetworkError> {
        Ok(Op::Matmul {
            m: self.within("m", self.m, 1..=MOST_MATRIX)?,
            k: self.within("k", self.k, 1..=MOST_K)?,
            n: self.within("n", self.n, 1..=MOST_MATRIX)?,
        })
    }
}
