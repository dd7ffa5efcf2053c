// Loops over a few numbers side by side that Swift's own vectors don't turn into one instruction
// each. On processors without SSE2 the same in plain loops.
#pragma once
#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

// A number for each price cap that blocks keep bounds for; SIMD16<Float> in Swift, whose own masks of
// so many lanes come apart into single numbers.
typedef float lanes __attribute__((ext_vector_type(16)));

// Lane by lane the greater.
static inline lanes greater_lanes(lanes one, lanes other) { return one > other ? one : other; }

// Whether any lane is greater than the other's.
static inline int any_is_above(lanes one, lanes other) { return __builtin_reduce_or(one > other) != 0; }

// What a miner comes to at each cap: `rest` less its price's share, or `nothing` where the price is
// above the lane's limit; `ranked` in the last lane, where ranks count instead of caps.
static inline lanes linear_lanes(lanes inverse_caps, lanes limits, float price, float price_share,
                                 float rest, float ranked, float nothing) {
  lanes parts = price > limits ? (lanes)nothing : rest - price_share * price * inverse_caps;
  parts.sf = ranked;
  return parts;
}

// Asks for the cache line at `address`, without waiting for it.
static inline void prefetch(const void *address) { __builtin_prefetch(address); }

// out[i] = low[i] + blend * (other[i] - low[i]) + rise for the first `count` of 64, -1 for the rest.
static inline void blend_rows(const float *low, const float *other, float blend, float rise,
                              int count, float *out) {
  int i = 0;
#ifdef __SSE2__
  __m128 blends = _mm_set1_ps(blend), rises = _mm_set1_ps(rise);
  for (; i + 4 <= count; i += 4) {
    __m128 from = _mm_loadu_ps(low + i);
    __m128 step = _mm_mul_ps(blends, _mm_sub_ps(_mm_loadu_ps(other + i), from));
    _mm_storeu_ps(out + i, _mm_add_ps(_mm_add_ps(from, step), rises));
  }
#endif
  for (; i < count; i++) out[i] = low[i] + blend * (other[i] - low[i]) + rise;
  for (; i < 64; i++) out[i] = -1;
}

// One bit for each of 64 numbers: whether it is at least `least`.
static inline uint64_t at_least(const float *values, float least) {
  uint64_t bits = 0;
#ifdef __SSE2__
  __m128 bound = _mm_set1_ps(least);
  for (int i = 0; i < 64; i += 4) {
    uint64_t four = (uint64_t)_mm_movemask_ps(_mm_cmpge_ps(_mm_loadu_ps(values + i), bound));
    bits |= four << i;
  }
#else
  for (int i = 0; i < 64; i++) bits |= (uint64_t)(values[i] >= least) << i;
#endif
  return bits;
}

// The greatest of 64 numbers.
static inline float greatest(const float *values) {
#ifdef __SSE2__
  __m128 best = _mm_loadu_ps(values);
  for (int i = 4; i < 64; i += 4) best = _mm_max_ps(best, _mm_loadu_ps(values + i));
  best = _mm_max_ps(best, _mm_shuffle_ps(best, best, _MM_SHUFFLE(1, 0, 3, 2)));
  best = _mm_max_ps(best, _mm_shuffle_ps(best, best, _MM_SHUFFLE(2, 3, 0, 1)));
  return _mm_cvtss_f32(best);
#else
  float best = values[0];
  for (int i = 1; i < 64; i++) best = values[i] > best ? values[i] : best;
  return best;
#endif
}

// One bit for each of 64 numbers below 32,768: whether it is at least `least`.
static inline uint64_t at_least_16(const uint16_t *values, uint16_t least) {
  uint64_t bits = 0;
#ifdef __SSE2__
  __m128i bound = _mm_set1_epi16((short)(least - 1));
  for (int i = 0; i < 64; i += 16) {
    __m128i first = _mm_cmpgt_epi16(_mm_loadu_si128((const __m128i *)(values + i)), bound);
    __m128i second = _mm_cmpgt_epi16(_mm_loadu_si128((const __m128i *)(values + i + 8)), bound);
    bits |= (uint64_t)_mm_movemask_epi8(_mm_packs_epi16(first, second)) << i;
  }
#else
  for (int i = 0; i < 64; i++) bits |= (uint64_t)(values[i] >= least) << i;
#endif
  return bits;
}

// into[i] = words[i] for the first `count`.
static inline void copy_words(uint64_t *into, const uint64_t *words, int count) {
  for (int i = 0; i < count; i++) into[i] = words[i];
}

// into[i] &= words[i] for the first `count`.
static inline void and_words(uint64_t *into, const uint64_t *words, int count) {
  for (int i = 0; i < count; i++) into[i] &= words[i];
}

// into[i] |= words[i] for the first `count`.
static inline void or_words(uint64_t *into, const uint64_t *words, int count) {
  for (int i = 0; i < count; i++) into[i] |= words[i];
}

// bounds[i] = -1 where masks[i] is empty, for the first `count`.
static inline void drop_empty(float *bounds, const uint64_t *masks, int count) {
  for (int i = 0; i < count; i++) bounds[i] = masks[i] ? bounds[i] : -1;
}

// One bit for each of the first `count` of 64 pairs of words: whether they have a bit in common.
static inline uint64_t meeting(const uint64_t *one, const uint64_t *other, int count) {
  uint64_t bits = 0;
  for (int i = 0; i < count; i++) bits |= (uint64_t)((one[i] & other[i]) != 0) << i;
  return bits;
}
