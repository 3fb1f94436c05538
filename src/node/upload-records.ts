/** What is known of an upload, and remembered between runs. */
import type { PaymentRecord } from './payment-records.ts';

/** How far an upload is. */
export type UploadStep =
  /** Its price is known; nothing was sent. */
  | 'ready'
  | 'sending'
  /** A part of it was sent; the rest can be. */
  | 'stopped'
  /** In verified blocks that could still be undone. */
  | 'included'
  /** Deep enough to be archived; its segment is not closed yet. */
  | 'deep'
  /** In archived history, and being read back. */
  | 'archived'
  /** Read back and compared. */
  | 'checked'
  | 'failed';

export interface UploadView {
  id: string;
  cid: string;
  /** Path that opens it in this app. */
  path: string;
  name: string;
  kind: 'file' | 'folder';
  step: UploadStep;
  /** Bytes that the person chose, and those that are stored. */
  bytes: number;
  storedBytes: number;
  nodes: number;
  transactions: number;
  /** Transactions that were sent so far. */
  sent: number;
  account: string;
  /** Expected in all, smallest unit, as the node tells; what was paid once that is proven. */
  fee: string;
  /** Block that holds the last of it, and blocks on top of it. */
  block: number | null;
  depth: number;
  /** Depth at which blocks are archived. */
  archivedDepth: number;
  encrypted: boolean;
  error: string | null;
}

/** What is remembered of an upload between runs. */
export interface UploadRecord {
  view: UploadView;
  /** Ids of its transactions. */
  payments: string[];
  /** BLAKE3 of the nodes that must come back, hex. */
  hashes: string[];
  /** Id of the transaction that is being sent: whether it was stands on the wallet's list. Null for none. */
  next?: string | null;
}

/** Whether a transaction of an upload may have been sent that it does not count yet. */
export function isUnsure({ next }: UploadRecord): boolean {
  return next != null;
}

/**
 * Counts the transaction that was being sent if it was: the wallet writes down what it sends before any node has it, so
 * that what is not on its list never will be.
 */
export function settleNext(record: UploadRecord, list: readonly Pick<PaymentRecord, 'id'>[]): void {
  const { view, next } = record;
  record.next = null;
  if (next == null || !list.some(({ id }) => id === next)) return;
  record.payments.push(next);
  view.sent += 1;
  view.step = 'sending';
  view.error = null;
}

/** The app was closed: what was not sent then still can be, if it is `kept` (ids) here. */
export function cutShort(view: UploadView, kept: readonly string[]): void {
  if (view.sent === view.transactions) return;
  if (!kept.includes(view.id))
    return fail(
      view,
      'The app was closed before everything was sent, and the rest is not here any more. Store it again.',
    );
  if (view.step !== 'sending') return;
  view.step = 'stopped';
  view.error = 'The app was closed before everything was sent.';
}

export function fail(view: UploadView, sentence: string): void {
  view.step = 'failed';
  view.error = sentence;
}
