// Convolutions as matrix products on a processor that multiplies tiles of bfloat16 (AMX): sixteen times as many products
// as with float32. A float32 is split into two bfloat16, of which it is the sum to 2^-17 of itself; three of the four
// products of two such sums are computed and added up in float32 (tiles.py has the kernels). Channels last. Built by
// native.py for the machine that it runs on.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tiles.h"
#include "vector.h"

#ifdef __AMX_BF16__
#include <sys/syscall.h>
#include <unistd.h>
#endif

struct Product {
  const float *x;          // [height, width, inputs], numbers from pixel to pixel: apart
  const uint16_t *kernel;  // bfloat16 [outputs / PANEL, inputs / DEPTH, side, side, parts, 2, 16, 16, 2]
  const float *bias;       // [outputs]
  const float *slopes;     // [outputs], of the leaky ReLU
  const float *around;     // [inputs], what lies outside of the input
  const float *added;      // [rows, columns, outputs] before the ReLU, or null
  float *out;              // [rows, columns, outputs]
  long height, width, inputs, apart, outputs;
  long side, step, parts;  // 1 or 3 taps along an axis; 1 or 2 pixels from output to output; 1 bfloat16 or 2
};

#ifdef __AMX_BF16__

constexpr long ROWS = 16, DEPTH = 32, PANEL = 32;  // of a tile; channels of an output computed at once
constexpr long BLOCK = 2 * ROWS;                   // places of an output computed at once
constexpr long BAND = 5 << 18;                     // bytes of the input that are split together: in a core's second cache

// The input of some rows of the output, split. A stride of 2 takes every second row and column: these lie together,
// in one of four phases, so that the places of an output that follow each other read pixels that follow each other.
struct Split {
  const Product &layer;
  const long pad, phases, columns, wide, stride;
  long rows = 0, plane = 0;
  std::vector<uint16_t> (&parts)[2];

  Split(const Product &layer, std::vector<uint16_t> (&parts)[2])
      : layer(layer), pad(layer.side / 2), phases(pad ? layer.step : 1), columns((layer.width - 1) / layer.step + 1),
        wide(columns + 2 * pad / layer.step), stride(layer.inputs + DEPTH), parts(parts) {}  // a stride that is no power of two

  long row_bytes() const { return phases * phases * wide * stride * layer.parts * (long)sizeof(uint16_t); }

  long offset(long down, long over) const {
    const long phase = down % phases * phases + over % phases;
    return phase * plane + (down / phases * wide + over / phases) * stride;
  }

  // for the outputs of these rows
  void take(long first, long last) {
    rows = last - first + 2 * pad / layer.step;
    plane = (rows * wide + BLOCK + 2) * stride;
    for (long part = 0; part < layer.parts; part++)
      parts[part].resize(std::max((long)parts[part].size(), phases * phases * plane));
    for (long down = 0; down < phases; down++)
      for (long over = 0; over < phases; over++)
        for (long row = 0; row < rows; row++)
          for (long column = 0; column < wide; column++) {
            const long y = (first + row) * layer.step + down - pad, x = column * layer.step + over - pad;
            const bool inside = y >= 0 && y < layer.height && x >= 0 && x < layer.width;
            split(inside ? layer.x + (y * layer.width + x) * layer.apart : layer.around,
                  (down * phases + over) * plane + (row * wide + column) * stride);
          }
  }

  void split(const float *from, long to) {
    for (long c = 0; c < layer.inputs; c += DEPTH) {
      const __m512 low = _mm512_loadu_ps(from + c), high = _mm512_loadu_ps(from + c + LANES);
      const __m512i near = (__m512i)_mm512_cvtne2ps_pbh(high, low);
      _mm512_storeu_si512(&parts[0][to + c], near);
      if (layer.parts == 1) continue;
      const __m512i near_low = _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(near)), 16);
      const __m512i near_high = _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(near, 1)), 16);
      const __m512bh rest = _mm512_cvtne2ps_pbh(high - (__m512)near_high, low - (__m512)near_low);
      _mm512_storeu_si512(&parts[1][to + c], (__m512i)rest);
    }
  }
};

// Registers: 0 to 3 sums, 4 and 5 places of the input, 6 and 7 outputs of the kernel
#define ZERO(tile) _tile_zero(tile);
#define LOAD(tile, from, apart) { _tile_loadd(tile, from, apart); }
#define STORE(tile, to) { _tile_stored(tile, to, 4 * PANEL); }
#define MULTIPLY(sum, left, right) _tile_dpbf16ps(sum, left, right);
#define PRODUCTS MULTIPLY(0, 4, 6) MULTIPLY(1, 4, 7) if constexpr (FULL) { MULTIPLY(2, 5, 6) MULTIPLY(3, 5, 7) }

// sums [BLOCK, PANEL] of the places from `place`, half of them unless FULL; all taps of some channels after each other,
// since they see the same pixels
template <bool TWO, bool FULL>
static void multiply(const Split &input, long place, const uint16_t *kernel, float *sums) {
  constexpr long TILE = ROWS * DEPTH, STEP = (TWO ? 4 : 2) * TILE;
  const Product &layer = input.layer;
  const long apart = input.stride * sizeof(uint16_t), taps = layer.side * layer.side;
  [[maybe_unused]] const long next = ROWS * input.stride;
  long offsets[9];
  for (long tap = 0; tap < taps; tap++)
    offsets[tap] = input.offset(tap / layer.side, tap % layer.side) + place * input.stride;
  asm volatile("" ::: "memory");  // what is loaded below was written before: GCC does not know that tiles read memory
  ZERO(0) ZERO(1) ZERO(2) ZERO(3)
  for (long c = 0; c < layer.inputs; c += DEPTH)
    for (long tap = 0; tap < taps; tap++, kernel += STEP) {
      const uint16_t *near = &input.parts[0][offsets[tap] + c], *rest = TWO ? &input.parts[1][offsets[tap] + c] : near;
      for (long i = 0; i < STEP; i += DEPTH) __builtin_prefetch(kernel + STEP + i);
      LOAD(6, kernel, 64) LOAD(7, kernel + TILE, 64)
      if constexpr (TWO) {
        LOAD(4, rest, apart) if constexpr (FULL) LOAD(5, rest + next, apart)
        PRODUCTS
      }
      LOAD(4, near, apart) if constexpr (FULL) LOAD(5, near + next, apart)
      PRODUCTS
      if constexpr (TWO) {
        LOAD(6, kernel + 2 * TILE, 64) LOAD(7, kernel + 3 * TILE, 64)
        PRODUCTS
      }
    }
  STORE(0, sums) STORE(1, sums + ROWS)
  if constexpr (FULL) STORE(2, sums + ROWS * PANEL) if constexpr (FULL) STORE(3, sums + ROWS * PANEL + ROWS)
}

static void finish(const Product &layer, const float *sums, long pixel, long channel) {
  const long at = pixel * layer.outputs + channel;
  for (long i = 0; i < PANEL; i += LANES) {
    Vector sum = load(sums + i) + load(layer.bias + channel + i);
    if (layer.added) sum += load(layer.added + at + i);
    const Vector below = load(layer.slopes + channel + i) * sum;
    store(layer.out + at + i, sum > 0 ? sum : below);
  }
}

// From the first to, not with, the last row and channel of the output.
extern "C" void convolve_tiles(const Product *layer, long first_row, long last_row, long first_channel,
                               long last_channel) {
  start_tiles();
  static thread_local std::vector<float> sums(BLOCK * PANEL);
  static thread_local std::vector<uint16_t> parts[2];  // kept: their pages are not faulted in anew
  Split input(*layer, parts);
  const long band = std::max(1L, BAND / input.row_bytes());
  const long kernel = layer->side * layer->side * layer->inputs * layer->parts;  // of an output
  for (long first = first_row; first < last_row; first += band) {
    const long last = std::min(first + band, last_row), places = (last - first) * input.wide;
    input.take(first, last);
    for (long channel = first_channel; channel < last_channel; channel += PANEL)
      for (long place = 0; place < places; place += BLOCK) {
        const bool full = places - place > ROWS;
        auto function = layer->parts == 2 ? full ? multiply<true, true> : multiply<true, false>
                                          : full ? multiply<false, true> : multiply<false, false>;
        function(input, place, layer->kernel + channel * kernel, sums.data());
        for (long i = 0; i < std::min(BLOCK, places - place); i++) {
          const long row = (place + i) / input.wide, column = (place + i) % input.wide;
          if (column < input.columns)
            finish(*layer, &sums[i * PANEL], (first + row) * input.columns + column, channel);
        }
      }
  }
  _tile_release();
}

extern "C" bool multiplies_tiles() {
  constexpr long REQUEST = 0x1023, TILES = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, REQUEST, TILES) == 0;
}

#else

extern "C" void convolve_tiles(const Product *, long, long, long, long) {}
extern "C" bool multiplies_tiles() { return false; }

#endif
