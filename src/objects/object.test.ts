import * as fc from 'fast-check';
import { unzipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { loadBlake3 } from '../crypto/blake3.ts';
import { equal, fromHex, toHex, utf8 } from '../protocol/bytes.ts';
import { cidOfHash } from '../protocol/cid.ts';
import { FileBuilder, type DagLimits, type StoredNode } from '../protocol/dag-builder.ts';
import { decodeNode, encodeNode, hashOfNode, type DagNode } from '../protocol/dag.ts';
import { compress } from './compression.ts';
import { keyBytesOfPassword } from './encryption.ts';
import { ObjectError } from './errors.ts';
import { listFolder, openHash, openObject, readObject, type ByteRange } from './object.ts';
import { prepareFile, prepareTree, type PrepareEntry, type PrepareOptions } from './prepare.ts';
import { downloadResponse, errorResponse, objectResponse, rangeOf } from './response.ts';
import { keyOf, type NodeSource } from './tree.ts';
import { zipFolder } from './zip.ts';

const { signal } = new AbortController();

class Nodes implements NodeSource {
  readonly byHash = new Map<string, Uint8Array>();
  readonly fetched: string[] = [];

  constructor(nodes: Iterable<StoredNode> = []) {
    for (const { hash, bytes } of nodes) this.byHash.set(keyOf(hash), bytes);
  }

  add(node: DagNode): Uint8Array {
    const bytes = encodeNode(node);
    const hash = hashOfNode(bytes);
    this.byHash.set(keyOf(hash), bytes);
    return hash;
  }

  node(hash: Uint8Array): Promise<Uint8Array> {
    const bytes = this.byHash.get(keyOf(hash));
    this.fetched.push(keyOf(hash));
    return bytes ? Promise.resolve(bytes) : Promise.reject(new Error('no such node'));
  }
}

function noise(length: number, seed = 1): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}

async function* inParts(bytes: Uint8Array, size = 100_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collect(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part);
  return new Uint8Array(await new Blob(all as BlobPart[]).arrayBuffer());
}

async function stored(bytes: Uint8Array, options: PrepareOptions = {}, name: string | null = 'a.bin') {
  const nodes: StoredNode[] = [];
  for await (const node of prepareFile(inParts(bytes), name, options)) nodes.push(node);
  return { nodes: new Nodes(nodes), hash: nodes.at(-1)!.hash };
}

async function read(nodes: NodeSource, hash: Uint8Array, range?: ByteRange, password?: string) {
  return collect(readObject(nodes, await openHash(nodes, hash, signal), signal, { range, password }));
}

async function failure(work: Promise<unknown>): Promise<ObjectError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof ObjectError) return error;
  throw new Error(`no ObjectError but ${String(error)}`);
}

describe('files', () => {
  it.each([
    ['plain', {}],
    ['compressed', { compressionLevel: 9 }],
    ['encrypted', { password: 'secret' }],
    ['compressed and encrypted', { compressionLevel: 1, password: 'secret' }],
  ] as [string, PrepareOptions][])('%s come back, whole and in ranges', async (_, options) => {
    for (const length of [0, 1, 65_066, 65_067, 2_200_000]) {
      const bytes = noise(length);
      const { nodes, hash } = await stored(bytes, options);
      expect(equal(await read(nodes, hash, undefined, options.password), bytes)).toBe(true);
      const ranges = [
        [0, 1],
        [length - 1, length],
        [length >> 1, (length >> 1) + 70_000],
        [1_048_575, 1_048_577],
        [length, length + 5],
      ].filter(([from, to]) => from! >= 0 && to! > from!);
      for (const [from, to] of ranges as [number, number][]) {
        const part = await read(nodes, hash, { from, to }, options.password);
        expect(equal(part, bytes.subarray(from, to))).toBe(true);
      }
    }
  });

  it('with as many leaves as a head has links, and one more, have the identifiers of the library', async () => {
    await loadBlake3();
    // Made by `@autonomys/auto-dag-data` 1.6.10.
    for (const [length, cid, links] of [
      [105_797_316, 'bafkr6ifx4ltgquigmaocfyzwhoqn27rwgqhhyvb47qcuqyg3sgk6y22kyu', 1626],
      [105_797_317, 'bafkr6ih6f55huvfwjagmjiowkiiypg7ovjg63qq7gayxgycul4ut2yvyyi', 2],
    ] as const) {
      async function* content(): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < length; at += 2 ** 20) {
          const part = new Uint8Array(Math.min(2 ** 20, length - at));
          for (let i = 0; i < part.length; i += 1) part[i] = 31 * (at + i) + 7 + 17 * ((at + i) >> 8);
          yield part;
        }
      }
      let head: StoredNode | null = null;
      for await (const node of prepareFile(content(), 'a.bin')) head = node;
      expect(cidOfHash(head!.hash)).toBe(cid);
      expect(decodeNode(head!.bytes).links).toHaveLength(links);
    }
  }, 60_000);

  it('say what they are before they are read', async () => {
    const bytes = new Uint8Array(1_048_581);
    const plain = await stored(bytes);
    expect(await openObject(plain.nodes, cidOfHash(plain.hash), signal)).toMatchObject({
      kind: 'file',
      name: 'a.bin',
      storedBytes: 1_048_581,
      contentBytes: 1_048_581,
      compressed: false,
      encrypted: false,
    });
    const encrypted = await stored(bytes, { password: 'x' });
    expect(await openHash(encrypted.nodes, encrypted.hash, signal)).toMatchObject({
      storedBytes: 32 + 1_048_608 + 37,
      contentBytes: 1_048_581,
      encrypted: true,
    });
    const compressed = await stored(bytes, { compressionLevel: 9 });
    expect(await openHash(compressed.nodes, compressed.hash, signal)).toMatchObject({
      contentBytes: null,
      compressed: true,
    });
  });

  it('with deep trees are read in order, and ranges skip what lies before them', async () => {
    const limits: DagLimits = { maxNodeBytes: 500, maxLinks: 3 };
    const bytes = noise(31 * 100 + 7);
    const builder = new FileBuilder({ name: null, uploadOptions: null, limits });
    const all = [...builder.push(bytes), ...builder.finish()];
    const nodes = new Nodes(all);
    const { hash } = all.at(-1)!;
    expect(equal(await read(nodes, hash), bytes)).toBe(true);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length), fc.nat(400), async (from, length) => {
        const to = Math.min(bytes.length, from + length);
        expect(equal(await read(nodes, hash, { from, to }), bytes.subarray(from, to))).toBe(true);
      }),
      { numRuns: 60 },
    );
    nodes.fetched.length = 0;
    await read(nodes, hash, { from: 31 * 99, to: 31 * 99 + 1 });
    expect(nodes.fetched.length).toBeLessThan(20);
  });

  it('are fetched only a little ahead of their reader', async () => {
    const { nodes, hash } = await stored(noise(65_066 * 60));
    const object = await openHash(nodes, hash, signal);
    const reader = readObject(nodes, object, signal);
    await reader.next();
    await reader.next();
    expect(nodes.fetched.length).toBeLessThan(40);
    await reader.return(undefined);
  });

  it('that say to be compressed and are not come as they are', async () => {
    const data = utf8('plain text');
    const nodes = new Nodes();
    const uploadOptions = {
      compression: { algorithm: 'zlib', level: 9, chunkSize: null },
      encryption: null,
    } as const;
    const hash = nodes.add({ ...LEAF, type: 'file', size: 10n, data, uploadOptions });
    expect(await read(nodes, hash)).toEqual(data);
  });

  it('are compressed and encrypted as the library does', async () => {
    expect(toHex(await collect(compress(inParts(utf8('hello world')), 9)))).toBe(
      '78dacb48cdc9c95728cf2fca4901001a0b045d',
    );
    expect(toHex(await keyBytesOfPassword('correct horse', new Uint8Array(32).fill(1)))).toBe(
      '3b890f010161a79a761382ea5508c79a13d8e4da5028010dfaba939b8365431a',
    );
  });
});

const LEAF: DagNode = {
  type: 'fileChunk',
  linkDepth: 0,
  size: 1n,
  name: null,
  data: null,
  uploadOptions: null,
  links: [],
};

describe('trees that lie', () => {
  const nodes = new Nodes();
  const leaf = nodes.add({ ...LEAF, data: Uint8Array.of(7) });
  const head = (fields: Partial<DagNode>): DagNode => ({
    ...LEAF,
    type: 'file',
    linkDepth: 1,
    links: [leaf],
    ...fields,
  });
  const inlink = (fields: Partial<DagNode>): Uint8Array => nodes.add(head({ type: 'fileInlink', ...fields }));

  it.each<[string, DagNode, ObjectError['code']]>([
    ['about a larger size', head({ size: 2n }), 'size-lies'],
    ['about a smaller size', head({ size: 1n, links: [leaf, leaf] }), 'size-lies'],
    ['about their depth', head({ linkDepth: 2 }), 'malformed'],
    ['with an inner node too high', head({ linkDepth: 2, links: [inlink({ linkDepth: 2 })] }), 'malformed'],
    ['with too many levels', head({ linkDepth: 9 }), 'out-of-bounds'],
    ['with an empty inner node', head({ linkDepth: 2, links: [inlink({ links: [] })] }), 'malformed'],
    [
      'with an empty leaf',
      head({ links: [nodes.add({ ...LEAF, size: 0n, data: new Uint8Array(0) }), leaf] }),
      'size-lies',
    ],
    [
      'with a folder inside',
      head({ links: [nodes.add({ ...LEAF, type: 'folder', size: 1n })] }),
      'malformed',
    ],
    ['without a size', head({ size: null }), 'malformed'],
    ['about an impossible size', head({ size: 2n ** 60n }), 'out-of-bounds'],
  ])('%s are refused', async (_, node, code) => {
    expect((await failure(read(nodes, nodes.add(node)))).code).toBe(code);
  });

  it('are refused in ranges too', async () => {
    const long = nodes.add({ ...LEAF, size: 3n, data: Uint8Array.of(1, 2, 3) });
    const uneven = nodes.add(head({ size: 8n, links: [leaf, long, long, leaf] }));
    expect((await failure(read(nodes, uneven, { from: 1, to: 8 }))).code).toBe('size-lies');
    expect(await read(nodes, uneven)).toEqual(Uint8Array.of(7, 1, 2, 3, 1, 2, 3, 7));
  });

  it('parts of files are no objects', async () => {
    expect((await failure(read(nodes, leaf))).code).toBe('wrong-kind');
  });

  it('bytes that are no node are refused', async () => {
    const bytes = utf8('an ordinary remark');
    const hash = hashOfNode(bytes);
    nodes.byHash.set(keyOf(hash), bytes);
    const error = await failure(read(nodes, hash));
    expect([error.code, error.values['cid']]).toEqual(['malformed', cidOfHash(hash)]);
  });
});

describe('encrypted files', () => {
  it('need the right password', async () => {
    const { nodes, hash } = await stored(noise(100), { password: 'right' });
    expect((await failure(read(nodes, hash))).code).toBe('password-needed');
    expect((await failure(read(nodes, hash, undefined, 'wrong'))).code).toBe('wrong-password');
  });

  it('that are cut off, reordered or damaged are refused', async () => {
    const whole = await stored(noise(2_200_000), { password: 'p' });
    const bytes = await collect(
      readObject(
        whole.nodes,
        { ...(await openHash(whole.nodes, whole.hash, signal)), head: plainHead(whole) },
        signal,
      ),
    );
    const damaged = Uint8Array.from(bytes);
    damaged[1_500_000]! ^= 1;
    for (const [changed, code] of [
      [bytes.subarray(0, 32 + 1_048_608 + 20), 'damaged'],
      [bytes.subarray(0, 20), 'damaged'],
      [damaged, 'damaged'],
    ] as [Uint8Array, string][]) {
      const nodes: StoredNode[] = [];
      const builder = new FileBuilder({
        name: null,
        uploadOptions: { compression: null, encryption: { algorithm: 'aes-256-gcm', chunkSize: null } },
      });
      nodes.push(...builder.push(changed), ...builder.finish());
      const source = new Nodes(nodes);
      expect((await failure(read(source, nodes.at(-1)!.hash, undefined, 'p'))).code).toBe(code);
    }
  });

  it('in frames that nobody can hold are refused', async () => {
    const nodes = new Nodes();
    for (const chunkSize of [0, -1, 1 << 30]) {
      const uploadOptions = {
        compression: null,
        encryption: { algorithm: 'aes-256-gcm', chunkSize },
      } as const;
      const hash = nodes.add({ ...LEAF, type: 'file', data: Uint8Array.of(1), uploadOptions });
      expect((await failure(read(nodes, hash, undefined, 'p'))).code).toBe('malformed');
    }
  });
});

/** The head of an encrypted file without the field that says so: its stored bytes as a plain file. */
function plainHead({ nodes, hash }: { nodes: Nodes; hash: Uint8Array }): DagNode {
  const links: Uint8Array[] = [];
  for (const key of nodes.byHash.keys())
    if (key !== keyOf(hash)) links.push(Uint8Array.from(key, (one) => one.charCodeAt(0)));
  const size = BigInt(32 + 2 * 1_048_608 + (2_200_000 - 2 * 1_048_576) + 32);
  return { ...LEAF, type: 'file', linkDepth: 1, size, links };
}

describe('folders', () => {
  const file = (name: string, bytes: Uint8Array): PrepareEntry => ({
    kind: 'file',
    name,
    bytes: () => inParts(bytes),
  });
  const big = noise(300_000, 3);

  async function tree(options: PrepareOptions = {}) {
    const nodes: StoredNode[] = [];
    const entries: PrepareEntry[] = [
      file('hello.txt', utf8('hello')),
      file('hello.txt', utf8('again')),
      file('../../etc/passwd', utf8('no')),
      { kind: 'folder', name: 'inside', entries: [file('big.bin', big)] },
      { kind: 'folder', name: 'empty', entries: [] },
    ];
    for await (const node of prepareTree({ kind: 'folder', name: 'docs', entries }, options))
      nodes.push(node);
    return { source: new Nodes(nodes), hash: nodes.at(-1)!.hash };
  }

  it('list what is in them under safe and different names', async () => {
    const { source, hash } = await tree();
    const folder = await openHash(source, hash, signal);
    const names: string[] = [];
    for await (const { path } of listFolder(source, folder, signal, { deep: true })) names.push(path);
    expect(names).toEqual([
      'hello.txt',
      'hello.txt (2)',
      '.._.._etc_passwd',
      'inside',
      'inside/big.bin',
      'empty',
    ]);
    expect((await failure(collect(readObject(source, folder, signal)))).code).toBe('wrong-kind');
  });

  it('become zip files', async () => {
    const { source, hash } = await tree({ compressionLevel: 6, password: 'p' });
    const folder = await openHash(source, hash, signal);
    const files = unzipSync(await collect(zipFolder(source, folder, signal, { password: 'p' })));
    expect(Object.keys(files)).toEqual([
      'hello.txt',
      'hello.txt (2)',
      '.._.._etc_passwd',
      'inside/',
      'inside/big.bin',
      'empty/',
    ]);
    expect(equal(files['inside/big.bin']!, big)).toBe(true);
  });

  it('of more entries than fit are no zip files', async () => {
    const nodes: StoredNode[] = [];
    const same = file('same', utf8('x'));
    const entries = Array.from({ length: 65_535 }, () => same);
    for await (const node of prepareTree({ kind: 'folder', name: 'many', entries })) nodes.push(node);
    const source = new Nodes(nodes);
    const folder = await openHash(source, nodes.at(-1)!.hash, signal);
    const refused = await failure(collect(zipFolder(source, folder, signal)));
    expect(refused.code).toBe('out-of-bounds');
    const names = new Set<string>();
    for await (const { path } of listFolder(source, folder, signal)) names.add(path);
    expect([names.size, names.has('same (65535)')]).toEqual([65_535, true]);
  });
});

describe('responses', () => {
  it('are whole, in part, or refused', async () => {
    const bytes = noise(200_000);
    const { nodes, hash } = await stored(bytes, {}, 'film.mp4');
    const object = await openHash(nodes, hash, signal);
    const whole = await objectResponse(nodes, object, { signal });
    expect([whole.status, whole.headers.get('content-type'), whole.headers.get('content-length')]).toEqual([
      200,
      'video/mp4',
      '200000',
    ]);
    expect(equal(new Uint8Array(await whole.arrayBuffer()), bytes)).toBe(true);
    const part = await objectResponse(nodes, object, { signal, range: 'bytes=150000-' });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 150000-199999/200000']);
    expect(equal(new Uint8Array(await part.arrayBuffer()), bytes.subarray(150_000))).toBe(true);
    const beyond = await objectResponse(nodes, object, { signal, range: 'bytes=200000-' });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */200000']);
  });

  it('let no page run and guess types only where names do not tell', async () => {
    const page = await stored(utf8('<script>alert(1)</script>'), {}, 'index.html');
    const response = await objectResponse(page.nodes, await openHash(page.nodes, page.hash, signal), {
      signal,
    });
    expect(response.headers.get('content-security-policy')).toContain('sandbox');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('content-disposition')).toBe("attachment; filename*=UTF-8''index.html");
    const png = await stored(fromHex('89504e470d0a1a0a0000'), {}, null);
    const image = await objectResponse(png.nodes, await openHash(png.nodes, png.hash, signal), { signal });
    expect(image.headers.get('content-type')).toBe('image/png');
  });

  it('say how long they are, and hold nothing else, where only that is asked', async () => {
    const { nodes, hash } = await stored(noise(200_000), {}, 'film.mp4');
    const object = await openHash(nodes, hash, signal);
    nodes.fetched.length = 0;
    const head = await objectResponse(nodes, object, { signal, headersOnly: true });
    expect([head.status, head.headers.get('content-length'), head.headers.get('accept-ranges')]).toEqual([
      200,
      '200000',
      'bytes',
    ]);
    expect([head.body, nodes.fetched]).toEqual([null, []]);
    // A range is one of content, which is not asked for here: RFC 9110, 14.2.
    for (const range of ['bytes=0-9', 'bytes=200000-']) {
      const same = await objectResponse(nodes, object, { signal, headersOnly: true, range });
      expect([same.status, same.headers.get('content-length'), same.body]).toEqual([200, '200000', null]);
    }
  });

  it('are whole where a range is meant of other content than this', async () => {
    const { nodes, hash } = await stored(noise(100), {}, 'film.mp4');
    const object = await openHash(nodes, hash, signal);
    const answer = async (ifRange: string | null) => {
      const { status, headers } = await objectResponse(nodes, object, { signal, range: 'bytes=-7', ifRange });
      return [status, headers.get('content-length')];
    };
    const tag = `"${cidOfHash(hash)}"`;
    expect(await answer(tag)).toEqual([206, '7']);
    expect(await answer(null)).toEqual([206, '7']);
    for (const other of [`W/${tag}`, `"${cidOfHash(new Uint8Array(32))}"`, 'Fri, 01 Jan 2027 00:00:00 GMT'])
      expect(await answer(other)).toEqual([200, '100']);
  });

  it('of empty files have no part that could be had', async () => {
    const { nodes, hash } = await stored(noise(0), {}, 'a.txt');
    const object = await openHash(nodes, hash, signal);
    const whole = await objectResponse(nodes, object, { signal });
    expect([whole.status, whole.headers.get('content-length'), await whole.text()]).toEqual([200, '0', '']);
    for (const range of ['bytes=0-', 'bytes=0-0', 'bytes=-1']) {
      const part = await objectResponse(nodes, object, { signal, range });
      expect([part.status, part.headers.get('content-range')]).toEqual([416, 'bytes */0']);
    }
  });

  it('run nowhere and are given to no other site, failures and downloads too', async () => {
    const { nodes, hash } = await stored(noise(9), {}, 'a.txt');
    const answers = [
      await objectResponse(nodes, await openHash(nodes, hash, signal), { signal }),
      await downloadResponse(inParts(noise(10)), 'a.html', 10),
      errorResponse(new Error('<script>')),
    ];
    for (const { headers } of answers)
      expect([
        headers.get('content-security-policy'),
        headers.get('x-content-type-options'),
        headers.get('cross-origin-resource-policy'),
      ]).toEqual([expect.stringMatching(/^sandbox; default-src 'none';/), 'nosniff', 'same-origin']);
  });

  it.each(['a.html', 'a.HTM', 'a.svg', 'a.xml', 'a.xhtml', 'a.js', 'a.pdf', 'a.html.', 'a'])(
    'never have a browser run %s',
    async (name) => {
      const { nodes, hash } = await stored(utf8('<script>alert(1)</script>'), {}, name);
      const { headers } = await objectResponse(nodes, await openHash(nodes, hash, signal), { signal });
      const shown = headers.get('content-disposition')!.startsWith('inline');
      const type = headers.get('content-type')!;
      expect(shown ? type : 'only saved').toMatch(/^text\/plain; charset=utf-8$|^only saved$/);
      expect(type).not.toMatch(/javascript|css/);
    },
  );

  it('end with the failure where a part that comes later is missing', async () => {
    const { nodes, hash } = await stored(noise(65_066 * 60), {}, 'film.mp4');
    const object = await openHash(nodes, hash, signal);
    const response = await objectResponse(nodes, object, { signal });
    expect(response.status).toBe(200);
    nodes.byHash.clear();
    await expect(response.text()).rejects.toThrow('no such node');
  });

  it('that a browser saves have a name, and a size where it is known', async () => {
    const known = await downloadResponse(inParts(noise(10)), 'it’s (1).txt', 10);
    expect([...known.headers].filter(([name]) => /length|disposition|security/.test(name))).toEqual([
      ['content-disposition', "attachment; filename*=UTF-8''it%E2%80%99s%20%281%29.txt"],
      ['content-length', '10'],
      ['content-security-policy', expect.stringContaining('sandbox') as string],
    ]);
    const open = await downloadResponse(inParts(noise(10)), '', null);
    expect([open.headers.get('content-length'), open.headers.get('content-disposition')]).toEqual([
      null,
      'attachment',
    ]);
  });

  it('fail before they begin where they can', async () => {
    const { nodes, hash } = await stored(noise(10), { password: 'p' }, 'a.txt');
    const object = await openHash(nodes, hash, signal);
    const error = await failure(objectResponse(nodes, object, { signal }));
    const response = errorResponse(error);
    expect([response.status, await response.text()]).toEqual([
      401,
      'This file is encrypted. Enter its password.',
    ]);
  });

  it.each([
    ['bytes=0-0', { from: 0, to: 1 }],
    ['Bytes=9-9', { from: 9, to: 10 }],
    ['bytes=0-99999999999999999999', { from: 0, to: 10 }],
    ['bytes=99999999999999999999-', 'unsatisfiable'],
    ['bytes=-3', { from: 7, to: 10 }],
    ['bytes=-30', { from: 0, to: 10 }],
    ['bytes=2-', { from: 2, to: 10 }],
    ['bytes=2-99', { from: 2, to: 10 }],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=5-2', null],
    ['bytes=0-1,4-5', null],
    ['pages=1-2', null],
    ['bytes=-', null],
    [null, null],
  ])('understand %s', (header, range) => {
    expect(rangeOf(header, 10)).toEqual(range);
  });
});
