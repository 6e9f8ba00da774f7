// Faces seen from the map. To be built without fused multiplication: then every machine gives the same bytes, which are
// those of `_sample` in unwrap.py.

#include <algorithm>
#include <cstdint>
#include <cstring>

#ifdef __AVX2__
#include <immintrin.h>

// Two pixels, the first six bytes of eight.
static inline __m256 pixels(__m128i bytes) { return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)); }

// The colour at (dx, dy) of four pixels, of which the second row is so many bytes below the first.
static inline void mix(const uint8_t *at, long below, float dx, float dy, float *out, long apart) {
  const __m256 upper = pixels(_mm_loadl_epi64((const __m128i *)at));
  // from two bytes before them: the very last pixels of all have nothing after them
  const __m256 lower = pixels(_mm_srli_epi64(_mm_loadl_epi64((const __m128i *)(at + below - 2)), 16));
  const __m256 both = _mm256_add_ps(upper, _mm256_mul_ps(_mm256_sub_ps(lower, upper), _mm256_set1_ps(dy)));
  const __m128 left = _mm256_castps256_ps128(both);
  const __m128 right = _mm256_castps256_ps128(_mm256_permutevar8x32_ps(both, _mm256_setr_epi32(3, 4, 5, 0, 0, 0, 0, 0)));
  float colour[4];
  _mm_storeu_ps(colour, _mm_add_ps(left, _mm_mul_ps(_mm_sub_ps(right, left), _mm_set1_ps(dx))));
  for (long channel = 0; channel < 3; channel++) out[channel * apart] = colour[channel];
}
#else
static inline void mix(const uint8_t *at, long below, float dx, float dy, float *out, long apart) {
  for (long channel = 0; channel < 3; channel++, at++) {
    float left = at[0], right = at[3];
    left += (at[below] - left) * dy;
    right += (at[below + 3] - right) * dy;
    out[channel * apart] = left + (right - left) * dx;
  }
}
#endif

struct Corner {
  float x, y, skin, facing;
};

// Arguments of `_sample`.
extern "C" void sample(const int32_t *corners, const int64_t *start, const int32_t *texel, const float *weight,
                       const Corner *vertex, const uint8_t *face, float *texture, uint8_t *mask, long views,
                       long height, long width, long groups, long texels) {
  const float last_column = width - 2, last_row = height - 2;
  for (long group = 0; group < groups; group++) {
    const int64_t first = start[group], last = start[group + 1];
    for (long view = 0; view < views; view++) {
      const Corner a = vertex[corners[3 * group] * views + view], b = vertex[corners[3 * group + 1] * views + view],
                   c = vertex[corners[3 * group + 2] * views + view];
      if (std::max({a.skin, b.skin, c.skin}) <= 0.5f || std::max({a.facing, b.facing, c.facing}) <= 0.5f) continue;
      const bool certain = std::min({a.skin, b.skin, c.skin, a.facing, b.facing, c.facing}) == 1;
      for (int64_t k = first; k < last; k++) {
        const float wa = weight[3 * k], wb = weight[3 * k + 1], wc = weight[3 * k + 2];
        if (!certain && (a.skin * wa + b.skin * wb + c.skin * wc <= 0.5f ||
                         a.facing * wa + b.facing * wb + c.facing * wc <= 0.5f))
          continue;
        const float x = a.x * wa + b.x * wb + c.x * wc, y = a.y * wa + b.y * wb + c.y * wc;
        const long column = (int)std::min(std::max(x, 0.0f), last_column);
        const long row = (int)std::min(std::max(y, 0.0f), last_row);
        mix(face + 3 * ((view * height + row) * width + column), 3 * width, x - column, y - row,
            texture + 3 * view * texels + texel[k], texels);
        mask[view * texels + texel[k]] = 1;
      }
    }
  }
}
