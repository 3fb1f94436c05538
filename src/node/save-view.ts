/** Saves as the page sees them, and as they are remembered. */
import type { WatchedView } from './watched.ts';

export type SaveState =
  | 'running'
  /** What an earlier run had brought is read and checked again. */
  | 'checking'
  /** By the person, or by whatever ended the tab. */
  | 'paused'
  | 'failed'
  /** All is here and verified; the person has to take it, or to allow the file. */
  | 'ready'
  | 'writing'
  | 'done';

export interface SaveView extends WatchedView {
  id: string;
  cid: string;
  /** Path that opens the object in this app. */
  path: string;
  /** Name of the file that it becomes. */
  name: string;
  kind: 'file' | 'folder' | 'metadata';
  state: SaveState;
  /** Stored bytes that are here and verified, and how many there are; null while that is not known. */
  bytes: number;
  totalBytes: number | null;
  /** Of the stored bytes that are here, how many were checked again, or are in the file, in a state of that name. */
  through: number;
  /** Bytes that an earlier run had brought, verified again in this one. */
  resumedFrom: number;
  /** Whether it goes to a file that the person picked, or is handed over as a download. */
  to: 'file' | 'download';
  /** What only the person can give; `room` in the browser's own space, `place`: another file, or room where it lies. */
  needs: 'password' | 'permission' | 'room' | 'place' | null;
  /** The sentence of the failure, and where it happened in a second line. */
  error: string | null;
}

/** What is remembered between runs. */
export interface SaveRecord {
  id: string;
  /** Path of the link. */
  path: string;
  name: string;
  kind: SaveView['kind'];
  totalBytes: number | null;
  target: FileSystemFileHandle | null;
  /** Whether it was handed over as a download, so that it is only here in case that failed. */
  handedOver: boolean;
}

export interface SaveInput {
  link: string;
  /** File that the person picked; null: a download. */
  target: FileSystemFileHandle | null;
}

export interface ResumeInput {
  id: string;
  password?: string;
  /** Another file, or a download after all; as it was when left out. */
  target?: FileSystemFileHandle | null;
}
