import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, equal, fromHex, toHex, utf8 } from './bytes.ts';
import { cidOfHash, hashOfCid } from './cid.ts';
import {
  FileBuilder,
  folderNodes,
  PLAIN_UPLOAD,
  type DagLimits,
  type FileOptions,
  type StoredNode,
} from './dag-builder.ts';
import { decodeNode, encodeNode, hashOfNode, type DagNode, type UploadOptions } from './dag.ts';
import { ProtocolError } from './errors.ts';

const HELLO = utf8('hello world');
const empty: Omit<DagNode, 'type'> = {
  linkDepth: 0,
  size: null,
  name: null,
  data: null,
  uploadOptions: null,
  links: [],
};
const file = (fields: Partial<DagNode>): DagNode => ({
  ...empty,
  type: 'file',
  size: 11n,
  data: HELLO,
  ...fields,
});
const zlib = (chunkSize: number | null): UploadOptions['compression'] => ({
  algorithm: 'zlib',
  level: 9,
  chunkSize,
});

/** Nodes, their bytes and their identifiers as the network's own library makes them. */
const known: [string, DagNode, string, string][] = [
  [
    'an empty leaf',
    { ...empty, type: 'fileChunk', size: 0n, data: new Uint8Array(0) },
    '0a06080218002a00',
    'bafkr6ickl6d3prl2iqk5keyki2a6qniowww7lh2kedek43vrjwk6scwzga',
  ],
  [
    'a leaf',
    { ...empty, type: 'fileChunk', size: 11n, data: HELLO },
    '0a110802180b2a0b68656c6c6f20776f726c64',
    'bafkr6ihypsdidlrmvhlukmz5imhkle7hlok3wpjbniylvm2wugeig7zava',
  ],
  [
    'a file without a name',
    file({}),
    '0a0f180b2a0b68656c6c6f20776f726c64',
    'bafkr6ibg74txtmr4gghq2bdtrrukf42gqelom3plrxiniixnnvjxplwgyy',
  ],
  [
    'a file with a name',
    file({ name: 'hello.txt' }),
    '0a1a180b220968656c6c6f2e7478742a0b68656c6c6f20776f726c64',
    'bafkr6ifumqhtd7zmn323r226etlsyln3hykqpchrl2hnkonwprkwuw3fq4',
  ],
  [
    'a file with empty options',
    file({ name: 'hello.txt', uploadOptions: PLAIN_UPLOAD }),
    '0a1c180b220968656c6c6f2e7478742a0b68656c6c6f20776f726c643200',
    'bafkr6ibb6dwnung2e7fumhyfxbk2ei5dhiq6cvgcn2xdsyglentidiym6y',
  ],
  [
    'a compressed and encrypted file',
    file({
      name: 'hello.txt',
      uploadOptions: { compression: zlib(null), encryption: { algorithm: 'aes-256-gcm', chunkSize: null } },
    }),
    '0a22180b220968656c6c6f2e7478742a0b68656c6c6f20776f726c6432060a0210091200',
    'bafkr6icaorfzvqcbpzweqf2oru47ek3iomqlc2fhbhzbtir654qi5mnks4',
  ],
  [
    'a compressed file',
    file({ name: 'hello.txt', uploadOptions: { compression: zlib(1_048_576), encryption: null } }),
    '0a24180b220968656c6c6f2e7478742a0b68656c6c6f20776f726c6432080a06100918808040',
    'bafkr6icpy5thg4two7khnbl37ktaaks3vnwrnuh4wgmjdobjzzex77s4ma',
  ],
  [
    'a folder',
    {
      ...empty,
      type: 'folder',
      size: 22n,
      name: 'docs',
      links: [
        fromHex('b4640f31ff2c6ef5b8eb5e24d72c2dbb3e150788f15e8ed539b67c556a5b6587'),
        fromHex('26ff2779b23c318f0d04738c68a2f3468116e66deb8dd0d422ed6d5377aec6c6'),
      ],
    },
    '12260a2401551f20b4640f31ff2c6ef5b8eb5e24d72c2dbb3e150788f15e8ed539b67c556a5b658712260a2401551f2026ff2779b23c318f0d04738c68a2f3468116e66deb8dd0d422ed6d5377aec6c60a0a080318162204646f6373',
    'bafkr6iasu23yspkik42vx6xsqci2uytosazcsnjc54qiqhlahfnowjmfvy',
  ],
];

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (31 * i + 7 + 17 * Math.floor(i / 256)) % 256);
}

function build(bytes: Uint8Array, options: Partial<FileOptions> = {}, cut = bytes.length): StoredNode[] {
  const builder = new FileBuilder({ name: 'a.bin', uploadOptions: PLAIN_UPLOAD, ...options });
  const nodes: StoredNode[] = [];
  for (let at = 0; at < bytes.length; at += cut) nodes.push(...builder.push(bytes.subarray(at, at + cut)));
  return [...nodes, ...builder.finish()];
}

/** The bytes of a file's leaves, links in order. */
function assemble(nodes: StoredNode[]): Uint8Array {
  const byHash = new Map(nodes.map(({ hash, bytes }) => [toHex(hash), bytes]));
  const below = (hash: Uint8Array): Uint8Array => {
    const { data, links } = decodeNode(byHash.get(toHex(hash))!);
    return concat(data ?? new Uint8Array(0), ...links.map(below));
  };
  return below(nodes.at(-1)!.hash);
}

describe('identifiers', () => {
  it('are the hash in base 32', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (hash) => {
        const cid = cidOfHash(hash);
        expect(cid.startsWith('bafkr6i')).toBe(true);
        expect(hashOfCid(cid)).toEqual(hash);
      }),
    );
  });

  it.each([
    ['nothing', ''],
    ['another hash', 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'],
    ['the registered BLAKE3', 'bafkr4ibb6dwnung2e7fumhyfxbk2ei5dhiq6cvgcn2xdsyglentidiym6y'],
    ['upper case', 'BAFKR6IBB6DWNUNG2E7FUMHYFXBK2EI5DHIQ6CVGCN2XDSYGLENTIDIYM6Y'],
    ['a letter more', 'bafkr6ibb6dwnung2e7fumhyfxbk2ei5dhiq6cvgcn2xdsyglentidiym6ya'],
    ['bits beyond the end', 'bafkr6ibb6dwnung2e7fumhyfxbk2ei5dhiq6cvgcn2xdsyglentidiym6z'],
    ['another digit', 'bafkr6ibb6dwnung2e7fumhyfxbk2ei5dhiq6cvgcn2xdsyglentidiym61'],
    ['version 0', 'QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG'],
  ])('with %s are refused', (_, text) => {
    expect(() => hashOfCid(text)).toThrow(ProtocolError);
  });
});

describe('nodes', () => {
  it.each(known)('%s', (_, node, bytes, cid) => {
    const encoded = encodeNode(node);
    expect(toHex(encoded)).toBe(bytes);
    expect(cidOfHash(hashOfNode(encoded))).toBe(cid);
    expect(decodeNode(encoded)).toEqual(node);
  });

  const linkHash = '0a2401551f20' + 'ab'.repeat(32);
  const link = `1226${linkHash}`;
  it.each([
    ['no data', link],
    ['data twice', '0a0018000a00'],
    ['a link of another kind', '12260a2401551e20' + 'ab'.repeat(32) + '0a00'],
    ['a link to nothing', '12000a00'],
    ['links before and behind the data', `${link}0a00${link}`],
    ['a link whose name comes before its hash', `12281200${linkHash}0a00`],
    ['a link with two sizes', `122a${linkHash}180118010a00`],
    ['a link with a size of fixed length', `122f${linkHash}1900000000000000000a00`],
    ['data of fixed length', '0900000000000000000a00'],
    ['an unknown field', '0a001a00'],
    ['an unknown type', '0a020808'],
    ['a negative size', '0a0b18ffffffffffffffffff01'],
    ['a negative depth', '0a0b10ffffffffffffffffff01'],
    ['a leaf with links', `${link}0a0408022a00`],
    ['a leaf without data', '0a020802'],
    ['data beside links', `${link}0a022a00`],
    ['a size that lies', '0a05180c2a0168'],
    ['a folder with data', '0a0408032a00'],
    ['an unknown algorithm', '0a0632040a020801'],
    ['a number as a name', '0a022001'],
    ['text as a size', '0a021a00'],
    ['a length beyond its end', '0a05220568'],
    ['a number that does not end', '0a0218ff'],
    ['a field without a number', '0a020001'],
    ['a group', '0a010b'],
  ])('with %s are refused', (_, bytes) => {
    expect(() => decodeNode(fromHex(bytes))).toThrow(ProtocolError);
  });

  it('too large are refused', () => {
    expect(() => decodeNode(new Uint8Array(65_536))).toThrow(ProtocolError);
    const data = new Uint8Array(65_535);
    expect(() => encodeNode({ ...empty, type: 'fileChunk', size: 65_535n, data })).toThrow(RangeError);
  });

  it('with fields of later versions are read without them', () => {
    expect(decodeNode(fromHex('0a09180b3a016840072a00'.replace('180b', '1800')))).toMatchObject({
      size: 0n,
      data: new Uint8Array(0),
    });
  });

  it.each([
    ['half of a character at its end', 'e282ac', 'eda0bd', '\ufffd'],
    ['a byte that begins none', 'e282ac', 'ff4142', '\ufffdAB'],
    ['half of one and no more of it', 'e282ac', '4142ed', 'AB\ufffd'],
  ])('with a name that has %s are read', (_, whole, other, seen) => {
    const begin = 'n'.repeat(252);
    const bytes = toHex(encodeNode(file({ name: `${begin}€` })));
    const node = decodeNode(fromHex(bytes.replace(whole, other)));
    expect(node).toEqual(file({ name: `${begin}${seen}` }));
    const last = toHex(encodeNode(file({ name: `${begin}nn€` })));
    const longest = decodeNode(fromHex(last.replace('e282ac', 'eda0bd')));
    expect(longest.name).toBe(`${begin}nn\ufffd`);
  });

  it('of arbitrary bytes are refused or read, never anything else', () => {
    fc.assert(
      fc.property(fc.constantFrom(...known), fc.nat(), fc.nat(255), ([, , hex], place, byte) => {
        const bytes = fromHex(hex);
        bytes[place % bytes.length] = byte;
        let failure: unknown = null;
        try {
          decodeNode(bytes);
        } catch (error) {
          failure = error;
        }
        expect(failure === null || failure instanceof ProtocolError).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('files', () => {
  const small: DagLimits = { maxNodeBytes: 1000, maxLinks: 4 };
  it.each<[number, Partial<FileOptions>, string, number, number, number]>([
    [0, {}, 'bafkr6ihwrdrzeeubbkgin7zofi3ranpdu6dup5g5bpzovggvjhl744djde', 1, 1, 0],
    [1, {}, 'bafkr6iajhcy5mpxw2gcxpl6gfrz7outbkhimoafctz6xaiyat67a7i6ip4', 1, 0, 0],
    [65_065, {}, 'bafkr6idxttbpiwqmnsutx6i2mrmlfakkvaanwfayylrmbgljqjmon7knai', 1, 0, 0],
    [65_066, {}, 'bafkr6ihdmefkwi7yshmv34uqmhfscunbpq5tpdsrualul4rhmn666qf7iy', 1, 0, 0],
    [200_000, {}, 'bafkr6ietbi6k6odaoqkwfvuxdkcc3ryhamz24pqmysi3ggkuivnp2nns7m', 5, 1, 4],
    [195_195, { name: null }, 'bafkr6ih6upd65mwek25s45fyikc5lghywysnenwxjlcmfo5vjpdvihh66u', 4, 1, 3],
    [200_000, { limits: small }, 'bafkr6iahj2hysy6dski7st4qc6chdcxtrnuoegwvjy2m4jxao272e5pwpu', 505, 5, 2],
  ])('of %s bytes', (length, options, cid, count, depth, links) => {
    for (const cut of [length, 1000, 65_066, 65_067]) {
      const nodes = build(pattern(length), options, Math.max(1, cut));
      expect(cidOfHash(nodes.at(-1)!.hash)).toBe(cid);
      expect(nodes.length).toBe(count);
      const head = decodeNode(nodes.at(-1)!.bytes);
      expect([head.linkDepth, head.links.length]).toEqual([depth, links]);
    }
  });

  /** Identifiers that `@autonomys/auto-dag-data` 1.6.10 gives. */
  it.each<[string, number, string | null, string]>([
    ['of a leaf and a byte', 65_067, 'a.bin', 'bafkr6idnch7pcmlp56xhz7bejtzn47zynoo3qej2xxwm5yut2swmbigcva'],
    ['of two leaves', 130_132, 'a.bin', 'bafkr6ic3ixbtgbkz46najmrmutgyjdr6uqyp33gite2sgjlpvm2sok5mq4'],
    ['of two and a byte', 130_133, 'a.bin', 'bafkr6ihwj3blali4prilk7xng5fg4tzjkvlu7u3iryy5clowdekke2v7nq'],
    ['without a name', 0, null, 'bafkr6ih74lvviprpgp6afhxbbzlee2y2qa7vgzu3uo32xd7xe4aekv2phy'],
    ['with an empty name', 10, '', 'bafkr6ie6gazguxao5qrl3nrtay76nzbv5rusjdqopznf345buof5wetqly'],
    ['the longest', 65_066, 'n'.repeat(255), 'bafkr6iabvl6grsi7odgaccoih3e6vif3o3hbqvrh47ybt2kb34fdvnkgwq'],
    ['of two bytes', 65_066, 'ñ'.repeat(200), 'bafkr6idwfzuvgn5kozrpyd2l2nzpcxueqdbcdtglby5itkdyrfpasidsgy'],
    ['of three bytes', 10, '文'.repeat(255), 'bafkr6idigxmqapalvs46bhrsvxeulaco4t4xxrgtlfs7lvk7nkkbd3sw6u'],
    ['beyond 16 bits', 10, '🎉.txt', 'bafkr6igpiifx2apqc2rz65ell55mz6x5b7bairb2cqfrhribzkm6zgtmdi'],
    ['in two parts', 10, 'e\u0301', 'bafkr6ia37vr4gyicgnusq7vcxmw32lxj4rszhfsyoyjmxkiw7cssh7wkp4'],
    ['with a zero', 10, 'a\0b', 'bafkr6iedbozqn2hpokytidy6qr2wuelwgtcvobbe5agzautjuw3djmjhey'],
    ['with a mark', 10, '\ufeffa', 'bafkr6igfwfb6mprlxfdwgaltriib23mk5rt64cmu4yzcacay3nahp6oave'],
  ])('and names at the limits: %s', (_, length, name, cid) => {
    const head = build(pattern(length), { name }).at(-1)!;
    expect(cidOfHash(head.hash)).toBe(cid);
    expect(decodeNode(head.bytes).name).toBe(name);
  });

  it('whose names leave no room are refused, as by the library', () => {
    expect(() => build(pattern(65_066), { name: 'ñ'.repeat(255) })).toThrow('a node of 65593 bytes');
  });

  it('come back from their nodes, whatever their size', () => {
    fc.assert(
      fc.property(
        fc.nat(4),
        fc.integer({ min: -1, max: 1 }),
        fc.integer({ min: 1, max: 90 }),
        (more, edge, cut) => {
          const limits: DagLimits = { maxNodeBytes: 500, maxLinks: 3 };
          for (const leaves of [1, 3, 9, 27]) {
            const bytes = pattern(Math.max(0, (leaves + more) * 31 + edge));
            const nodes = build(bytes, { limits, name: null }, cut);
            expect(equal(assemble(nodes), bytes)).toBe(true);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('take no name that is too long', () => {
    expect(() => new FileBuilder({ name: 'x'.repeat(256), uploadOptions: null })).toThrow(RangeError);
  });
});

describe('folders', () => {
  const children = known.slice(2, 4).map(([, , hex]) => hashOfNode(fromHex(hex)));
  it('have the identifier of the library', () => {
    const nodes = [
      ...folderNodes(children.toReversed(), { name: 'docs', size: 22n, uploadOptions: PLAIN_UPLOAD }),
    ];
    expect(nodes.map(({ hash }) => cidOfHash(hash))).toEqual([
      'bafkr6icvgd6xaus5b22mqtcijsccdgb7ahzlkwzx4qqz7g7e7dsre4vjwm',
    ]);
  });

  it.each<[number, string, string]>([
    [0, 'f', 'bafkr6ie27pky3fi7e457kdx5r4bo2h47bqftpgsvm5o7eaztvwlbqltvbi'],
    [1, 'f', 'bafkr6iezixyf2maf3q3mg3p4u54bfr6v6rsqp6lgr4mraw5nwrsadlut4q'],
    [2, '', 'bafkr6idz44xwczpvufcogaph7ioi2q7fd34u2l2v6yaim4qq6e4vz7x4hm'],
    [1626, 'f', 'bafkr6ig6lry6nuuo3nzbxbxbskbyj4gi7ms232fqxqcp5tiamlhtixlmoy'],
    [1626, 'n'.repeat(255), 'bafkr6id7rg7idujbl4gxy7zaudvsxmiusl5lgzjzabre4grirmgkhrgxn4'],
    [1627, 'f', 'bafkr6ifxtgeoade7itbqv2sxkpsyykmno4hmpgyyhctdgv6rdhtxfcuuku'],
    [3252, 'f', 'bafkr6igqmm62v5bjsgu4a3lmwdvxjifl5kaqrbvr3lamzbju337cysie3a'],
    [3253, 'f', 'bafkr6ievffitirzindfgno7pbbb7axkv4olm6d65t42lmm5xpfxr7uryie'],
  ])('of %s children have the identifier that its version 1.6.10 gives', (count, name, cid) => {
    const many = Array.from({ length: count }, (_, index) => hashOfNode(utf8(`child ${index}`)));
    const nodes = [...folderNodes(many, { name, size: 5n, uploadOptions: PLAIN_UPLOAD })];
    expect(cidOfHash(nodes.at(-1)!.hash)).toBe(cid);
  });

  it('with many children have levels that count from zero', () => {
    const limits: DagLimits = { maxNodeBytes: 1000, maxLinks: 2 };
    const many = Array.from({ length: 5 }, (_, index) => hashOfNode(Uint8Array.of(index)));
    const nodes = [...folderNodes(many, { name: 'many', size: 0n, uploadOptions: null, limits })].map(
      ({ bytes }) => decodeNode(bytes),
    );
    expect(nodes.map(({ type, linkDepth, links }) => [type, linkDepth, links.length])).toEqual([
      ['folderInlink', 0, 2],
      ['folderInlink', 0, 2],
      ['folderInlink', 0, 1],
      ['folderInlink', 1, 2],
      ['folderInlink', 1, 1],
      ['folder', 2, 2],
    ]);
  });
});

describe('the shape of a node', () => {
  const link = new Uint8Array(32).fill(1);
  const read = (fields: Partial<DagNode>) => () => decodeNode(encodeNode(file(fields)));

  it('has a depth and a size, a name of at most 255, and data of its size or links', () => {
    expect(read({ name: 'n'.repeat(255) })().name).toHaveLength(255);
    expect(read({ name: 'n'.repeat(256) })).toThrow('a name of 256 characters');
    expect(read({ data: null, links: [link], linkDepth: 1 })().links).toEqual([link]);
    expect(read({ links: [link] })).toThrow('data beside links');
    expect(read({ type: 'folder' })).toThrow('data beside links');
    expect(read({ size: 12n })).toThrow('11 bytes of data');
    expect(read({ linkDepth: 1 })).toThrow('data above other nodes');
    for (const type of ['fileChunk', 'metadataChunk'] as const) {
      expect(read({ type })().data).toEqual(HELLO);
      expect(read({ type, data: null })).toThrow('a leaf has data');
      expect(read({ type, data: null, links: [link] })).toThrow('a leaf has data');
    }
  });
});
