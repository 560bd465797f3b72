"""Trains the default model of NPU Lab: a Llama of 1.3 M parameters on stories from `stories.py`.

    python -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python train.py            # about half an hour on two cores

Writes into the folder above: config.json, model.safetensors (bf16), tokenizer.model, calibration.txt, evaluation.txt and
training.json (seed, steps, losses, held-out perplexity). Seeds are fixed; the same machine gives the same bytes.
Architecture and names are those of Hugging Face's LlamaForCausalLM (RMSNorm, half-split RoPE, GQA, SwiGLU, no biases).
"""

import functools
import io
import json
import math
import pathlib
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import sentencepiece
from safetensors.flax import save_file

from stories import stories

OUT = pathlib.Path(__file__).resolve().parent.parent
SEED = 568
STEPS, BATCH, LENGTH, PEAK_LR = 1500, 16, 256, 4e-3
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "vocab_size": 512,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
    "attention_bias": False,
    "mlp_bias": False,
    "hidden_act": "silu",
    "bos_token_id": 1,
    "eos_token_id": 2,
    "torch_dtype": "bfloat16",
}
HEADS, KV, HEAD = CONFIG["num_attention_heads"], CONFIG["num_key_value_heads"], CONFIG["head_dim"]


def tokenizer_of(text: list[str]) -> bytes:
    """Byte-pair vocabulary with byte fallback, as Llama's: identity normalizer, dummy prefix, digits split."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text), model_writer=model, model_type="bpe", vocab_size=CONFIG["vocab_size"],
        byte_fallback=True, split_digits=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
        add_dummy_prefix=True, allow_whitespace_only_pieces=True, character_coverage=1.0, num_threads=1,
        unk_id=0, bos_id=1, eos_id=2, pad_id=-1, minloglevel=1,
    )
    return model.getvalue()


def initial(key: jax.Array) -> dict[str, jax.Array]:
    """Weights by their Hugging Face names, [out, in]."""
    width, inner, vocab = CONFIG["hidden_size"], CONFIG["intermediate_size"], CONFIG["vocab_size"]
    shapes = {"model.embed_tokens.weight": (vocab, width), "lm_head.weight": (vocab, width)}
    for layer in range(CONFIG["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        shapes |= {
            at + "self_attn.q_proj.weight": (HEADS * HEAD, width), at + "self_attn.k_proj.weight": (KV * HEAD, width),
            at + "self_attn.v_proj.weight": (KV * HEAD, width), at + "self_attn.o_proj.weight": (width, HEADS * HEAD),
            at + "mlp.gate_proj.weight": (inner, width), at + "mlp.up_proj.weight": (inner, width),
            at + "mlp.down_proj.weight": (width, inner),
        }
    keys = dict(zip(sorted(shapes), jax.random.split(key, len(shapes))))
    weights = {}
    for name, shape in shapes.items():
        scale = 0.02 if name.startswith(("model.embed", "lm_head")) else 1 / math.sqrt(shape[1])
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            scale /= math.sqrt(2 * CONFIG["num_hidden_layers"])
        weights[name] = scale * jax.random.normal(keys[name], shape)
    for layer in range(CONFIG["num_hidden_layers"]):
        weights[f"model.layers.{layer}.input_layernorm.weight"] = jnp.ones(width)
        weights[f"model.layers.{layer}.post_attention_layernorm.weight"] = jnp.ones(width)
    return weights | {"model.norm.weight": jnp.ones(width)}


def rms_norm(x, weight):
    return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + CONFIG["rms_norm_eps"]) * weight


def rope(x):
    """x: [batch, time, heads, head_dim]; pairs (i, i + head_dim/2)."""
    half = HEAD // 2
    angle = jnp.arange(x.shape[1])[:, None] * CONFIG["rope_theta"] ** (-jnp.arange(half) / half)
    cos, sin = jnp.cos(angle)[:, None, :], jnp.sin(angle)[:, None, :]
    low, high = x[..., :half], x[..., half:]
    return jnp.concatenate([low * cos - high * sin, high * cos + low * sin], -1)


def logits_of(weights, tokens):
    """tokens: [batch, time] -> logits [batch, time, vocab]."""
    batch, length = tokens.shape
    mask = jnp.tril(jnp.ones((length, length), bool))
    x = weights["model.embed_tokens.weight"][tokens]
    for layer in range(CONFIG["num_hidden_layers"]):
        w = functools.partial(lambda at, name: weights[f"{at}{name}.weight"], f"model.layers.{layer}.")
        h = rms_norm(x, w("input_layernorm"))
        q = rope((h @ w("self_attn.q_proj").T).reshape(batch, length, HEADS, HEAD))
        k = rope((h @ w("self_attn.k_proj").T).reshape(batch, length, KV, HEAD))
        v = (h @ w("self_attn.v_proj").T).reshape(batch, length, KV, HEAD)
        k, v = jnp.repeat(k, HEADS // KV, 2), jnp.repeat(v, HEADS // KV, 2)
        scores = jnp.einsum("bthd,bshd->bhts", q, k) / math.sqrt(HEAD)
        mixed = jnp.einsum("bhts,bshd->bthd", jax.nn.softmax(jnp.where(mask, scores, -1e30), -1), v)
        x = x + mixed.reshape(batch, length, HEADS * HEAD) @ w("self_attn.o_proj").T
        h = rms_norm(x, w("post_attention_layernorm"))
        x = x + (jax.nn.silu(h @ w("mlp.gate_proj").T) * (h @ w("mlp.up_proj").T)) @ w("mlp.down_proj").T
    return rms_norm(x, weights["model.norm.weight"]) @ weights["lm_head.weight"].T


def loss_of(weights, tokens):
    """Mean negative log likelihood of every token after the first, in nats."""
    scores = jax.nn.log_softmax(logits_of(weights, tokens[:, :-1]))
    return -jnp.mean(jnp.take_along_axis(scores, tokens[:, 1:, None], -1))


def packed(tokenizer, text: list[str]) -> np.ndarray:
    """Stories joined as <s> story </s> <s> story </s> …, one long row of ids."""
    ids: list[int] = []
    for encoded in tokenizer.encode(text):
        ids += [1, *encoded, 2]
    return np.array(ids, np.int32)


def main():
    train_text, held_out = stories(SEED, 40_000), stories(SEED + 1, 400)
    calibration = stories(SEED + 2, 160)
    model_bytes = tokenizer_of(train_text[:8_000])
    tokenizer = sentencepiece.SentencePieceProcessor(model_proto=model_bytes)
    ids, held = packed(tokenizer, train_text), packed(tokenizer, held_out)
    print(f"{len(ids)} training tokens, {len(held)} held out", flush=True)

    schedule = optax.warmup_cosine_decay_schedule(0, PEAK_LR, 100, STEPS, PEAK_LR / 20)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, b2=0.95, weight_decay=0.1))
    weights = initial(jax.random.key(SEED))
    state = optimizer.init(weights)

    @jax.jit
    def step(weights, state, tokens):
        loss, gradient = jax.value_and_grad(loss_of)(weights, tokens)
        update, state = optimizer.update(gradient, state, weights)
        return optax.apply_updates(weights, update), state, loss

    rng, began, losses = np.random.default_rng(SEED), time.monotonic(), []
    for number in range(STEPS):
        starts = rng.integers(0, len(ids) - LENGTH - 1, BATCH)
        tokens = np.stack([ids[at:at + LENGTH + 1] for at in starts])
        weights, state, loss = step(weights, state, tokens)
        if number % 50 == 0 or number == STEPS - 1:
            losses.append([number, round(float(loss), 4)])
            print(f"step {number}: loss {float(loss):.4f}, {time.monotonic() - began:.0f} s", flush=True)

    stored = {name: value.astype(jnp.bfloat16) for name, value in weights.items()}
    rounded = {name: value.astype(jnp.float32) for name, value in stored.items()}
    windows = held[: len(held) // (LENGTH + 1) * (LENGTH + 1)].reshape(-1, LENGTH + 1)
    perplexity = math.exp(float(np.mean([loss_of(rounded, windows[i:i + 16]) for i in range(0, len(windows) // 16 * 16, 16)])))
    print(f"held-out perplexity of the stored weights: {perplexity:.3f}")

    save_file(stored, OUT / "model.safetensors", metadata={"format": "pt"})
    (OUT / "config.json").write_text(json.dumps(CONFIG, indent=1) + "\n")
    (OUT / "tokenizer.model").write_bytes(model_bytes)
    (OUT / "calibration.txt").write_text("\n".join(calibration) + "\n")
    (OUT / "evaluation.txt").write_text("\n".join(held_out[:120]) + "\n")
    facts = {"seed": SEED, "steps": STEPS, "batch": BATCH, "length": LENGTH, "peakLearningRate": PEAK_LR,
             "trainingTokens": len(ids), "losses": losses, "heldOutPerplexity": round(perplexity, 4)}
    (OUT / "training.json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
