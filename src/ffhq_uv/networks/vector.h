// As many numbers as one instruction of this machine takes.

#pragma once

#include <new>
#include <vector>

#ifdef __AVX__
#include <immintrin.h>
#endif

#ifdef __AVX512F__
constexpr long LANES = 16;
#else
constexpr long LANES = 8;
#endif

typedef float Vector __attribute__((vector_size(LANES * 4)));
typedef float Unaligned __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

static inline Vector load(const float *from) { return *(const Unaligned *)from; }
static inline void store(float *to, Vector value) { *(Unaligned *)to = value; }

// To a line of the cache of its own, past the cache: what is not read again soon
static inline void stream(float *to, Vector value) {
#ifdef __AVX512F__
  _mm512_stream_ps(to, value);
#elif defined(__AVX__)
  _mm256_stream_ps(to, value);
#else
  store(to, value);
#endif
}

// Before another thread reads it
static inline void end_streams() {
#ifdef __AVX__
  _mm_sfence();
#endif
}

// Memory from the start of a line of the cache: a vector that lies across two lines costs twice.
template <class Number>
struct Lines {
  typedef Number value_type;
  static constexpr std::align_val_t LINE{64};

  Number *allocate(size_t count) { return (Number *)operator new(count * sizeof(Number), LINE); }
  void deallocate(Number *numbers, size_t) { operator delete(numbers, LINE); }
  bool operator==(const Lines &) const { return true; }
};

template <class Number>
using Aligned = std::vector<Number, Lines<Number>>;

static inline float sum(Vector value) {
#ifdef __AVX512F__
  return _mm512_reduce_add_ps(value);
#else
  float total = 0;
  for (long lane = 0; lane < LANES; lane++) total += value[lane];
  return total;
#endif
}
