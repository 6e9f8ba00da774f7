// 3x3 convolutions by Winograd's way (winograd.py has the kernels), as one pass over the image: styles on the way in;
// norms, noise, bias and the leaky ReLU on the way out; all between stays in the cache of a core. Channels last. Built by
// native.py for the machine that it runs on.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "multiply.h"
#include "tiles.h"
#include "vector.h"

namespace {

struct Layer {
  const float *x;       // [height, width, inputs]
  const float *styles;  // [inputs], factors of the inputs
  const void *kernel;   // [kernels, kernels, outputs / PANEL, inputs / DEPTH, PANEL, DEPTH]
  const float *norms;   // [outputs], factors of the outputs
  const float *noise;   // like one channel of the output
  const float *bias;    // [outputs]
  const float *slopes;  // [outputs], of the leaky ReLU
  const float *around;  // [inputs], what lies outside of the input
  const float *added;   // like the output, before the ReLU, or null
  float *out;           // [up * height, up * width, outputs], halved [height / 2, width / 2, outputs]
  long samples;         // of x, styles, norms, added and out, after each other
  long height, width, inputs, outputs;
  float clamp;  // bound on the outputs
  bool large;   // the output is more than the caches hold until it is read
};

// ---- The three convolutions, along one axis: PRODUCTS of sums of INPUTS places, every STEP, give OUTPUTS places. ---
// The last products have one kernel, the last of KERNELS.

// Six places to the points 0, ±A, ±B and infinity; their denominators are in the kernels
struct Points {
  static constexpr float A = 3.f / 4, B = 3.f / 2, A2 = A * A, B2 = B * B, AB2 = A2 * B2;

  static void enter(const Vector d[6], Vector v[6]) {
    Vector near_a = d[4] - B2 * d[2], far_a = A * d[3] - A * B2 * d[1];
    Vector near_b = d[4] - A2 * d[2], far_b = B * d[3] - B * A2 * d[1];
    v[0] = AB2 * d[0] - (A2 + B2) * d[2] + d[4];
    v[1] = near_a + far_a;
    v[2] = near_a - far_a;
    v[3] = near_b + far_b;
    v[4] = near_b - far_b;
    v[5] = AB2 * d[1] - (A2 + B2) * d[3] + d[5];
  }
};

// F(4, 3)
struct Same : Points {
  static constexpr long INPUTS = 6, STEP = 4, PRODUCTS = 6, KERNELS = 6, OUTPUTS = 4;

  static void leave(const Vector m[PRODUCTS], Vector y[OUTPUTS]) {
    Vector sum_a = m[1] + m[2], difference_a = m[1] - m[2], sum_b = m[3] + m[4], difference_b = m[3] - m[4];
    y[0] = m[0] + sum_a + sum_b;
    y[1] = A * difference_a + B * difference_b;
    y[2] = A2 * sum_a + B2 * sum_b;
    y[3] = A * A2 * difference_a + B * B2 * difference_b + m[5];
  }
};

// Transposed, stride 2: even places by F(5, 2), odd places see the middle tap only
struct Up : Points {
  static constexpr long INPUTS = 6, STEP = 5, PRODUCTS = 11, KERNELS = 7, OUTPUTS = 10;

  static void enter(const Vector d[INPUTS], Vector v[PRODUCTS]) {
    Points::enter(d, v);
    UNROLLED(long i = 0; i < STEP; i++) v[6 + i] = d[1 + i];
  }

  static void leave(const Vector m[PRODUCTS], Vector y[OUTPUTS]) {
    Vector sum_a = m[1] + m[2], difference_a = m[1] - m[2], sum_b = m[3] + m[4], difference_b = m[3] - m[4];
    y[0] = m[0] + sum_a + sum_b;
    y[2] = A * difference_a + B * difference_b;
    y[4] = A2 * sum_a + B2 * sum_b;
    y[6] = A * A2 * difference_a + B * B2 * difference_b;
    y[8] = A2 * A2 * sum_a + B2 * B2 * sum_b + m[5];
    UNROLLED(long i = 0; i < STEP; i++) y[2 * i + 1] = m[6 + i];
  }
};

// Stride 2: the outer taps see even places, by F(2, 2) with the points 0, -1 and infinity, the middle tap odd ones
struct Down {
  static constexpr long INPUTS = 5, STEP = 4, PRODUCTS = 5, KERNELS = 4, OUTPUTS = 2;

  static void enter(const Vector d[INPUTS], Vector v[PRODUCTS]) {
    v[0] = d[0] - d[2];
    v[1] = d[2];
    v[2] = d[4] - d[2];
    v[3] = d[1];
    v[4] = d[3];
  }

  static void leave(const Vector m[PRODUCTS], Vector y[OUTPUTS]) {
    y[0] = m[0] + m[1] + m[3];
    y[1] = m[2] + m[1] + m[4];
  }
};

// ---- The products of one point, of up to TILES tiles: a few hundred kB of them, in a core's second cache -----------

template <class Precision>
struct Plain {
  typedef Precision Numbers;
  static constexpr long TILES = 24, FEW = 12, MANY_INPUTS = 512;

  // as many as use a kernel that comes from afar, or so few that all of a layer with few channels stays in the cache
  static long together(long inputs) { return inputs < MANY_INPUTS ? FEW : TILES; }

  // [tiles, PANEL] = left [tiles, inputs] right [inputs / DEPTH, PANEL, DEPTH]
  static void multiply(const typename Precision::Number *left, long left_stride, const typename Precision::Number *right,
                       float *out, long out_stride, long inputs, long tiles) {
    constexpr long NOWHERE = 0;
    Multiplication<Precision>{left, left_stride, right, out, out_stride, inputs, inputs, 1, &NOWHERE}.run(tiles);
  }
};

#ifdef __AMX_BF16__
// The same with tiles of bfloat16: registers 0 to 3 for sums, 4 and 5 for the left, 6 and 7 for the right
struct Tiled {
  typedef BFloat16 Numbers;
  static constexpr long TILES = 32;
  static long together(long) { return TILES; }
  static void multiply(const uint16_t *left, long left_stride, const uint16_t *right, float *out, long out_stride,
                       long inputs, long);
};

void Tiled::multiply(const uint16_t *left, long left_stride, const uint16_t *right, float *out, long out_stride,
                     long inputs, long) {
  const long apart = left_stride * sizeof *left, out_apart = out_stride * sizeof *out;
  asm volatile("" ::: "memory");  // what is loaded below was written before: GCC does not know that tiles read memory
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (long k = 0; k < inputs; k += 32, right += 32 * PANEL) {
    _tile_loadd(4, left + k, apart);
    _tile_loadd(5, left + k + 16 * left_stride, apart);
    _tile_loadd(6, right, 4 * PANEL);
    _tile_loadd(7, right + 32, 4 * PANEL);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, out, out_apart);
  _tile_stored(1, out + 16, out_apart);
  _tile_stored(2, out + 16 * out_stride, out_apart);
  _tile_stored(3, out + 16 * out_stride + 16, out_apart);
}
#endif

// ---- A layer -------------------------------------------------------------------------------------------------------

// What becomes of the sums, times a scale, of LANES channels
struct Ending {
  const Vector norm, bias, slope;
  const float *const noise, *const added;
  float *const out;
  const long outputs;
  const Vector most, least;
  const bool bounded, large;

  Ending(const Layer &layer, long channel, float scale = 1)
      : norm(scale * load(layer.norms + channel)), bias(load(layer.bias + channel)), slope(load(layer.slopes + channel)),
        noise(layer.noise), added(layer.added ? layer.added + channel : nullptr), out(layer.out + channel),
        outputs(layer.outputs), most(Vector{} + layer.clamp), least(Vector{} - layer.clamp),
        bounded(layer.clamp < INFINITY), large(layer.large) {}

  void put(Vector sum, long pixel) const {
    sum = norm * sum + noise[pixel] + bias;
    if (added) sum += load(added + pixel * outputs);
    const Vector below = slope * sum;
    sum = sum > 0 ? sum : below;
    if (bounded) {
      sum = sum > most ? most : sum;
      sum = sum < least ? least : sum;
    }
    large ? stream(out + pixel * outputs, sum) : store(out + pixel * outputs, sum);
  }
};

// What the transposed convolution gave, a few rows at a time, until the FIR (1, 3, 3, 1) / 4 along both axes took them
struct Rows {
  static constexpr long KEPT = Up::OUTPUTS + 3;  // of one row of tiles, and those before that the FIR still needs
  const Layer &layer;
  const long first_channel, channels, stride;
  Aligned<float> places;

  Rows(const Layer &layer, long first_channel, long channels)
      : layer(layer), first_channel(first_channel), channels(channels),
        stride((2 * layer.width + Up::OUTPUTS + 1) * channels), places(KEPT * stride) {}

  // a place of row -1, 0, ..., column -1, 0, ...; those at -1 are zero
  float *at(long row, long column) { return &places[(row + 1) % KEPT * stride + (column + 1) * channels]; }

  void filter(long row) {
    for (long c = 0; c < channels; c += LANES) {
      const Ending ending(layer, first_channel + c, 1.f / 16);
      const float *above = at(row - 1, -1) + c, *here = at(row, -1) + c, *next = at(row + 1, -1) + c;
      const float *below = at(row + 2, -1) + c;
      const long apart = channels, width = 2 * layer.width;
      const auto down = [=](long at) {
        return load(above + at) + load(below + at) + 3.f * (load(here + at) + load(next + at));
      };
      Vector first = down(0), second = down(apart), third = down(2 * apart);
      for (long column = 0, from = 3 * apart; column < width; column++, from += apart) {
        const Vector fourth = down(from);
        ending.put(first + fourth + 3.f * (second + third), row * width + column);
        first = second;
        second = third;
        third = fourth;
      }
    }
  }
};

// A tile of the input from (top, left): its products are TILES * stride apart
template <class Axis, class Precision, long TILES>
void enter_tile(const Layer &layer, long top, long left, typename Precision::Number *points, long stride) {
  constexpr long INPUTS = Axis::INPUTS, PRODUCTS = Axis::PRODUCTS;
  const float *pixels[INPUTS][INPUTS];
  for (long i = 0; i < INPUTS; i++)
    for (long j = 0; j < INPUTS; j++) {
      const long y = top + i, x = left + j;
      const bool inside = y >= 0 && y < layer.height && x >= 0 && x < layer.width;
      pixels[i][j] = inside ? layer.x + (y * layer.width + x) * layer.inputs : layer.around;
    }
  for (long c = 0; c < layer.inputs; c += LANES) {
    const Vector style = load(layer.styles + c);
    Vector half[PRODUCTS][INPUTS];
    UNROLLED(long j = 0; j < INPUTS; j++) {
      Vector d[INPUTS], v[PRODUCTS];
      UNROLLED(long i = 0; i < INPUTS; i++) {
        if (j >= INPUTS - Axis::STEP)  // what is new in the next tile but one: to the second cache, for more can be
          __builtin_prefetch(pixels[i][j] + 2 * Axis::STEP * layer.inputs + c, 0, 2);  // on its way there at once
        d[i] = style * load(pixels[i][j] + c);
      }
      Axis::enter(d, v);
      UNROLLED(long i = 0; i < PRODUCTS; i++) half[i][j] = v[i];
    }
    UNROLLED(long i = 0; i < PRODUCTS; i++) {
      Vector v[PRODUCTS];
      Axis::enter(half[i], v);
      UNROLLED(long j = 0; j < PRODUCTS; j++)
        Precision::put(points + (i * PRODUCTS + j) * TILES * stride + c, v[j]);
    }
  }
}

// The other way: take(channel)(row, column, value) for every place of the tile of the output
template <class Axis, long TILES, class Take>
void leave_tile(const float *products, long channels, Take take) {
  constexpr long PRODUCTS = Axis::PRODUCTS, OUTPUTS = Axis::OUTPUTS;
  for (long o = 0; o < channels; o += LANES) {
    const auto put = take(o);
    Vector half[OUTPUTS][PRODUCTS];
    UNROLLED(long j = 0; j < PRODUCTS; j++) {
      Vector m[PRODUCTS], y[OUTPUTS];
      UNROLLED(long i = 0; i < PRODUCTS; i++) m[i] = load(products + (i * PRODUCTS + j) * TILES * channels + o);
      Axis::leave(m, y);
      UNROLLED(long i = 0; i < OUTPUTS; i++) half[i][j] = y[i];
    }
    UNROLLED(long i = 0; i < OUTPUTS; i++) {
      Vector y[OUTPUTS];
      Axis::leave(half[i], y);
      UNROLLED(long j = 0; j < OUTPUTS; j++) put(i, j, y[j]);
    }
  }
}

template <class Axis>
long halved(long length) {
  return std::is_same_v<Axis, Down> ? (length + 1) / 2 : length;
}

// One of the samples, of so many pixels of the output each
Layer sample(Layer layer, long number, long pixels) {
  layer.x += number * layer.height * layer.width * layer.inputs;
  layer.styles += number * layer.inputs;
  layer.norms += number * layer.outputs;
  if (layer.added) layer.added += number * pixels * layer.outputs;
  layer.out += number * pixels * layer.outputs;
  return layer;
}

// `enter`, `multiply` and `leave` for TILES tiles at a time
template <class Axis, class Products>
void convolve(const Layer &layer, long first_row, long last_row, long first_channel, long last_channel) {
  typedef typename Products::Numbers Precision;
  typedef typename Precision::Number Number;
  constexpr long POINTS = Axis::PRODUCTS * Axis::PRODUCTS;
  constexpr long TILES = Products::TILES;
  constexpr bool up = std::is_same_v<Axis, Up>;
  const long inputs = layer.inputs, channels = last_channel - first_channel;
  // transposed, there is a place more than pixels
  const long across = (layer.width + up + Axis::STEP - 1) / Axis::STEP;
  const long per_image = (layer.height + up + Axis::STEP - 1) / Axis::STEP;
  const long height = halved<Axis>(layer.height), width = halved<Axis>(layer.width), pixels = height * width;
  const long stride = inputs + 64 / sizeof(Number);  // rows of a power of two would share lines of the cache
  static thread_local Aligned<Number> points;
  static thread_local Aligned<float> products;
  points.resize(POINTS * TILES * stride);
  products.resize(POINTS * TILES * channels);
  const long start = up && first_row > 0 ? first_row - 1 : first_row;  // the FIR looks back
  Rows rows(layer, first_channel, up ? channels : 0);
  const long together = Products::together(inputs);

  for (long first = start * across; first < last_row * across; first += together) {
    const long count = std::min(together, last_row * across - first);
    for (long tile = 0; tile < count; tile++) {
      const long row = (first + tile) / across, over = (first + tile) % across, down = row % per_image;
      const Layer image = sample(layer, row / per_image, pixels);
      constexpr long STEP = Axis::STEP;
      enter_tile<Axis, Precision, TILES>(image, STEP * down - 1, STEP * over - 1, &points[tile * stride], stride);
    }
    for (long point = 0; point < POINTS; point++) {
      const long row = point / Axis::PRODUCTS, column = point % Axis::PRODUCTS, last = Axis::KERNELS - 1;
      const long kernel = std::min(row, last) * Axis::KERNELS + std::min(column, last);
      for (long o = 0; o < channels; o += PANEL)
        Products::multiply(&points[point * TILES * stride], stride,
                           (const Number *)layer.kernel + (kernel * layer.outputs + first_channel + o) * inputs,
                           &products[point * TILES * channels + o], channels, inputs, count);
    }
    for (long tile = 0; tile < count; tile++) {
      const long row = (first + tile) / across, over = (first + tile) % across, down = row % per_image;
      const Layer image = sample(layer, row / per_image, pixels);
      constexpr long OUTPUTS = Axis::OUTPUTS;
      const long top = OUTPUTS * down, left = OUTPUTS * over;
      if constexpr (up) {
        float *to[OUTPUTS];
        for (long i = 0; i < OUTPUTS; i++) to[i] = rows.at(top + i, left);
        leave_tile<Axis, TILES>(&products[tile * channels], channels, [&](long o) {
          return [&, o](long i, long j, Vector value) { store(to[i] + j * channels + o, value); };
        });
        if (over < across - 1) continue;  // a row of tiles is complete: as many rows of the output can be filtered
        const long least = first_row > 0 ? OUTPUTS * first_row - 2 : 0, end = 2 * layer.height;
        for (long row = std::max(least, top - 2); row < std::min(end, top + OUTPUTS - 2); row++) rows.filter(row);
      } else {
        const long high = height - top, wide = width - left, pixel = top * width + left;
        const bool whole = high >= OUTPUTS && wide >= OUTPUTS;
        leave_tile<Axis, TILES>(&products[tile * channels], channels, [&](long o) {
          return [=, ending = Ending(image, first_channel + o)](long i, long j, Vector value) {
            if (whole || (i < high && j < wide)) ending.put(value, pixel + i * width + j);
          };
        });
      }
    }
  }
  if (layer.large) end_streams();
}

// The same as in winograd.py
enum Size { SAME, UP, DOWN };

template <class Products>
auto convolution(long size) {
  return size == UP ? convolve<Up, Products> : size == DOWN ? convolve<Down, Products> : convolve<Same, Products>;
}

}  // namespace

extern "C" long panel() { return PANEL; }

extern "C" bool multiplies_bfloat16() {
#ifdef __AVX512BF16__
  return true;
#else
  return false;
#endif
}

// From the first to, not with, the last row of tiles, of all samples, and channel. There are height / 4 rows of tiles of
// a sample (rounded up), (height + 1) / 5 if up; an input that is enlarged is one.
extern "C" void convolve(const Layer *layer, long size, [[maybe_unused]] bool bfloat16, long first_row, long last_row,
                         long first_channel, long last_channel) {
  auto function = convolution<Plain<Float32>>(size);
#ifdef __AVX512BF16__
  if (bfloat16) function = convolution<Plain<BFloat16>>(size);
#endif
#ifdef __AMX_BF16__
  static const bool tiles = multiplies_tiles();
  if (bfloat16 && tiles) {
    start_tiles();
    function = convolution<Tiled>(size);
  }
#endif
  function(*layer, first_row, last_row, first_channel, last_channel);
#ifdef __AMX_BF16__
  if (bfloat16 && tiles) _tile_release();
#endif
}
