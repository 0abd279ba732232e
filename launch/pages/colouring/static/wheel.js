// A wheel of colours of one lightness: hue around, strength outwards, as far as sRGB has it.

import { greatestChroma, toHex, toLab, toRgb } from "./colour.js";

const RADIANS = Math.PI / 180;

export class Wheel {
  #light = null;
  #polar = [0, 0]; // hue in degrees, share 0..1 of the greatest chroma

  // `onColour(hex, gesture)` is called as a colour is chosen, `onEnd()` after a drag.
  constructor(canvas, onColour, onEnd) {
    this.canvas = canvas;
    this.onColour = onColour;
    this.onEnd = onEnd;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.#choose(event);
    });
    canvas.addEventListener("pointermove", (event) => { if (canvas.hasPointerCapture(event.pointerId)) this.#choose(event); });
    canvas.addEventListener("lostpointercapture", () => onEnd());
    canvas.addEventListener("keydown", (event) => this.#press(event));
    canvas.addEventListener("keyup", () => onEnd());
  }

  show(light, hex, rgb) {
    const [, a, b] = toLab(rgb);
    if (hex !== this.hex) {
      const hue = (Math.atan2(b, a) / RADIANS + 360) % 360;
      this.#polar = [hue, Math.min(1, Math.hypot(a, b) / Math.max(1, greatestChroma(light)[Math.round(hue) % 360]))];
      this.hex = hex;
    }
    if (this.#light !== light) this.#paint(light);
    this.#draw();
    this.canvas.setAttribute("aria-valuenow", String(Math.round(this.#polar[0])));
    this.canvas.setAttribute("aria-valuetext", `${hex}, hue ${Math.round(this.#polar[0])} degrees, strength ${Math.round(100 * this.#polar[1])} %`);
  }

  #paint(light) {
    this.#light = light;
    this.greatest = greatestChroma(light);
    const side = this.canvas.width, middle = side / 2;
    const image = new ImageData(side, side);
    for (let row = 0; row < side; row += 1) {
      for (let column = 0; column < side; column += 1) {
        const [across, down] = [(column + 0.5 - middle) / middle, (row + 0.5 - middle) / middle];
        const radius = Math.hypot(across, down);
        if (radius > 1) continue;
        const rgb = this.#colour((Math.atan2(-down, across) / RADIANS + 360) % 360, radius);
        image.data.set([...rgb, 255 * Math.min(1, (1 - radius) * middle)], 4 * (row * side + column));
      }
    }
    this.image = image;
  }

  #colour(hue, share) {
    const chroma = share * this.greatest[Math.floor(hue) % 360];
    return toRgb(this.#light, chroma * Math.cos(hue * RADIANS), chroma * Math.sin(hue * RADIANS));
  }

  #draw() {
    const context = this.canvas.getContext("2d"), middle = this.canvas.width / 2;
    context.putImageData(this.image, 0, 0);
    const [hue, share] = this.#polar;
    const [x, y] = [middle + share * (middle - 8) * Math.cos(hue * RADIANS), middle - share * (middle - 8) * Math.sin(hue * RADIANS)];
    for (const [width, colour] of [[6, "#000"], [3, "#fff"]]) {
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.beginPath();
      context.arc(x, y, 9, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  #choose(event) {
    const box = this.canvas.getBoundingClientRect();
    const [across, down] = [(event.clientX - box.left) / box.width * 2 - 1, (event.clientY - box.top) / box.height * 2 - 1];
    this.#set((Math.atan2(-down, across) / RADIANS + 360) % 360, Math.min(1, Math.hypot(across, down)));
  }

  #press(event) {
    const by = { ArrowLeft: [-3, 0], ArrowRight: [3, 0], ArrowUp: [0, 0.03], ArrowDown: [0, -0.03] }[event.key];
    if (!by) return;
    event.preventDefault();
    const times = event.shiftKey ? 5 : 1;
    const [hue, share] = this.#polar;
    this.#set((hue + times * by[0] + 360) % 360, Math.min(1, Math.max(0, share + times * by[1])));
  }

  #set(hue, share) {
    this.#polar = [hue, share];
    this.hex = toHex(this.#colour(hue, share));
    this.onColour(this.hex, true);
  }
}
