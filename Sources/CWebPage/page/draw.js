// What is drawn: rates over time, and pieces.

/** A canvas as sharp as the screen, cleared; null while it has no size. */
function surface(canvas) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (!width || !height) return null;
  const scale = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
  if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  // Its colours come by properties that it has no other use for, computed for the theme.
  const style = getComputedStyle(canvas);
  return { context, width, height, accent: style.color, quiet: style.outlineColor,
    faint: style.borderTopColor };
}

/** Rates of the last minutes, one sample a second. */
export class Rates {
  constructor(count = 240) {
    this.count = count;
    this.down = [];
    this.up = [];
  }

  add(down, up) {
    this.down.push(down);
    this.up.push(up);
    if (this.down.length > this.count) {
      this.down.shift();
      this.up.shift();
    }
  }

  /** Returns the rate at the upper edge. */
  draw(canvas) {
    const on = surface(canvas);
    const most = Math.max(1024, ...this.down, ...this.up) * 1.1;
    if (!on) return most;
    const { context, width, height } = on;
    const step = width / (this.count - 1);
    context.fillStyle = on.faint;
    context.fillRect(0, height - 1, width, 1);
    const line = (values) => {
      context.beginPath();
      values.forEach((value, at) => {
        const x = width - (values.length - 1 - at) * step;
        const y = height - 1 - (value / most) * (height - 2);
        if (at) context.lineTo(x, y);
        else context.moveTo(x, y);
      });
    };
    if (this.down.length > 1) {
      line(this.down);
      context.lineTo(width, height);
      context.lineTo(width - (this.down.length - 1) * step, height);
      context.globalAlpha = 0.14;
      context.fillStyle = on.accent;
      context.fill();
      context.globalAlpha = 1;
    }
    context.lineWidth = 1.5;
    context.lineJoin = "round";
    for (const [values, style] of [[this.up, on.quiet], [this.down, on.accent]]) {
      line(values);
      context.strokeStyle = style;
      context.stroke();
    }
    return most;
  }
}

/** The bytes of base64. */
export function bytesOf(text) {
  return Uint8Array.from(atob(text ?? ""), (letter) => letter.charCodeAt(0));
}

/**
 * Draws the pieces as cells, each for one or more of them: filled as far as they are here. How
 * many peers have them is the line under each row of cells; nobody's are left without one.
 */
export function drawPieces(canvas, count, has, availability) {
  const on = surface(canvas);
  if (!on || !count) return;
  const { context, width, height } = on;
  const [cellWidth, cellHeight, gap] = [9, 12, 2];
  const columns = Math.max(1, Math.floor((width + gap) / (cellWidth + gap)));
  const lines = Math.max(1, Math.floor((height + gap) / (cellHeight + gap)));
  const cells = Math.min(count, columns * lines);
  const most = availability.reduce((most, value) => Math.max(most, value), 1);
  for (let cell = 0; cell < cells; cell += 1) {
    const from = Math.floor((cell * count) / cells);
    const to = Math.floor(((cell + 1) * count) / cells);
    let [here, copies] = [0, 255];
    for (let piece = from; piece < to; piece += 1) {
      here += has(piece) ? 1 : 0;
      copies = Math.min(copies, availability[piece] ?? 0);
    }
    const x = (cell % columns) * (cellWidth + gap);
    const y = Math.floor(cell / columns) * (cellHeight + gap);
    const part = here / (to - from);
    context.fillStyle = on.faint;
    context.fillRect(x, y, cellWidth, cellHeight);
    if (part > 0) {
      context.fillStyle = on.accent;
      context.globalAlpha = 0.25 + 0.75 * part;
      context.fillRect(x, y, cellWidth, cellHeight - 3);
      context.globalAlpha = 1;
    }
    if (copies > 0) {
      context.fillStyle = on.quiet;
      context.globalAlpha = 0.3 + 0.7 * Math.min(1, copies / most);
      context.fillRect(x, y + cellHeight - 2, cellWidth, 2);
      context.globalAlpha = 1;
    }
  }
}
