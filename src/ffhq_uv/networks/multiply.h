// Products of matrices that stay in the cache of a core, in float32 or bfloat16; their sums are float32.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "vector.h"

constexpr long ROWS = LANES == 16 ? 12 : 6, PANEL = 2 * LANES;  // of one product: its sums fill the registers
constexpr long CACHED = 256;  // inputs of a panel

#define UNROLLED _Pragma("GCC unroll 16") for

struct Float32 {
  typedef float Number;
  static constexpr long DEPTH = 1;
  static void put(Number *to, Vector value) { store(to, value); }
  static Vector times(Vector sum, const Number *left, const Number *right) { return sum + *left * load(right); }
};

#ifdef __AVX512BF16__
struct BFloat16 {
  typedef uint16_t Number;
  static constexpr long DEPTH = 2;  // inputs that one instruction multiplies and sums
  static void put(Number *to, Vector value) { _mm256_storeu_si256((__m256i *)to, (__m256i)_mm512_cvtneps_pbh(value)); }
  static Vector times(Vector sum, const Number *left, const Number *right) {
    int pair;
    memcpy(&pair, left, sizeof pair);
    return _mm512_dpbf16_ps(sum, (__m512bh)_mm512_set1_epi32(pair), (__m512bh)_mm512_loadu_si512(right));
  }
};
#endif

// sums [count, PANEL] = left [count, inputs] right [inputs / DEPTH, PANEL, DEPTH] for every tap, added up; a tap is where
// its left lies behind the first's, and its right follows that of the tap before, every `together` inputs
template <class Precision>
struct Multiplication {
  typedef typename Precision::Number Number;
  const Number *left;
  long left_stride;
  const Number *right;
  float *out;
  long out_stride, inputs, together, taps;
  const long *offsets;

  // the channels of the inputs from one to another, added to what the channels before them gave
  template <long COUNT>
  void rows(long first, long from_channel, long to_channel) const {
    const Number *with = right + from_channel * taps * PANEL, *start = left + first * left_stride;
    float *sums_at = out + first * out_stride;
    Vector sums[COUNT][2];
    UNROLLED(long row = 0; row < COUNT; row++) {
      sums[row][0] = from_channel ? load(sums_at + row * out_stride) : Vector{};
      sums[row][1] = from_channel ? load(sums_at + row * out_stride + LANES) : Vector{};
    }
    for (long c = from_channel; c < to_channel; c += together)
      for (long tap = 0; tap < taps; tap++) {
        const Number *from = start + offsets[tap] + c;
        for (long k = 0; k < together; k += Precision::DEPTH, with += PANEL * Precision::DEPTH)
          UNROLLED(long row = 0; row < COUNT; row++) {
            sums[row][0] = Precision::times(sums[row][0], from + row * left_stride + k, with);
            sums[row][1] = Precision::times(sums[row][1], from + row * left_stride + k, with + LANES * Precision::DEPTH);
          }
      }
    UNROLLED(long row = 0; row < COUNT; row++) {
      store(sums_at + row * out_stride, sums[row][0]);
      store(sums_at + row * out_stride + LANES, sums[row][1]);
    }
  }

  template <long... COUNTS>
  void rows_of(long count, long first, long from, long to, std::integer_sequence<long, COUNTS...>) const {
    ((count == COUNTS + 1 ? rows<COUNTS + 1>(first, from, to) : void()), ...);
  }

  // as few products as possible, of about as many rows each; of as many inputs as the first cache holds the right of
  void run(long count) const {
    const long parts = (count + ROWS - 1) / ROWS, channels = together * std::max(1L, CACHED / (together * taps));
    for (long from = 0; from < inputs; from += channels)
      for (long part = 0; part < parts; part++) {
        const long first = count * part / parts, last = count * (part + 1) / parts;
        rows_of(last - first, first, from, std::min(from + channels, inputs), std::make_integer_sequence<long, ROWS>());
      }
  }
};
