// Convolutions as matrix products, channels last (direct.py has the kernels): of float32, of bfloat16, and, on a processor
// that multiplies tiles of bfloat16 (AMX), of such tiles: sixteen times as many products as with float32. There a float32
// may be split into two bfloat16, of which it is the sum to 2^-17 of itself; three of the four products of two such sums
// are computed and added up in float32. Built by native.py for the machine that it runs on.

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "multiply.h"
#include "tiles.h"
#include "vector.h"

#ifdef __AMX_BF16__
#include <sys/syscall.h>
#include <unistd.h>
#endif

constexpr long TOGETHER = 32;   // channels of an input whose taps follow each other, since they see the same pixels
constexpr long BAND = 5 << 18;  // bytes of the input that are gathered together: in a core's second cache

namespace {

struct Convolution {
  const float *x;       // [height, width, inputs], numbers from pixel to pixel: apart
  const void *kernel;   // [outputs / PANEL, inputs / TOGETHER, side, side, ...]
  const float *bias;    // [outputs]
  const float *slopes;  // [outputs], of the leaky ReLU
  const float *around;  // [inputs], what lies outside of the input
  const float *added;   // [rows, columns, outputs] before the ReLU, or null
  float *out;           // [rows, columns, outputs]
  long height, width, inputs, apart, outputs;
  long side, step;      // 1 or 3 taps along an axis; 1 or 2 pixels from output to output
};

// The input of some rows of the output, as it is multiplied. A stride of 2 takes every second row and column: these lie
// together, in one of four phases, so that the places of an output that follow each other read pixels that follow each other.
template <class Form>
struct Input {
  typedef typename Form::Number Number;
  const Convolution &layer;
  const long pad, phases, columns, wide;
  const Number *numbers[2] = {};
  long stride, offsets[9];
  Aligned<Number> (&kept)[2];

  Input(const Convolution &layer, Aligned<Number> (&kept)[2])
      : layer(layer), pad(layer.side / 2), phases(pad ? layer.step : 1), columns((layer.width - 1) / layer.step + 1),
        wide(columns + 2 * pad / layer.step), stride(layer.inputs + 64 / sizeof(Number)),  // no power of two
        kept(kept) {}

  long row_bytes() const { return phases * phases * wide * stride * Form::PARTS * (long)sizeof(Number); }

  // for the outputs of these rows
  void take(long first, long last) {
    if constexpr (std::is_same_v<Number, float>)
      if (layer.side == 1 && layer.step == 1) {  // it lies there already
        stride = layer.apart;
        numbers[0] = layer.x + first * layer.width * stride;
        offsets[0] = 0;
        return;
      }
    const long rows = last - first + 2 * pad / layer.step, plane = (rows * wide + Form::BLOCK + 2) * stride;
    for (long part = 0; part < Form::PARTS; part++) {
      kept[part].resize(std::max((long)kept[part].size(), phases * phases * plane));
      numbers[part] = kept[part].data();
    }
    for (long down = 0; down < phases; down++)
      for (long over = 0; over < phases; over++)
        for (long row = 0; row < rows; row++)
          for (long column = 0; column < wide; column++) {
            const long y = (first + row) * layer.step + down - pad, x = column * layer.step + over - pad;
            const bool inside = y >= 0 && y < layer.height && x >= 0 && x < layer.width;
            const float *from = inside ? layer.x + (y * layer.width + x) * layer.apart : layer.around;
            const long to = (down * phases + over) * plane + (row * wide + column) * stride;
            for (long c = 0; c < layer.inputs; c += TOGETHER)
              Form::take(from + c, kept[0].data() + to + c, kept[1].data() + to + c);
          }
    for (long tap = 0; tap < layer.side * layer.side; tap++) {
      const long down = tap / layer.side, over = tap % layer.side, phase = down % phases * phases + over % phases;
      offsets[tap] = phase * plane + (down / phases * wide + over / phases) * stride;
    }
  }
};

// ---- Without tiles ---------------------------------------------------------------------------------------------------

template <class Precision>
struct Plain {
  typedef typename Precision::Number Number;
  static constexpr long PARTS = 1, BLOCK = 4 * ROWS;  // places of an output computed at once

  static void take(const float *from, Number *to, Number *) {
    for (long c = 0; c < TOGETHER; c += LANES) Precision::put(to + c, load(from + c));
  }

  // sums [count, PANEL] of the places from `place`
  static void multiply(const Input<Plain> &input, long place, long count, const void *kernel, float *sums) {
    const Convolution &layer = input.layer;
    Multiplication<Precision>{input.numbers[0] + place * input.stride, input.stride, (const Number *)kernel, sums, PANEL,
                              layer.inputs, TOGETHER, layer.side * layer.side, input.offsets}.run(count);
  }
};

// ---- With tiles ------------------------------------------------------------------------------------------------------

#ifdef __AMX_BF16__
#define ZERO(tile) _tile_zero(tile);
#define LOAD(tile, from, apart) { _tile_loadd(tile, from, apart); }
#define STORE(tile, to) { _tile_stored(tile, to, 4 * PANEL); }
#define MULTIPLY(sum, left, right) _tile_dpbf16ps(sum, left, right);
#define PRODUCTS MULTIPLY(0, 4, 6) MULTIPLY(1, 4, 7) if constexpr (FULL) { MULTIPLY(2, 5, 6) MULTIPLY(3, 5, 7) }

template <long parts>
struct Tiled {
  typedef uint16_t Number;
  static constexpr long PARTS = parts, TILE_ROWS = 16, BLOCK = 2 * TILE_ROWS;

  static void take(const float *from, uint16_t *near_to, [[maybe_unused]] uint16_t *rest_to) {
    const __m512 low = _mm512_loadu_ps(from), high = _mm512_loadu_ps(from + LANES);
    const __m512i near = (__m512i)_mm512_cvtne2ps_pbh(high, low);
    _mm512_storeu_si512(near_to, near);
    if constexpr (PARTS == 2) {
      const __m512i near_low = _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(near)), 16);
      const __m512i near_high = _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(near, 1)), 16);
      const __m512bh rest = _mm512_cvtne2ps_pbh(high - (__m512)near_high, low - (__m512)near_low);
      _mm512_storeu_si512(rest_to, (__m512i)rest);
    }
  }

  static void multiply(const Input<Tiled> &input, long place, long count, const void *kernel, float *sums) {
    count > TILE_ROWS ? tiles<true>(input, place, kernel, sums) : tiles<false>(input, place, kernel, sums);
  }

  // Registers: 0 to 3 sums, 4 and 5 places of the input, 6 and 7 outputs of the kernel; half of the places unless FULL
  template <bool FULL>
  static void tiles(const Input<Tiled> &input, long place, const void *from, float *sums) {
    constexpr long TILE = TILE_ROWS * TOGETHER, STEP = 2 * PARTS * TILE;
    const Convolution &layer = input.layer;
    const uint16_t *kernel = (const uint16_t *)from;
    const long apart = input.stride * sizeof(uint16_t), taps = layer.side * layer.side, start = place * input.stride;
    [[maybe_unused]] const long next = TILE_ROWS * input.stride;
    asm volatile("" ::: "memory");  // what is loaded below was written before: GCC does not know that tiles read memory
    ZERO(0) ZERO(1) ZERO(2) ZERO(3)
    for (long c = 0; c < layer.inputs; c += TOGETHER)
      for (long tap = 0; tap < taps; tap++, kernel += STEP) {
        const uint16_t *near = input.numbers[0] + start + input.offsets[tap] + c;
        for (long i = 0; i < STEP; i += TOGETHER) __builtin_prefetch(kernel + STEP + i);
        LOAD(6, kernel, 64) LOAD(7, kernel + TILE, 64)
        if constexpr (PARTS == 2) {
          const uint16_t *rest = input.numbers[1] + start + input.offsets[tap] + c;
          LOAD(4, rest, apart) if constexpr (FULL) LOAD(5, rest + next, apart)
          PRODUCTS
        }
        LOAD(4, near, apart) if constexpr (FULL) LOAD(5, near + next, apart)
        PRODUCTS
        if constexpr (PARTS == 2) {
          LOAD(6, kernel + 2 * TILE, 64) LOAD(7, kernel + 3 * TILE, 64)
          PRODUCTS
        }
      }
    STORE(0, sums) STORE(1, sums + LANES)
    if constexpr (FULL) STORE(2, sums + TILE_ROWS * PANEL) if constexpr (FULL) STORE(3, sums + TILE_ROWS * PANEL + LANES)
  }
};
#endif

// ---- A layer ---------------------------------------------------------------------------------------------------------

void finish(const Convolution &layer, const float *sums, long pixel, long channel) {
  const long at = pixel * layer.outputs + channel;
  for (long i = 0; i < PANEL; i += LANES) {
    Vector sum = load(sums + i) + load(layer.bias + channel + i);
    if (layer.added) sum += load(layer.added + at + i);
    const Vector below = load(layer.slopes + channel + i) * sum;
    store(layer.out + at + i, sum > 0 ? sum : below);
  }
}

template <class Form>
void convolve(const Convolution &layer, long first_row, long last_row, long first_channel, long last_channel) {
  typedef typename Form::Number Number;
  static thread_local Aligned<float> sums(Form::BLOCK * PANEL);
  static thread_local Aligned<Number> kept[2];  // their pages are not faulted in anew
  Input<Form> input(layer, kept);
  const long band = std::max(1L, BAND / input.row_bytes());
  const long kernel = layer.side * layer.side * layer.inputs * Form::PARTS;  // numbers of an output
  for (long first = first_row; first < last_row; first += band) {
    const long last = std::min(first + band, last_row), places = (last - first) * input.wide;
    input.take(first, last);
    for (long channel = first_channel; channel < last_channel; channel += PANEL) {
      long pixel = first * input.columns, column = 0;  // no division for every place
      for (long place = 0; place < places; place += Form::BLOCK) {
        const long count = std::min(Form::BLOCK, places - place);
        Form::multiply(input, place, count, (const Number *)layer.kernel + channel * kernel, sums.data());
        for (long i = 0; i < count; i++) {
          if (column < input.columns) finish(layer, &sums[i * PANEL], pixel++, channel);
          if (++column == input.wide) column = 0;
        }
      }
    }
  }
}

}  // namespace

// What is multiplied; the same as in direct.py
enum Products { FLOAT32, BFLOAT16, TILES, SPLIT_TILES };

// From the first to, not with, the last row and channel of the output.
extern "C" void convolve_directly(const Convolution *layer, [[maybe_unused]] long products, long first_row,
                                  long last_row, long first_channel, long last_channel) {
  auto function = convolve<Plain<Float32>>;
#ifdef __AVX512BF16__
  if (products == BFLOAT16) function = convolve<Plain<BFloat16>>;
#endif
#ifdef __AMX_BF16__
  const bool tiles = products == TILES || products == SPLIT_TILES;
  if (tiles) {
    start_tiles();
    function = products == TILES ? convolve<Tiled<1>> : convolve<Tiled<2>>;
  }
#endif
  function(*layer, first_row, last_row, first_channel, last_channel);
#ifdef __AMX_BF16__
  if (tiles) _tile_release();
#endif
}

extern "C" bool multiplies_tiles() {
#ifdef __AMX_BF16__
  constexpr long REQUEST = 0x1023, TILE_DATA = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, REQUEST, TILE_DATA) == 0;
#else
  return false;
#endif
}
