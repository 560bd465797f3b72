//! config.json of a Hugging Face Llama model, checked.
//!
//! Knows which keys change the arithmetic. A key that would change it in a way this crate does not compute is an
//! error, never ignored. Surprising: `rope_theta` may also stand in `rope_parameters`, where newer writers put it.

use serde::Deserialize;
use serde_json::Value;

use crate::ModelError;

/// Sizes and constants of a Llama model.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Width of the residual stream.
    pub hidden: u32,
    /// Width of the gated MLP.
    pub intermediate: u32,
    /// Decoder layers.
    pub layers: u32,
    /// Query heads.
    pub heads: u32,
    /// Key and value heads; divides `heads`.
    pub kv_heads: u32,
    /// Width of a head, even.
    pub head_dim: u32,
    /// Tokens.
    pub vocabulary: u32,
    /// Longest context.
    pub positions: u32,
    /// Added to the mean square before the root.
    pub rms_epsilon: f32,
    /// Base of the rotary frequencies.
    pub rope_theta: f32,
    /// True where the embedding table is also the output layer.
    pub tied: bool,
}

/// The keys this crate looks at. `Value` where a foreign shape must become a named error.
#[derive(Deserialize)]
struct Raw {
    architectures: Option<Vec<String>>,
    hidden_size: Option<u64>,
    intermediate_size: Option<u64>,
    num_hidden_layers: Option<u64>,
    num_attention_heads: Option<u64>,
    num_key_value_heads: Option<u64>,
    head_dim: Option<u64>,
    vocab_size: Option<u64>,
    max_position_embeddings: Option<u64>,
    rms_norm_eps: Option<f64>,
    rope_theta: Option<f64>,
    rope_parameters: Option<Value>,
    rope_scaling: Option<Value>,
    hidden_act: Option<String>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    tie_word_embeddings: Option<bool>,
    quantization_config: Option<Value>,
}

/// Larger files are no configuration.
const MAX_BYTES: usize = 1 << 20;

impl Config {
    /// Reads and checks config.json.
    ///
    /// # Errors
    /// `corrupt` where it is no JSON or a number is missing or out of range, `unsupported` where it is another model.
    pub fn parse(json: &[u8]) -> Result<Self, ModelError> {
        if json.len() > MAX_BYTES {
            return Err(corrupt(format!("{} bytes, at most {MAX_BYTES} expected", json.len())));
        }
        let raw: Raw = serde_json::from_slice(json).map_err(|error| corrupt(error.to_string()))?;
        raw.check_architecture()?;
        let heads = size("num_attention_heads", raw.num_attention_heads, 1 << 12)?;
        let hidden = size("hidden_size", raw.hidden_size, 1 << 17)?;
        let head_dim = match raw.head_dim {
            None if !hidden.is_multiple_of(heads) => {
                return Err(corrupt(format!(
                    "hidden_size {hidden} is not a multiple of {heads} heads"
                )));
            }
            None => hidden / heads,
            given => size("head_dim", given, 1 << 12)?,
        };
        let config = Self {
            hidden,
            intermediate: size("intermediate_size", raw.intermediate_size, 1 << 18)?,
            layers: size("num_hidden_layers", raw.num_hidden_layers, 1 << 10)?,
            heads,
            kv_heads: size(
                "num_key_value_heads",
                raw.num_key_value_heads.or(raw.num_attention_heads),
                1 << 12,
            )?,
            head_dim,
            vocabulary: size("vocab_size", raw.vocab_size, 1 << 22)?,
            positions: size("max_position_embeddings", raw.max_position_embeddings, 1 << 20)?,
            rms_epsilon: positive("rms_norm_eps", raw.rms_norm_eps.unwrap_or(1e-6))?,
            rope_theta: positive("rope_theta", raw.theta()?)?,
            tied: raw.tie_word_embeddings.unwrap_or(false),
        };
        if !config.heads.is_multiple_of(config.kv_heads) {
            return Err(corrupt(format!(
                "{} heads are no multiple of {} KV heads",
                config.heads, config.kv_heads
            )));
        }
        if !config.head_dim.is_multiple_of(2) {
            return Err(corrupt(format!("head_dim {} is odd", config.head_dim)));
        }
        if u64::from(config.heads) * u64::from(config.head_dim) > 1 << 18 {
            return Err(corrupt(format!(
                "{} heads of {} are too wide",
                config.heads, config.head_dim
            )));
        }
        Ok(config)
    }

    /// Values of one row of the key (or value) cache of one layer.
    pub(crate) fn kv_width(&self) -> usize {
        self.kv_heads as usize * self.head_dim as usize
    }
}

impl Raw {
    fn check_architecture(&self) -> Result<(), ModelError> {
        let named = self
            .architectures
            .as_ref()
            .is_some_and(|names| names.iter().any(|n| n == "LlamaForCausalLM"));
        let other = |what: String| Err(ModelError::Unsupported(format!("config.json: {what}")));
        if !named {
            return other(format!(
                "architectures is {:?}; LlamaForCausalLM is needed",
                self.architectures
            ));
        }
        if let Some(act) = self
            .hidden_act
            .as_deref()
            .filter(|&act| act != "silu" && act != "swish")
        {
            return other(format!("hidden_act {act:?}; silu is needed"));
        }
        if self.attention_bias == Some(true) || self.mlp_bias == Some(true) {
            return other("layers with biases".into());
        }
        if let Some(scaling) = self.rope_scaling.as_ref().filter(|value| !value.is_null()) {
            return other(format!("rope_scaling {scaling}"));
        }
        let Some(quantization) = self.quantization_config.as_ref().filter(|value| !value.is_null()) else {
            return Ok(());
        };
        check_quantization(quantization).or_else(other)
    }

    fn theta(&self) -> Result<f64, ModelError> {
        let inner = self.rope_parameters.as_ref().filter(|value| !value.is_null());
        if let Some(kind) = inner
            .and_then(|value| value.get("rope_type"))
            .filter(|kind| *kind != "default")
        {
            return Err(ModelError::Unsupported(format!("config.json: rope_type {kind}")));
        }
        let inner = inner.and_then(|value| value.get("rope_theta")).and_then(Value::as_f64);
        Ok(self.rope_theta.or(inner).unwrap_or(10_000.0))
    }
}

/// compressed-tensors "int-quantized", 8-bit symmetric channel weights, 8-bit dynamic token activations.
fn check_quantization(value: &Value) -> Result<(), String> {
    let expect = |at: &Value, place: &str, key: &str, want: Value| match at.get(key) {
        Some(found) if *found == want => Ok(()),
        found => Err(format!(
            "quantization_config {place}{key} is {found:?}; {want} is needed"
        )),
    };
    expect(value, "", "quant_method", "compressed-tensors".into())?;
    expect(value, "", "format", "int-quantized".into())?;
    let groups = value.get("config_groups").and_then(Value::as_object);
    let groups = groups.ok_or("quantization_config has no config_groups")?;
    for (name, group) in groups {
        let (weights, activations) = (&group["weights"], &group["input_activations"]);
        let place = format!("{name}.weights.");
        expect(weights, &place, "num_bits", 8.into())?;
        expect(weights, &place, "type", "int".into())?;
        expect(weights, &place, "symmetric", true.into())?;
        expect(weights, &place, "strategy", "channel".into())?;
        if !activations.is_null() {
            let place = format!("{name}.input_activations.");
            expect(activations, &place, "num_bits", 8.into())?;
            expect(activations, &place, "dynamic", true.into())?;
            expect(activations, &place, "strategy", "token".into())?;
        }
    }
    Ok(())
}

fn size(key: &str, value: Option<u64>, most: u64) -> Result<u32, ModelError> {
    match value {
        Some(value) if (1..=most).contains(&value) => Ok(value as u32),
        Some(value) => Err(corrupt(format!("{key} is {value}; 1 to {most} is expected"))),
        None => Err(corrupt(format!("{key} is missing"))),
    }
}

fn positive(key: &str, value: f64) -> Result<f32, ModelError> {
    let value = value as f32;
    if value.is_finite() && value > 0.0 {
        Ok(value)
    } else {
        Err(corrupt(format!("{key} must be positive")))
    }
}

fn corrupt(what: String) -> ModelError {
    ModelError::Corrupt(format!("config.json: {what}"))
}

#[cfg(test)]
impl Config {
    /// Two layers, four query and two KV heads of 8.
    pub(crate) fn for_tests() -> Self {
        Self {
            hidden: 32,
            intermediate: 48,
            layers: 2,
            heads: 4,
            kv_heads: 2,
            head_dim: 8,
            vocabulary: 300,
            positions: 64,
            rms_epsilon: 1e-5,
            rope_theta: 10_000.0,
            tied: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(change: impl Fn(&mut Value)) -> Result<Config, ModelError> {
        let mut value = json!({
            "architectures": ["LlamaForCausalLM"], "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 300, "max_position_embeddings": 64,
            "rms_norm_eps": 1e-5, "torch_dtype": "bfloat16",
        });
        change(&mut value);
        Config::parse(value.to_string().as_bytes())
    }

    fn code(change: impl Fn(&mut Value)) -> &'static str {
        with(change).unwrap_err().code()
    }

    #[test]
    fn defaults_are_those_of_the_file_format() {
        assert_eq!(with(|_| ()).unwrap(), Config::for_tests());
        assert_eq!(
            with(|v| v["rope_parameters"] = json!({"rope_theta": 5e5}))
                .unwrap()
                .rope_theta,
            5e5
        );
        assert_eq!(with(|v| v["num_key_value_heads"] = Value::Null).unwrap().kv_heads, 4);
    }

    #[test]
    fn another_model_is_unsupported_and_never_run_as_llama() {
        assert_eq!(
            code(|v| v["architectures"] = json!(["Qwen2ForCausalLM"])),
            "unsupported"
        );
        assert_eq!(code(|v| v["hidden_act"] = "gelu".into()), "unsupported");
        assert_eq!(code(|v| v["attention_bias"] = true.into()), "unsupported");
        assert_eq!(
            code(|v| v["rope_scaling"] = json!({"type": "linear", "factor": 2.0})),
            "unsupported"
        );
        assert_eq!(
            code(|v| v["quantization_config"] = json!({"quant_method": "gptq"})),
            "unsupported"
        );
    }

    #[test]
    fn only_the_int8_scheme_the_device_computes_is_accepted() {
        let scheme = |bits: u32, strategy: &str| {
            json!({"quant_method": "compressed-tensors", "format": "int-quantized", "config_groups": {"group_0": {
                "weights": {"num_bits": bits, "type": "int", "symmetric": true, "strategy": "channel"},
                "input_activations": {"num_bits": 8, "dynamic": true, "strategy": strategy}}}})
        };
        assert!(with(|v| v["quantization_config"] = scheme(8, "token")).is_ok());
        assert_eq!(code(|v| v["quantization_config"] = scheme(4, "token")), "unsupported");
        assert_eq!(code(|v| v["quantization_config"] = scheme(8, "tensor")), "unsupported");
    }

    #[test]
    fn numbers_out_of_range_are_corrupt() {
        for key in [
            "hidden_size",
            "num_hidden_layers",
            "vocab_size",
            "num_attention_heads",
            "intermediate_size",
        ] {
            assert_eq!(code(|v| v[key] = 0.into()), "corrupt", "{key} = 0");
            assert_eq!(code(|v| v[key] = u64::MAX.into()), "corrupt", "{key} = 2^64 - 1");
            assert_eq!(code(|v| v[key] = Value::Null), "corrupt", "{key} missing");
        }
        assert_eq!(code(|v| v["num_key_value_heads"] = 3.into()), "corrupt");
        assert_eq!(code(|v| v["head_dim"] = 7.into()), "corrupt");
        assert_eq!(code(|v| v["rms_norm_eps"] = 0.into()), "corrupt");
        assert_eq!(code(|v| v["hidden_size"] = 34.into()), "corrupt");
    }
}
