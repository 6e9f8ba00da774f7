// What a block draws: a 1x1 convolution to red, green and blue, added to the image of half the size, enlarged.

#include <algorithm>
#include <vector>

#include "vector.h"

// x [height, width, inputs], weights [3, inputs], bias [3], smaller [height / 2, width / 2, 3], out [height, width, 3].
// From the first to, not with, the last row. Enlarging is zeros inserted and the FIR (1, 3, 3, 1) / 4: a place sees its
// own and the next one on its side, 3 to 1.
extern "C" void to_rgb(const float *x, const float *weights, const float *bias, const float *smaller, float *out,
                       long height, long width, long inputs, float clamp, long first, long last) {
  const long half = 3 * (width / 2);
  std::vector<float> row(half + 6);  // a zero pixel at each end
  for (long y = first; y < last; y++) {
    const long next = y / 2 + (y % 2 ? 1 : -1);
    const float *own = smaller + y / 2 * half, *other = smaller + next * half;
    const bool inside = next >= 0 && next < height / 2;
    for (long i = 0; i < half; i++) row[3 + i] = 0.75f * own[i] + (inside ? 0.25f * other[i] : 0);
    for (long column = 0; column < width; column++) {
      const float *pixel = x + (y * width + column) * inputs;
      Vector sums[3] = {};
      for (long c = 0; c < inputs; c += LANES)
        for (long colour = 0; colour < 3; colour++)
          sums[colour] += load(pixel + c) * load(weights + colour * inputs + c);
      const float *near = &row[3 + 3 * (column / 2)], *far = near + (column % 2 ? 3 : -3);
      for (long colour = 0; colour < 3; colour++) {
        const float drawn = std::clamp(sum(sums[colour]) + bias[colour], -clamp, clamp);
        out[(y * width + column) * 3 + colour] = 0.75f * near[colour] + 0.25f * far[colour] + drawn;
      }
    }
  }
}
