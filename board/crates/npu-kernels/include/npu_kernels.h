/* C ABI of npu-kernels. Every array is followed by its length in elements, checked against the shape.
   All functions return an npuk code; outputs are unspecified unless it is NPUK_OK. No function throws or aborts. */
#ifndef NPU_KERNELS_H
#define NPU_KERNELS_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

enum {
  NPUK_OK = 0,
  NPUK_POINTER = 1,               /* null or misaligned */
  NPUK_LENGTH = 2,                /* a length does not fit the shape */
  NPUK_OVERLAP = 3,               /* an output overlaps an input */
  NPUK_ARGUMENT = 4,              /* a setting is out of range */
  NPUK_CANCELLED = 5,             /* the flag was raised */
  NPUK_NOT_POSITIVE_DEFINITE = 6, /* the Hessian stayed indefinite */
  NPUK_UNAVAILABLE = 7,           /* no such instruction set here */
  NPUK_INTERNAL = 8               /* a bug: a panic was caught */
};

/* A null npuk_run means one thread, no flag. The flag is polled between blocks, read atomically. */
typedef struct { uint32_t threads; const uint32_t *cancel; } npuk_run;

const char *npuk_version(void);
const char *npuk_isa(void);
int32_t npuk_force_isa(const char *name /* null: detected */);

/* C[m,n] = A[m,k] B[n,k]^T */
int32_t npuk_matmul_f32(const float *a, size_t a_len, const float *b, size_t b_len, float *c, size_t c_len,
                        size_t m, size_t k, size_t n, const npuk_run *run);
int32_t npuk_matmul_int8(const int8_t *a, size_t a_len, const int8_t *b, size_t b_len, int32_t *c, size_t c_len,
                         size_t m, size_t k, size_t n, const npuk_run *run);
/* H[width,width] += X[rows,width]^T X */
int32_t npuk_gram(const float *x, size_t x_len, float *h, size_t h_len, size_t rows, size_t width, const npuk_run *run);
int32_t npuk_gptq_factor(const float *h, size_t h_len, float *factor, size_t factor_len, size_t width,
                         float damp_fraction, float *damp_fraction_used /* may be null */, const npuk_run *run);
/* W consumed; permutation may be null; scales that are 0 are filled */
int32_t npuk_gptq_quantize(float *w, size_t w_len, const float *factor, size_t factor_len, float *scales,
                           size_t scales_len, const int32_t *permutation, size_t permutation_len, int8_t *q,
                           size_t q_len, float *loss, size_t loss_len, size_t rows, size_t width, uint32_t bits,
                           size_t block_size, size_t group_size, const npuk_run *run);

/* out may be an input in npuk_add, npuk_silu_mul, npuk_rms_norm */
int32_t npuk_add(const float *a, size_t a_len, const float *b, size_t b_len, float *out, size_t out_len,
                 const npuk_run *run);
int32_t npuk_silu_mul(const float *gate, size_t gate_len, const float *up, size_t up_len, float *out, size_t out_len,
                      const npuk_run *run);
int32_t npuk_rms_norm(const float *x, size_t x_len, const float *w, size_t w_len, float *out, size_t out_len,
                      size_t rows, size_t width, float eps, const npuk_run *run);
int32_t npuk_softmax_rows(float *x, size_t x_len, size_t rows, size_t width, const npuk_run *run);
int32_t npuk_rope(float *x, size_t x_len, size_t rows, size_t heads, size_t head_dim, size_t first_position,
                  float theta, const npuk_run *run);
int32_t npuk_attention(const float *q, size_t q_len, const float *k, size_t k_len, const float *v, size_t v_len,
                       float *out, size_t out_len, size_t rows, size_t heads, size_t kv_heads, size_t head_dim,
                       size_t first_position, const npuk_run *run);

int32_t npuk_quantize_rows_int8(const float *x, size_t x_len, int8_t *q, size_t q_len, float *scales,
                                size_t scales_len, size_t rows, size_t width, const npuk_run *run);
int32_t npuk_dequantize(const int32_t *acc, size_t acc_len, const float *row_scales, size_t row_scales_len,
                        const float *column_scales, size_t column_scales_len, float *out, size_t out_len, size_t rows,
                        size_t columns, const npuk_run *run);

int32_t npuk_bf16_to_f32(const uint16_t *x, size_t x_len, float *out, size_t out_len, const npuk_run *run);
int32_t npuk_f16_to_f32(const uint16_t *x, size_t x_len, float *out, size_t out_len, const npuk_run *run);
int32_t npuk_f32_to_f16(const float *x, size_t x_len, uint16_t *out, size_t out_len, const npuk_run *run);
int32_t npuk_f32_to_bf16(const float *x, size_t x_len, uint16_t *out, size_t out_len, const npuk_run *run);

int32_t npuk_nll_rows(const float *logits, size_t logits_len, const int32_t *targets, size_t targets_len, float *out,
                      size_t out_len, size_t rows, size_t width, const npuk_run *run);
int32_t npuk_kl_rows(const float *p, size_t p_len, const float *q, size_t q_len, float *out, size_t out_len,
                     size_t rows, size_t width, const npuk_run *run);
int32_t npuk_argmax_rows(const float *logits, size_t logits_len, int32_t *out, size_t out_len, size_t rows,
                         size_t width, const npuk_run *run);

#ifdef __cplusplus
}
#endif
#endif
