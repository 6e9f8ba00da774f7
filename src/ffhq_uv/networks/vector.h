// As many numbers as one instruction of this machine takes.

#pragma once

#ifdef __AVX512F__
#include <immintrin.h>
constexpr long LANES = 16;
#else
constexpr long LANES = 8;
#endif

typedef float Vector __attribute__((vector_size(LANES * 4)));
typedef float Unaligned __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

static inline Vector load(const float *from) { return *(const Unaligned *)from; }
static inline void store(float *to, Vector value) { *(Unaligned *)to = value; }

static inline float sum(Vector value) {
#ifdef __AVX512F__
  return _mm512_reduce_add_ps(value);
#else
  float total = 0;
  for (long lane = 0; lane < LANES; lane++) total += value[lane];
  return total;
#endif
}
