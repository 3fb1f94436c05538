import { useCallback, useEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react';
import type { SectorSnapshot, SectorState } from '../../node/api.ts';
import { sectorText } from './sector-text.ts';

/** Height to stay below where cells need not become smaller than can be seen, in CSS pixels. */
const HEIGHT = 520;
const LARGEST = 14;
const SMALLEST = 3;

interface Layout {
  /** CSS pixels from one cell to the next, its gap included. */
  pitch: number;
  columns: number;
  rows: number;
}

function layoutOf(width: number, count: number): Layout {
  const fitting = Math.floor(Math.sqrt((width * HEIGHT) / count));
  const pitch = Math.max(SMALLEST, Math.min(LARGEST, fitting));
  const columns = Math.max(1, Math.floor(width / pitch));
  return { pitch, columns, rows: Math.ceil(count / columns) };
}

type Ink = 'soft' | 'accent' | 'leaf' | 'amber' | 'red' | 'ink';
type Inks = Record<Ink, string>;

const INKS: Ink[] = ['soft', 'accent', 'leaf', 'amber', 'red', 'ink'];
const STATE_INK: Record<SectorState, { ink: Ink; alpha: number }> = {
  planned: { ink: 'soft', alpha: 0.2 },
  downloading: { ink: 'leaf', alpha: 0.35 },
  encoding: { ink: 'leaf', alpha: 0.35 },
  writing: { ink: 'leaf', alpha: 0.35 },
  plotted: { ink: 'accent', alpha: 0.7 },
  expiring: { ink: 'amber', alpha: 0.9 },
  expired: { ink: 'red', alpha: 0.5 },
  broken: { ink: 'red', alpha: 1 },
};

function inksOf(element: Element): Inks {
  const style = getComputedStyle(element);
  return Object.fromEntries(INKS.map((ink) => [ink, style.getPropertyValue(`--${ink}`).trim()])) as Inks;
}

/** Draws sectors on a canvas, and anew only what changed. */
class Painter {
  private drawn: readonly SectorSnapshot[] = [];
  private marked: number | null = null;
  private readonly scale = window.devicePixelRatio || 1;

  constructor(
    private readonly context: CanvasRenderingContext2D,
    readonly layout: Layout,
    private readonly inks: Inks,
  ) {
    const { canvas } = context;
    const { pitch, columns, rows } = layout;
    canvas.width = Math.round(columns * pitch * this.scale);
    canvas.height = Math.round(rows * pitch * this.scale);
    canvas.style.width = `${columns * pitch}px`;
    canvas.style.height = `${rows * pitch}px`;
  }

  paint(sectors: readonly SectorSnapshot[], marked: number | null): void {
    const before = this.marked;
    this.marked = marked;
    sectors.forEach((sector, index) => {
      const moved = before !== marked && (index === before || index === marked);
      if (moved || sector !== this.drawn[index]) this.cell(sector, index);
    });
    for (let index = sectors.length; index < this.drawn.length; index += 1) this.clear(index);
    this.drawn = sectors;
  }

  /** Left, top and side of a cell, in pixels of the device. */
  private place(index: number): [number, number, number] {
    const { pitch, columns } = this.layout;
    const at = (cells: number): number => Math.round(cells * pitch * this.scale);
    return [at(index % columns), at(Math.floor(index / columns)), Math.round(pitch * this.scale)];
  }

  private clear(index: number): void {
    const [left, top, side] = this.place(index);
    this.context.clearRect(left, top, side, side);
  }

  private cell({ state, progress }: SectorSnapshot, index: number): void {
    const { context, inks } = this;
    const { ink, alpha } = STATE_INK[state];
    this.clear(index);
    const [left, top, whole] = this.place(index);
    const gap = Math.max(1, Math.round(whole / 6));
    const side = whole - gap;
    context.fillStyle = inks[ink];
    context.globalAlpha = alpha;
    context.fillRect(left, top, side, side);
    context.globalAlpha = 1;
    if (ink === 'leaf') {
      const height = Math.round(side * progress);
      context.fillRect(left, top + side - height, side, height);
    }
    if (index !== this.marked) return;
    context.fillStyle = inks.ink;
    context.fillRect(left, top, side, gap);
    context.fillRect(left, top + side - gap, side, gap);
    context.fillRect(left, top, gap, side);
    context.fillRect(left + side - gap, top, gap, side);
  }
}

/** What to draw with, made anew with the width, the colours and the number of sectors. */
function usePainter(count: number) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const [painter, setPainter] = useState<Painter | null>(null);
  useEffect(() => {
    const prepare = (): void => {
      const width = frame.current?.clientWidth ?? 0;
      const context = canvas.current?.getContext('2d') ?? null;
      if (context === null || width === 0) return setPainter(null);
      setPainter(new Painter(context, layoutOf(width, count), inksOf(context.canvas)));
    };
    const size = new ResizeObserver(prepare);
    size.observe(frame.current!);
    const theme = new MutationObserver(prepare);
    theme.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    const scheme = window.matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', prepare);
    const zoom = window.matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
    zoom.addEventListener('change', prepare);
    return () => {
      size.disconnect();
      theme.disconnect();
      scheme.removeEventListener('change', prepare);
      zoom.removeEventListener('change', prepare);
    };
  }, [count]);
  return { canvas, frame, painter };
}

/**
 * Many sectors, a small square each. The pointer or the arrow keys choose one, of which the line below tells; a screen
 * reader hears the same.
 */
export function SectorMap({ sectors, summary }: { sectors: SectorSnapshot[]; summary: string }) {
  const { canvas, frame, painter } = usePainter(sectors.length);
  const [chosen, setChosen] = useState<number | null>(null);
  const marked = chosen !== null && chosen < sectors.length ? chosen : null;
  useEffect(() => painter?.paint(sectors, marked), [painter, sectors, marked]);

  const point = useCallback(
    (event: PointerEvent) => {
      if (painter === null) return;
      const { pitch, columns } = painter.layout;
      const { left, top } = event.currentTarget.getBoundingClientRect();
      const column = Math.floor((event.clientX - left) / pitch);
      const index = Math.floor((event.clientY - top) / pitch) * columns + column;
      if (column >= 0 && column < columns && index >= 0 && index < sectors.length) setChosen(index);
    },
    [painter, sectors.length],
  );
  const press = (event: KeyboardEvent): void => {
    const columns = painter?.layout.columns ?? 1;
    const last = sectors.length - 1;
    const at = marked ?? -1;
    const next: Record<string, number> = {
      ArrowLeft: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at - columns,
      ArrowDown: at < 0 ? 0 : at + columns,
      PageUp: at - 10 * columns,
      PageDown: at + 10 * columns,
      Home: 0,
      End: last,
    };
    const to = next[event.key];
    if (to === undefined) return;
    event.preventDefault();
    setChosen(Math.max(0, Math.min(last, to)));
  };
  const text = marked === null ? null : sectorText(sectors[marked]!);
  return (
    <div className="sector-map" ref={frame}>
      <canvas
        ref={canvas}
        tabIndex={0}
        role="slider"
        aria-label={`Sectors: ${summary}`}
        aria-valuemin={0}
        aria-valuemax={sectors.length - 1}
        aria-valuenow={marked ?? 0}
        aria-valuetext={text ?? summary}
        onPointerMove={point}
        onPointerDown={point}
        onKeyDown={press}
      />
      <p className="small">{text ?? 'Point at a sector, or walk with the arrow keys, to see what it is.'}</p>
    </div>
  );
}
