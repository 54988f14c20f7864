#include "half.h"

#include <cstring>

namespace {

constexpr int DROPPED_BITS = 23 - 10, BIAS_CHANGE = 127 - 15;
constexpr uint32_t SIGN = 0x80000000, EXPONENT_STEP = 1 << 23, INFINITE = 0x7F800000;
constexpr uint32_t LEAST_NORMAL = (BIAS_CHANGE + 1) * EXPONENT_STEP;
constexpr uint32_t BEYOND_ALL = (127 + 16) * EXPONENT_STEP;
// The power of two at which the last bit of a float is that of a subnormal half.
constexpr uint32_t SUBNORMAL_STEPS = (BIAS_CHANGE + DROPPED_BITS + 1) * EXPONENT_STEP;
constexpr uint16_t HALF_INFINITE = 0x7C00, HALF_NOT_A_NUMBER = 0x7E00;

uint32_t bits_of(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

float from_bits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

uint32_t magnitude_of(uint32_t bits) {
  if (bits > INFINITE) return HALF_NOT_A_NUMBER;
  if (bits >= BEYOND_ALL) return HALF_INFINITE;
  if (bits < LEAST_NORMAL)  // the addition rounds
    return bits_of(from_bits(bits) + from_bits(SUBNORMAL_STEPS)) - SUBNORMAL_STEPS;
  const uint32_t below_half = (1 << (DROPPED_BITS - 1)) - 1, odd = bits >> DROPPED_BITS & 1;
  return (bits - BIAS_CHANGE * EXPONENT_STEP + below_half + odd) >> DROPPED_BITS;
}

}  // namespace

uint16_t half_of(float value) {
  const uint32_t bits = bits_of(value);
  return static_cast<uint16_t>((bits & SIGN) >> 16 | magnitude_of(bits & ~SIGN));
}

float float_of(uint16_t half) {
  const uint32_t sign = uint32_t{half} << 16 & SIGN, shifted = (half & 0x7FFFu) << DROPPED_BITS;
  uint32_t bits = shifted + BIAS_CHANGE * EXPONENT_STEP;
  if (shifted >= uint32_t{HALF_INFINITE} << DROPPED_BITS)
    bits += BIAS_CHANGE * EXPONENT_STEP;
  else if (shifted < EXPONENT_STEP)  // subnormal: without the leading one
    bits = bits_of(from_bits(bits + EXPONENT_STEP) - from_bits(LEAST_NORMAL));
  return from_bits(bits | sign);
}
