/** Objects that somebody opens at the moment: how far each is, and what gives it up. */
import { unlessAborted } from '../async/unless-aborted.ts';
import type { RetrievalEvent } from '../objects/nodes.ts';
import { segmentOfPiece } from '../protocol/segment.ts';

export interface OpeningView {
  /** Who opens it has chosen this. */
  id: string;
  cid: string;
  /** Those who are asked where it lies; empty once its place is known. */
  asked: string[];
  /** The piece of history that is fetched for it, and who said that it lies there. */
  piece: { index: string; segment: string; giver: string } | null;
  /** Pieces of history that were looked through since. */
  looked: number;
  /** Parts that were verified since: what a folder holds. */
  parts: number;
}

interface Opening {
  view: OpeningView;
  stop: AbortController;
}

export class Openings {
  private readonly openings = new Map<string, Opening>();

  views(): OpeningView[] {
    return [...this.openings.values()].map(({ view }) => view);
  }

  /** Runs what opens an object. Rejects as soon as it is given up, whatever the work waits for then. */
  async run<T>(id: string, cid: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.cancel(id);
    const stop = new AbortController();
    const opening = { view: { id, cid, asked: [], piece: null, looked: 0, parts: 0 }, stop };
    this.openings.set(id, opening);
    try {
      return await unlessAborted(stop.signal, work(stop.signal));
    } finally {
      if (this.openings.get(id) === opening) this.openings.delete(id);
    }
  }

  /** Gives up what is being opened under an id; nothing is fetched for it any more. */
  cancel(id: string): void {
    this.openings.get(id)?.stop.abort(new DOMException('It is not opened any more.', 'AbortError'));
  }

  note(event: RetrievalEvent): void {
    for (const { view } of this.openings.values()) {
      if (event.kind === 'looked') view.looked += 1;
      else if (event.kind === 'verified') view.parts += 1;
      else if (event.cid !== view.cid) continue;
      else if (event.kind === 'asking') Object.assign(view, { asked: event.whom, piece: null });
      else if (event.kind === 'fetching') Object.assign(view, { asked: [], piece: placeOf(event) });
    }
  }
}

function placeOf({
  place: { pieceIndex },
  giver,
}: RetrievalEvent & { kind: 'fetching' }): OpeningView['piece'] {
  return { index: String(pieceIndex), segment: String(segmentOfPiece(pieceIndex)), giver };
}
