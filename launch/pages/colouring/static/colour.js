// sRGB and CIELAB (D65), with the constants of the server.

const EPSILON = 0.008856, SLOPE = 7.787, OFFSET = 16 / 116;
const WHITE = [0.95047, 1, 1.08883];

const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
const gamma = (v) => v <= 0.0031308 ? v * 12.92 : 1.055 * v ** (1 / 2.4) - 0.055;
const f = (v) => v > EPSILON ? Math.cbrt(v) : SLOPE * v + OFFSET;
const inverse = (v) => v > 0.2068966 ? v ** 3 : (v - OFFSET) / SLOPE;

export const toHex = (rgb) => "#" + rgb.map((v) => Math.round(v).toString(16).padStart(2, "0")).join("");
export const fromHex = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

// [L*, a*, b*] of sRGB 0..255.
export function toLab(rgb) {
  const [r, g, b] = rgb.map((v) => linear(v / 255));
  const x = f((0.412453 * r + 0.357580 * g + 0.180423 * b) / WHITE[0]);
  const y = f(0.212671 * r + 0.715160 * g + 0.072169 * b);
  const z = f((0.019334 * r + 0.119193 * g + 0.950227 * b) / WHITE[2]);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

function toLinear(light, a, b) {
  const y = (light + 16) / 116;
  const [x, v, z] = [inverse(y + a / 500) * WHITE[0], inverse(y), inverse(y - b / 200) * WHITE[2]];
  return [3.240479 * x - 1.537150 * v - 0.498535 * z, -0.969256 * x + 1.875992 * v + 0.041556 * z,
    0.055648 * x - 0.204043 * v + 1.057311 * z];
}

// sRGB 0..255; what lies outside is clipped.
export function toRgb(light, a, b) {
  return toLinear(light, a, b).map((v) => 255 * gamma(Math.min(1, Math.max(0, v))));
}

// The greatest chroma that sRGB has at a lightness, for each degree of hue.
export function greatestChroma(light) {
  return Array.from({ length: 360 }, (_, degree) => {
    const [a, b] = [Math.cos(degree * Math.PI / 180), Math.sin(degree * Math.PI / 180)];
    let keep = 0, lost = 140;
    for (let i = 0; i < 9; i += 1) {
      const middle = (keep + lost) / 2;
      if (toLinear(light, middle * a, middle * b).every((v) => v > -0.0005 && v < 1.0005)) keep = middle;
      else lost = middle;
    }
    return keep;
  });
}

// A lightness at which colours can be told apart: in the darkest and the brightest places all look alike.
export const lightnessToShow = (light) => Math.min(78, Math.max(38, light));
