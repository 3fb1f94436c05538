/** Opens objects for the page: finds and verifies their heads, and remembers by which passwords they open. */
import { ObjectError } from '../objects/errors.ts';
import { objectPath, parseObjectLink, type ObjectLink } from '../objects/link.ts';
import type { RetrievalEvent } from '../objects/nodes.ts';
import type { OpenedObject } from '../objects/object.ts';
import type { ObjectService } from '../objects/service.ts';
import { cidOfHash } from '../protocol/cid.ts';
import { entriesOf, viewOf, type ObjectView } from './object-view.ts';
import { Openings, type OpeningView } from './openings.ts';

export interface OpenInput {
  link: string;
  password?: string;
  /** Under which it is watched and given up; its identifier when left out. */
  id?: string;
  /** The folder that it was opened from, whose files mostly share a password. */
  folder?: string;
}

export class ObjectOpener {
  /** Passwords that are known to open objects, or files in a folder, by identifier. */
  readonly passwords = new Map<string, string>();
  private readonly openings = new Openings();

  /** `current`: the service of the moment, which is another one once other indexes are asked. */
  constructor(private readonly current: () => ObjectService) {}

  /** What is being opened. */
  views(): OpeningView[] {
    return this.openings.views();
  }

  /** Something happened while objects are opened. */
  note(event: RetrievalEvent): void {
    this.openings.note(event);
  }

  /**
   * Finds and verifies an object's head, and the heads of what a folder holds. Remembers a right password.
   *
   * @throws ObjectError, NoProof, and an AbortError once it is given up.
   */
  async open(input: OpenInput): Promise<ObjectView> {
    const link = parseObjectLink(input.link);
    const folder = input.folder === undefined ? null : parseObjectLink(input.folder).cid;
    return this.openings.run(input.id ?? link.cid, link.cid, (signal) =>
      this.opened(link, { folder, password: input.password }, signal),
    );
  }

  /** Gives up what is being opened under an id. */
  cancel(id: string): void {
    this.openings.cancel(id);
  }

  private async opened(
    link: ObjectLink,
    by: { folder: string | null; password: string | undefined },
    signal: AbortSignal,
  ): Promise<ObjectView> {
    const service = this.current();
    const object = await service.open(link, signal);
    if (by.password !== undefined) {
      await this.unlock(service, object, by.password, signal);
      if (by.folder !== null) this.passwords.set(by.folder, by.password);
    } else if (object.encrypted && !this.passwords.has(link.cid))
      await this.unlockAs(service, by.folder, object, signal);
    const shared = service.linkTo(object, link.cid);
    const [place] = shared.hints;
    const giver = service.giverOf(object) ?? 'the history around it';
    return {
      ...viewOf(object),
      cid: link.cid,
      path: objectPath(shared),
      locked: object.encrypted && !this.passwords.has(link.cid),
      entries: object.kind === 'folder' ? await entriesOf(service, object, signal) : null,
      found: place === undefined ? null : { giver, piece: String(place.pieceIndex) },
    };
  }

  /** By the password of the folder that it lies in, if it opens with that. */
  private async unlockAs(
    service: ObjectService,
    folder: string | null,
    object: OpenedObject,
    signal: AbortSignal,
  ): Promise<void> {
    const password = this.passwords.get(folder ?? '');
    if (password === undefined) return;
    await this.unlock(service, object, password, signal).catch((error: unknown) => {
      if (!(error instanceof ObjectError) || error.code !== 'wrong-password') throw error;
    });
  }

  private async unlock(
    service: ObjectService,
    object: OpenedObject,
    password: string,
    signal: AbortSignal,
  ): Promise<void> {
    // Decrypting the beginning tells whether the password is right; it throws otherwise.
    await service.read(object, signal, { password, range: { from: 0, to: 1 } }).next();
    this.passwords.set(cidOfHash(object.hash), password);
  }
}
