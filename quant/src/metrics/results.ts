// Knows what the metrics report and by which convention. Refuses to know how they are computed.
// Surprise: perplexity here is per *token*; word perplexity (lm-eval "wikitext") is a different, larger number.

/** Result of {@link evaluate}. Convention: windows of `windowTokens` = BOS + text tokens, no overlap; every text token is predicted once. */
export interface Evaluation {
  /** exp(mean negative log-likelihood per predicted token). */
  readonly perplexity: number;
  /** Mean negative log-likelihood in nats per token. */
  readonly nll: number;
  /** Predicted tokens. */
  readonly tokens: number;
  /** Window length used, BOS included. */
  readonly windowTokens: number;
  /** Arithmetic used. */
  readonly activations: 'float' | 'int8';
  /** Mean KL(reference ‖ model) in nats per token; null without a reference. */
  readonly klToReference: number | null;
  /** Largest KL of one token; null without a reference. */
  readonly klMax: number | null;
  /** Fraction of tokens where model and reference rank the same token first; null without a reference. */
  readonly top1Agreement: number | null;
}

/** Error of one operator, quantized against float. */
export interface LayerError {
  readonly operator: string;
  /** Decoder layer; −1 outside the layers. */
  readonly layer: number;
  /** Cosine of outputs, errors of everything before included ("entire"). */
  readonly entireCosine: number;
  /** ‖quantized − float‖ / ‖float‖, errors of everything before included. */
  readonly entireRelativeL2: number;
  /** Cosine where the operator alone is quantized and fed the float input ("single"); null for operators without weights. */
  readonly singleCosine: number | null;
  /** Relative L2 error of the operator alone; null for operators without weights. */
  readonly singleRelativeL2: number | null;
}
