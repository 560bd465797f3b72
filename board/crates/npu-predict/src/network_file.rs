//! Reads and checks NETWORK.json (docs/boards/network-files.md). Unknown keys are errors: a misspelt `stride` would otherwise be a
//! wrong prediction. Knows the chip's limits on shapes (sheet §4.5).

use serde::Deserialize;

use crate::network::{Cube, Dtype, Layer, Network, NetworkError, Op, Window};

/// Widest and highest input of a convolution: 11-bit fields.
const MOST_PIXELS_CNA: u64 = 2047;
/// Widest and highest input of everything else: 13-bit fields.
const MOST_PIXELS: u64 = 8191;
const MOST_CHANNELS: u64 = 8192;
const MOST_K: u64 = 10_240;
const MOST_MATRIX: u64 = 1 << 20;
const MOST_LAYERS: usize = 2000;
const MOST_REPEATS: u64 = 10_000;

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
