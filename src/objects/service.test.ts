import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, equal, fromHex, utf8 } from '../protocol/bytes.ts';
import { cidOfHash } from '../protocol/cid.ts';
import { PIECE_BYTES, RAW_RECORD_BYTES } from '../protocol/constants.ts';
import type { StoredNode } from '../protocol/dag-builder.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { globalObjectMappingToJson } from '../protocol/object-mapping.ts';
import { recordFromRaw } from '../protocol/record.ts';
import { ScaleWriter } from '../protocol/scale.ts';
import type { GlobalObject, PieceIndex } from '../protocol/types.ts';
import { objectPath, parseObjectLink } from './link.ts';
import type { Locator } from './locate.ts';
import { indexerLocator, nodeLocator } from './locators.ts';
import { prepareFile, prepareTree } from './prepare.ts';
import { ObjectService } from './service.ts';
import type { PieceAccess } from './window.ts';

const { signal } = new AbortController();

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** A folder stored in one piece of history: its places, and the supply that has the piece. */
async function archive() {
  const nodes: StoredNode[] = [];
  const file = (name: string, text: string) => ({
    kind: 'file' as const,
    name,
    bytes: () => once(utf8(text)),
  });
  const entries = [
    file('a.txt', 'first'),
    { kind: 'folder' as const, name: 'in', entries: [file('b.txt', 'second')] },
  ];
  for await (const node of prepareTree({ kind: 'folder', name: 'all', entries })) nodes.push(node);
  return placed(nodes);
}

/** Nodes in one piece of history. */
function placed(nodes: readonly StoredNode[]) {
  const places: GlobalObject[] = [];
  const parts: Uint8Array[] = [new Uint8Array(300)];
  let offset = 300;
  for (const { hash, bytes } of nodes) {
    places.push({ hash, pieceIndex: 40n, offset });
    const remark = new ScaleWriter().byteVector(bytes).bytes();
    parts.push(remark);
    offset += remark.length;
  }
  const raw = new Uint8Array(RAW_RECORD_BYTES);
  raw.set(concat(...parts));
  const piece = new Uint8Array(PIECE_BYTES);
  piece.set(recordFromRaw(raw));
  const pieces = {
    pieces: (indices: readonly PieceIndex[]) =>
      Promise.resolve(indices.map((index) => (index === 40n ? piece : null))),
  };
  return { pieces, places, head: places.at(-1)! };
}

const respond = async (service: ObjectService, link: string, path: string[]) => {
  const response = await service.respond(link, path, { signal });
  return [response.status, await response.text()];
};

describe('the service of objects', () => {
  it('answers links, paths into folders, and what is not there', async () => {
    const { pieces, head } = await archive();
    const service = new ObjectService({ pieces, locators: [] });
    const link = objectPath({ cid: cidOfHash(head.hash), hints: [head] });
    expect(await respond(service, link, ['a.txt'])).toEqual([200, 'first']);
    expect(await respond(service, link, ['in', 'b.txt'])).toEqual([200, 'second']);
    expect(await respond(service, link, ['in', 'c.txt'])).toEqual([
      404,
      'There is no “c.txt” in this folder.',
    ]);
    expect(await respond(service, link, [])).toEqual([409, 'This is a folder, not a file.']);
    expect((await respond(service, 'bafy', []))[0]).toBe(502);
    const folder = await service.open(link, signal);
    expect(service.linkTo(folder, cidOfHash(head.hash)).hints).toMatchObject([{ pieceIndex: 40n }]);
  });

  it('tells who told where an object lies, and takes places from a search', async () => {
    const { pieces, head } = await archive();
    const service = new ObjectService({ pieces, locators: [] });
    const cid = cidOfHash(head.hash);
    expect((await respond(service, cid, []))[0]).toBe(404);
    service.addPlace(head);
    const folder = await service.open(cid, signal);
    expect(service.giverOf(folder)).toBe('a search through history');
    expect(new ObjectService({ pieces, locators: [] }).giverOf(folder)).toBeNull();
  });

  it('gives a file the name that its own address ends with, and finds nothing inside it', async () => {
    const { pieces, places, head } = await archive();
    const service = new ObjectService({ pieces, locators: [] });
    for (const place of places) service.addPlace(place);
    const folder = await service.open(cidOfHash(head.hash), signal);
    const entries = [];
    for await (const entry of service.entries(folder, signal)) entries.push(entry);
    const file = cidOfHash(entries.find(({ path }) => path === 'a.txt')!.hash);
    expect(await respond(service, file, ['other.txt'])).toEqual([200, 'first']);
    expect((await respond(service, file, ['in', 'other.txt']))[0]).toBe(409);
  });

  it('reads small files whole, and says of others that they are none', async () => {
    const limit = 1024 * 1024;
    const stored = async (length: number) => {
      const nodes: StoredNode[] = [];
      for await (const node of prepareFile(once(new Uint8Array(length)), 'a', { compressionLevel: 9 }))
        nodes.push(node);
      const { pieces, places } = placed(nodes);
      const service = new ObjectService({ pieces, locators: [] });
      for (const place of places) service.addPlace(place);
      return service.small(cidOfHash(nodes.at(-1)!.hash));
    };
    expect((await stored(3))?.length).toBe(3);
    expect((await stored(limit))?.length).toBe(limit);
    expect(await stored(limit + 1)).toBeNull();
    const { pieces, head } = await archive();
    const service = new ObjectService({ pieces, locators: [] });
    expect(await service.small(cidOfHash(head.hash))).toBeNull();
    service.addPlace(head);
    expect(await service.small(cidOfHash(head.hash))).toBeNull();
    const broken = new Error('a fault of the program');
    const failing = new ObjectService({ pieces: { pieces: () => Promise.reject(broken) }, locators: [] });
    failing.addPlace(head);
    await expect(failing.small(cidOfHash(head.hash))).rejects.toBe(broken);
  });

  it('uses nodes and indexers', async () => {
    const { pieces, places, head } = await archive();
    const asked: number[] = [];
    const node = nodeLocator({
      name: 'node',
      onFilteredObjectMappings: (hashes, listener) => {
        asked.push(hashes.length);
        queueMicrotask(() =>
          listener({ objects: places.filter(({ hash }) => hashes.some((one) => equal(one, hash))) }),
        );
        return () => undefined;
      },
    });
    const cid = cidOfHash(head.hash);
    expect(await respond(new ObjectService({ pieces, locators: [node] }), cid, ['a.txt'])).toEqual([
      200,
      'first',
    ]);
    expect(asked.length).toBeGreaterThan(0);
    const indexer = indexerLocator('https://index.example', (url) => {
      expect(String(url)).toContain('https://index.example/objects/');
      const json = JSON.stringify(globalObjectMappingToJson(places), (_, value: unknown) =>
        typeof value === 'bigint' ? Number(value) : value,
      );
      return Promise.resolve(new Response(json));
    });
    const other = new ObjectService({ pieces, locators: [indexer] });
    expect(await respond(other, cid, ['in', 'b.txt'])).toEqual([200, 'second']);
  });

  it('does without nodes that are silent and indexers that fail', async () => {
    const { pieces, head } = await archive();
    const silent = nodeLocator(
      { name: 'silent', onFilteredObjectMappings: () => () => undefined },
      { takesMs: 20 },
    );
    const broken = indexerLocator('https://index.example', () =>
      Promise.resolve(new Response('no', { status: 500 })),
    );
    const service = new ObjectService({ pieces, locators: [silent, broken] });
    const [status, sentence] = await respond(service, cidOfHash(head.hash), []);
    expect(status).toBe(503);
    expect(sentence).toContain('No answer came from silent, https://index.example; try again.');
  });
});

describe('indexers that point anywhere', () => {
  it('cost a few pieces and some time, and what others know is found', async () => {
    const { pieces, places, head } = await archive();
    const cid = cidOfHash(head.hash);
    const wild = fc.array(
      fc.record({
        // Beyond the history, beyond 64 bits less one piece, and where other things lie.
        pieceIndex: fc.oneof(
          fc.bigInt(0n, 2n ** 64n - 1n),
          fc.constantFrom(0n, 39n, 40n, 42n, 254n, 2n ** 64n - 2n),
        ),
        offset: fc.oneof(fc.nat({ max: 2 ** 32 - 1 }), fc.nat({ max: 200 }), fc.constant(1_015_807)),
      }),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(wild, async (lies) => {
        let asked = 0;
        const counting: PieceAccess = {
          pieces: (indices) => {
            asked += indices.length;
            return pieces.pieces(indices);
          },
        };
        const liar = indexerLocator('https://liar.example', (url) => {
          const hashes = String(url)
            .split('/')
            .at(-1)!
            .split('+')
            .map((hex) => fromHex(hex));
          const objects = hashes.flatMap((hash) => lies.map((place) => ({ hash, ...place })));
          return Promise.resolve(
            new Response(
              JSON.stringify(globalObjectMappingToJson(objects), (_, value: unknown) =>
                typeof value === 'bigint' ? String(value) : value,
              ).replaceAll(/"([0-9]{1,20})"/g, '$1'),
            ),
          );
        });
        const honest: Locator = {
          name: 'honest',
          locate: (hashes) =>
            Promise.resolve(places.filter(({ hash }) => hashes.some((one) => equal(one, hash)))),
        };
        const service = new ObjectService({ pieces: counting, locators: [liar, honest] });
        expect(await respond(service, cid, ['a.txt'])).toEqual([200, 'first']);
        expect(asked).toBeLessThan(400);
        const alone = new ObjectService({ pieces: counting, locators: [liar] });
        const [status] = await respond(alone, cid, []);
        expect([404, 409, 502, 503]).toContain(status);
      }),
      { numRuns: 25 },
    );
  });
});

describe('links', () => {
  const cid = 'bafkr6ibb6dwnung2e7fumhyfxbk2ei5dhiq6cvgcn2xdsyglentidiym6y';

  it('are found in what was pasted', () => {
    const hints = [{ pieceIndex: 40n, offset: 7 }];
    expect(parseObjectLink(` ${cid}\n`)).toEqual({ cid, hints: [] });
    expect(parseObjectLink(`https://example.org/file/${cid}?download`)).toEqual({ cid, hints: [] });
    const link = `http://127.0.0.1:4173${objectPath({ cid, hints })}`;
    expect(parseObjectLink(link)).toEqual({ cid, hints });
    // Cut off on its way; of another version.
    expect(parseObjectLink(link.slice(0, -3))).toEqual({ cid, hints: [] });
    expect(parseObjectLink(`${cid}?at=AQ`)).toEqual({ cid, hints: [] });
  });

  it.each(['', 'hello', `${cid}x`, 'https://example.org/'])('“%s” is none', (text) => {
    expect(() => parseObjectLink(text)).toThrow(ProtocolError);
  });

  it('say what is missing where a person pasted something else', () => {
    expect(() => parseObjectLink('hello')).toThrow(
      expect.objectContaining({ sentence: expect.stringContaining('begins with bafkr6i') }),
    );
  });
});
