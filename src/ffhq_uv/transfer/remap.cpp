// A map through a map of coordinates, bicubically. Weights are whole numbers and sums stay below 2^24, so floats hold
// them exactly: every machine gives the same bytes, which are those of `_remap` in resampling.py.

#include <cstdint>
#include <cstring>

#ifdef __AVX2__
#include <immintrin.h>

// Two texels as eight numbers.
static inline __m256 numbers(const uint8_t *at) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)at)));
}

static inline void texel(const uint8_t *at, long row, const float *weights, uint8_t *out) {
  __m256 left = _mm256_setzero_ps(), right = left;
  for (long y = 0; y < 4; y++, at += row, weights += 16) {
    left = _mm256_add_ps(left, _mm256_mul_ps(numbers(at), _mm256_loadu_ps(weights)));
    right = _mm256_add_ps(right, _mm256_mul_ps(numbers(at + 8), _mm256_loadu_ps(weights + 8)));
  }
  const __m256 two = _mm256_add_ps(left, right);
  const __m128 sum = _mm_add_ps(_mm256_castps256_ps128(two), _mm256_extractf128_ps(two, 1));
  const __m128i value = _mm_srai_epi32(_mm_add_epi32(_mm_cvttps_epi32(sum), _mm_set1_epi32(1 << 14)), 15);
  const int rgb = _mm_cvtsi128_si32(_mm_packus_epi16(_mm_packs_epi32(value, value), value));
  std::memcpy(out, &rgb, 4);
}
#else
static inline void texel(const uint8_t *at, long row, const float *weights, uint8_t *out) {
  float sum[16] = {};
  for (long y = 0; y < 4; y++)
    for (long k = 0; k < 16; k++) sum[k] += at[y * row + k] * weights[16 * y + k];
  for (long k = 0; k < 4; k++) {
    const int value = ((int)(sum[k] + sum[k + 4] + sum[k + 8] + sum[k + 12]) + (1 << 14)) >> 15;
    out[k] = value < 0 ? 0 : value > 255 ? 255 : value;
  }
}
#endif

// map      [side, side, 4], RGB and a byte that nobody reads
// first    [count], the first of a texel's 4 x 4, counted in texels
// part     [count], its row of the weights
// weights  [1024, 4, 4, 4], the last one for RGB and a zero or anything finite
// out      3 count + 1 bytes
extern "C" void remap(const uint8_t *map, long side, const int32_t *first, const uint16_t *part, const float *weights,
                      long count, uint8_t *out) {
  for (long i = 0; i < count; i++) texel(map + 4L * first[i], 4 * side, weights + 64L * part[i], out + 3 * i);
}
