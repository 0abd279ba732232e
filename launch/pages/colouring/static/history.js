// How a picture is coloured, and how it was before. A gesture, such as a drag, is one step however many looks it shows.

export const PLAIN = Object.freeze({ hints: Object.freeze([]), chroma: 1, warmth: 0, temperature: null, variant: 0 });

export class History {
  #past = [];
  #future = [];
  #base = null; // before the gesture that is under way

  constructor() { this.look = PLAIN; }

  get canUndo() { return this.#past.length > 0 || this.#base !== null; }
  get canRedo() { return this.#future.length > 0; }

  // Shows a look as part of a gesture.
  show(look) {
    this.#base ??= this.look;
    this.look = look;
  }

  // Ends the gesture.
  end() {
    if (this.#base !== null && JSON.stringify(this.#base) !== JSON.stringify(this.look)) {
      this.#past.push(this.#base);
      this.#future = [];
    }
    this.#base = null;
  }

  step(look) {
    this.end();
    this.show(look);
    this.end();
  }

  undo() {
    this.end();
    if (!this.#past.length) return;
    this.#future.push(this.look);
    this.look = this.#past.pop();
  }

  redo() {
    this.end();
    if (!this.#future.length) return;
    this.#past.push(this.look);
    this.look = this.#future.pop();
  }
}
