// A model folder of TinyLlama's shape with random int8 weights: its text is nonsense, its sizes and times are those of the
// real one. The tokenizer is the default model's, whose ids are all below 32 000.
import { closeSync, copyFileSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const shape = { hidden: 2048, intermediate: 5632, layers: 22, keyValue: 256, vocabulary: 32000 };

const config = {
  architectures: ['LlamaForCausalLM'],
  bos_token_id: 1,
  eos_token_id: 2,
  hidden_act: 'silu',
  hidden_size: shape.hidden,
  intermediate_size: shape.intermediate,
  max_position_embeddings: 2048,
  model_type: 'llama',
  num_attention_heads: 32,
  num_hidden_layers: shape.layers,
  num_key_value_heads: 4,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: false,
  vocab_size: shape.vocabulary,
};

/** [name, rows, columns] of the products; stored as int8 with a scale per row. */
function linears() {
  const { hidden, intermediate, keyValue, layers, vocabulary } = shape;
  const layer = [
    ['self_attn.q_proj', hidden, hidden],
    ['self_attn.k_proj', keyValue, hidden],
    ['self_attn.v_proj', keyValue, hidden],
    ['self_attn.o_proj', hidden, hidden],
    ['mlp.gate_proj', intermediate, hidden],
    ['mlp.up_proj', intermediate, hidden],
    ['mlp.down_proj', hidden, intermediate],
  ];
  return [
    ...Array.from({ length: layers }, (_, at) =>
      layer.map(([name, n, k]) => [`model.layers.${at}.${name}`, n, k]),
    ).flat(),
    ['lm_head', vocabulary, hidden],
  ];
}

/** [name, elements] of what stays float. */
function floats() {
  const norms = Array.from({ length: shape.layers }, (_, at) =>
    ['input_layernorm', 'post_attention_layernorm'].map((name) => [`model.layers.${at}.${name}.weight`, shape.hidden]),
  ).flat();
  return [['model.embed_tokens.weight', shape.vocabulary, shape.hidden], ...norms, ['model.norm.weight', shape.hidden]];
}

const count = (dimensions) => dimensions.reduce((product, one) => product * one, 1);

/** xorshift32, so that two runs write the same bytes. */
function randomBytes(length) {
  const words = new Int32Array(length / 4);
  let state = 0x2545f491;
  for (let at = 0; at < words.length; at += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return Buffer.from(words.buffer);
}

/** Writes the three files of the model (1.2 GB) into `folder`. `tokenizer` is a path. */
export function writeSyntheticTinyLlama(folder, tokenizer) {
  const random = randomBytes(1 << 24);
  const ones = (elements, format) => Buffer.alloc(elements * format.length, format);
  const bf16One = Buffer.from([0x80, 0x3f]);
  // Weights of about unit length per row keep the activations where real ones are.
  const scale = Buffer.from(new Float32Array([1 / (74 * Math.sqrt(shape.hidden))]).buffer);
  const tensors = [
    ...linears().map(([name, rows]) => [`${name}.weight_scale`, 'F32', [rows, 1], () => ones(rows, scale)]),
    ...floats().map(([name, ...dimensions]) => [name, 'BF16', dimensions, () => ones(count(dimensions), bf16One)]),
    ...linears().map(([name, ...dimensions]) => [`${name}.weight`, 'I8', dimensions, null]),
  ];
  const bytesOf = { F32: 4, BF16: 2, I8: 1 };
  const header = {};
  let offset = 0;
  for (const [name, dtype, dimensions] of tensors) {
    const end = offset + count(dimensions) * bytesOf[dtype];
    header[name] = { dtype, shape: dimensions, data_offsets: [offset, end] };
    offset = end;
  }
  const text = JSON.stringify(header);
  const json = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const file = openSync(join(folder, 'model.safetensors'), 'w');
  try {
    writeSync(file, length);
    writeSync(file, json);
    for (const [, , dimensions, bytes] of tensors) {
      if (bytes !== null) writeSync(file, bytes());
      else
        for (let left = count(dimensions); left > 0; left -= random.length)
          writeSync(file, random, 0, Math.min(left, random.length));
    }
  } finally {
    closeSync(file);
  }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  copyFileSync(tokenizer, join(folder, 'tokenizer.model'));
}
