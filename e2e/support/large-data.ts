/** As much of everything as somebody may have after a year, with the oddest names. Times are around `now`. */
import type { FarmView, NodeSnapshot, SectorState } from '../../src/node/api.ts';
import { NO_TABLES } from '../../src/crypto/table-pool.ts';
import type { FarmPhase } from '../../src/farm/snapshot.ts';
import type { CredentialView } from '../../src/identity/credential-view.ts';
import type { IdentityView, VerdictView } from '../../src/identity/identity-view.ts';
import type { IssuedCredentialView } from '../../src/identity/issued-credentials.ts';
import type { AccountHistoryView } from '../../src/node/account-history.ts';
import { NO_HELPER } from '../../src/node/helper.ts';
import { NO_TIMEKEEPING } from '../../src/node/keep-time.ts';
import type { KeptView } from '../../src/node/kept-objects.ts';
import type { EntryView, ObjectView } from '../../src/node/object-view.ts';
import type { ObjectsStatus } from '../../src/node/objects.ts';
import type { PaymentRecord, PaymentState } from '../../src/node/payment-records.ts';
import type { UploadStep, UploadView } from '../../src/node/upload-records.ts';
import type { Contact, WalletStatus } from '../../src/wallet/service.ts';
import { encodeAddress } from '../../src/protocol/ss58.ts';
import type { Answers } from './leading-tab.ts';

const range = <T>(length: number, make: (index: number) => T): T[] =>
  Array.from({ length }, (_, i) => make(i));
const hex = (seed: number, bytes = 32): string =>
  range(bytes, (i) => ((seed * 31 + i * 17) & 255).toString(16).padStart(2, '0')).join('');
const address = (seed: number): string =>
  encodeAddress(Uint8Array.from(range(32, (i) => (seed * 37 + i * 11) & 255)));
const cid = (seed: number): string =>
  `bafkr6i${range(52, (i) => 'abcdefghijklmnopqrstuvwxyz234567'[(seed * 7 + i * (seed + 3)) % 32]).join('')}`;

const ODD_NAMES = [
  'Holiday pictures',
  'A folder whose name somebody wrote as a whole sentence, because nothing kept them from it, and then some more',
  'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft-Sicherungskopie',
  'مجلد النسخ الاحتياطي للعائلة',
  'תיקיית גיבוי (2024) final.v2',
  '中文文件夹名称没有任何空格因此整行都不会自动换行除非浏览器允许',
  '👩‍👩‍👧‍👦🏳️‍🌈 family',
  '../../../etc/passwd',
  '<b>bold</b> & "quoted"',
  'x',
];
const nameOf = (index: number): string =>
  `${ODD_NAMES[index % ODD_NAMES.length]}${index < ODD_NAMES.length ? '' : ` ${index}`}`;
/** More tokens than there will be. */
const BILLIONS = '12345678901123456789012345678';
const PHASES: FarmPhase[] = ['farming', 'plotting', 'waiting', 'paused', 'starting', 'failed'];
const STATES: SectorState[] = ['plotted', 'plotted', 'plotted', 'expiring', 'planned', 'broken', 'encoding'];

function farm(index: number, now: number): FarmView {
  const phase: FarmPhase = index < 12 ? PHASES[index % PHASES.length]! : 'farming';
  const failed = phase === 'failed';
  return {
    id: `farm-${index}`,
    kind: index === 0 ? 'opfs' : 'picked',
    name: index === 0 ? 'Browser storage' : nameOf(index),
    readOnly: index % 9 === 8,
    piecesInSector: failed ? null : 4,
    task: index === 3 ? { kind: 'check', done: 12, total: 40, outcome: null, failed: false } : null,
    phase,
    cause: failed
      ? {
          code: index % 2 === 0 ? 'place-lost' : 'no-permission',
          sentence: `The folder “${nameOf(index)}” cannot be reached. Is its drive connected?`,
          action: 'Try again',
          since: now - 3_600_000,
        }
      : null,
    publicKey: hex(index),
    place: `the folder “${nameOf(index)}”`,
    allocatedBytes: 40 * 4_600_000,
    usedBytes: failed ? 0 : 30 * 4_600_000,
    sectors: failed
      ? []
      : range(index % 10 === 7 ? 500 : 40, (sector) => {
          const state = STATES[(sector * (index + 1)) % STATES.length]!;
          return {
            index: sector,
            state,
            progress: state === 'encoding' ? 0.5 : state === 'planned' || state === 'broken' ? 0 : 1,
            historySize: state === 'planned' ? null : '2',
            pieces: 4,
            error: state === 'broken' ? 'A chunk on the disk is not what was written.' : null,
          };
        }),
    plotting:
      phase === 'plotting'
        ? {
            sector: 7,
            stage: 'encoding',
            by: 'tab',
            piecesPerMinute: 61.5,
            piecesDone: 2,
            piecesTotal: 4,
            bytesPerSecond: 1_200_000,
            secondsPerSector: 4.2,
            etaSeconds: 86_400 * 12,
          }
        : null,
    held: phase === 'waiting' ? 'Plotting waits until the machine is plugged in.' : null,
    slots: { audited: 1_234_567, missed: 321, lastAuditMs: 14, medianAuditMs: 12.4 },
    proofs: {
      underWay: 0,
      made: 900,
      accepted: 880,
      late: 12,
      rejected: 8,
      medianMs: 1_700,
      deadlineMs: 8_000,
    },
    rewards: { blocks: 17, votes: 170 },
    history: range(10, (entry) => ({
      slot: String(9_000_000 - entry * 50 - index),
      at: now - entry * 100_000 - index * 1_000,
      outcome: (['won-vote', 'won-block', 'missed', 'rejected'] as const)[entry % 4]!,
      auditMs: 12,
      proveMs: 1_712,
      submitMs: 31,
      reason:
        entry % 4 > 1
          ? 'The proof came 12.3 s after the slot; the network waits 8 s. The machine was busy.'
          : null,
      sector: entry,
    })),
    sleep:
      index === 0
        ? { times: 41, totalMs: 31_000_000, missed: 40, longestMs: 20_000_000, longestAt: now - 5_000_000 }
        : null,
  };
}

/** A node that farms in 50 places, follows the chain for a day, and is in a cluster of 30. */
export function largeSnapshot(now: number): NodeSnapshot {
  const best = 28_431_907;
  return {
    role: 'leader',
    setup: {
      network: {
        id: 'custom',
        name: 'A network with a name that is longer than most',
        endpoints: [
          'wss://a-node-with-a-very-long-name.of-a-provider.example.org:9944/with/a/path?and=query',
        ],
        genesisHash: null,
      },
      farm: { allocatedBytes: 40 * 4_600_000, rewardAddress: null },
      cores: 2,
      potBudget: { mode: 'full' },
    },
    notation: { token: { symbol: 'tAI3', decimals: 18 }, ss58Prefix: 6094 },
    machine: {
      cores: 16,
      crossOriginIsolated: true,
      storage: 'opfs',
      quotaBytes: 60_000_000_000,
      usedBytes: 59_990_000_000,
      persisted: false,
      missing: [],
    },
    chain: {
      phase: 'following',
      cause: null,
      genesisHash: hex(1),
      best: { number: best, hash: hex(2), slot: '170591442', weight: BILLIONS, receivedAt: now - 6_000 },
      finalized: { number: best - 100, hash: hex(3) },
      target: best,
      beginning: { kind: 'genesis', reason: null },
      examination: null,
      headersPerSecond: 0.2,
      sources: range(12, (source) => ({
        url: `wss://node-${source}.a-provider-with-a-long-name.example.org:9944/${'path/'.repeat(source)}`,
        state: (['connected', 'waiting', 'dropped', 'connecting'] as const)[source % 4]!,
        best: source % 4 === 3 ? null : best - source,
        reason:
          source % 4 === 1
            ? 'It does not answer.'
            : source % 4 === 2
              ? 'It sent a header with a false seal.'
              : null,
      })),
      blocks: range(120, (block) => ({
        number: best - block,
        hash: hex(best - block),
        parentHash: hex(best - block - 1),
        slot: String(170_591_442 - block * 6),
        author: hex(block),
        rewardAddress: hex(block + 1),
        own: block % 9 === 4,
        solutionRange: '18446744073709551615',
        final: block > 100,
        onBestChain: block % 13 !== 12,
        checks: ['seal', 'proof of time', 'solution', 'digest', 'segment'].map((rule) => ({ rule, ms: 12 })),
        pot: 'full',
        receivedAt: now - block * 6_000,
      })),
      forks: range(9, (fork) => ({ hash: hex(fork), number: best - fork, length: fork + 1, weight: '1' })),
      refusals: range(60, (refusal) => ({
        at: now - refusal * 60_000,
        source: `wss://node-${refusal}.a-provider-with-a-long-name.example.org:9944`,
        number: best - refusal,
        hash: hex(refusal),
        rule: 'proof-of-time',
        sentence: 'A checkpoint of the proof of time is not what walking from the one before it gives.',
      })),
      pot: {
        slotsVerified: 12_345_678,
        slotsSampled: 0,
        iterationsPerSecond: 2.4e9,
        soundness: 0,
        walker: 'wasm',
        mode: 'full',
        head: { mode: 'full' },
        due: 206e6,
        slot: '170591443',
      } as NonNullable<NodeSnapshot['chain']>['pot'],
      solutionRange: '18446744073709551615',
      historySize: '1234567',
      slotDurationMs: 1000,
      confirmationDepthK: 100,
      rules: { specVersion: 6, preset: false, provenance: { kind: 'told', by: ['a', 'b'], disputedBy: [] } },
      reorgs: range(30, (reorg) => ({
        at: now - reorg * 600_000,
        depth: 1 + (reorg % 4),
        from: hex(reorg),
        to: hex(reorg + 1),
      })),
    },
    farms: range(50, (index) => farm(index, now)),
    rewardAddress: address(1),
    helper: NO_HELPER,
    tables: NO_TABLES,
    timekeeping: NO_TIMEKEEPING,
    cluster: {
      server: 'wss://a-message-broker-with-a-long-name.example.org:4222',
      phase: 'joined',
      cause: null,
      plotter: true,
      farmer: true,
      secrets: 'wallet',
      plotting: { sector: 12, stage: 'encoding', by: 'tab', piecesDone: 300, piecesTotal: 1_000 },
      sectorsDone: 4_321,
      offers: true,
      roster: {
        controllers: range(2, (id) => ({
          id: `controller-${hex(id, 8)}`,
          presence: 'here',
          lastSeen: now - 900,
          slot: '170591442',
        })),
        caches: range(6, (id) => ({
          id: `cache-${hex(id, 8)}`,
          presence: id === 5 ? 'gone' : 'here',
          lastSeen: now - 900 * id,
          capacity: 123_456,
        })),
        plotters: range(8, (id) => ({ id: `plotter-${hex(id, 8)}`, lastSeen: now - id * 9_000 })),
        farms: range(30, (id) => ({
          id: `01J${hex(id, 12)}`,
          presence: (['here', 'here', 'quiet', 'gone'] as const)[id % 4]!,
          lastSeen: now - id * 2_000,
          farmer: `farmer-${hex(id, 8)}`,
          total: id % 7 === 6 ? null : 1_000 * (id + 1),
          plotted: id % 7 === 6 ? null : 990 * (id + 1),
          auditMs: 140 + id,
          proofs: { good: 10, late: id % 5, failed: id % 3 },
          solutions: id * 3,
          error:
            id % 11 === 10 ? 'The disk of this farm answers with I/O errors since yesterday evening.' : null,
          sectors:
            id % 6 === 0
              ? range(3, (sector) => ({
                  index: sector,
                  stage: 'encoding',
                  since: now - 90_000,
                  slow: sector === 2,
                }))
              : [],
          slow: id % 8 === 7 ? ['Audits take longer than a slot.'] : [],
        })),
        slotMs: 1_000,
        sectorSeconds: 95,
      },
    },
    notices: range(300, (id) => ({
      id: 300 - id,
      at: now - id * 47_000,
      level: (['success', 'info', 'warning', 'error'] as const)[id % 4]!,
      category: (['reward', 'chain', 'missed', 'storage', 'farm', 'node', 'payment'] as const)[id % 7]!,
      text: `Something worth a line happened in ${nameOf(id)}, and this is what it was.`,
    })),
    failure: null,
  };
}

const STEPS: UploadStep[] = ['ready', 'sending', 'included', 'deep', 'archived', 'checked', 'failed'];

function upload(index: number): UploadView {
  const step = index === 0 ? 'sending' : STEPS[1 + (index % 6)]!;
  return {
    id: `upload-${index}`,
    cid: cid(index),
    path: `/object/${cid(index)}`,
    name: nameOf(index),
    kind: index % 3 === 0 ? 'folder' : 'file',
    step,
    bytes: 123_456_789,
    storedBytes: 123_000_000,
    nodes: 1_900,
    transactions: 1_900,
    sent: step === 'sending' ? 377 : 1_900,
    account: address(index),
    fee: BILLIONS,
    block: step === 'sending' || step === 'failed' ? null : 28_431_800,
    depth: 44,
    archivedDepth: 100,
    encrypted: index % 2 === 0,
    error:
      step === 'failed' ? 'The account has too little to pay for the last 12 of 1 900 transactions.' : null,
  };
}

/** A list of revocations of the first identity that was sent to be stored, as the app keeps it, and is in history now. */
export const KEPT_LIST = [
  `status-list:did:autoid:${hex(0)}`,
  JSON.stringify({ text: 'a list', cid: cid(4) }),
] as const;

/** Names of the files of a folder: long, from right to left, alike up to their ends, and in folders of folders. */
function fileName(index: number): string {
  if (index % 5 === 0) return nameOf(index).replaceAll('/', '∕');
  return `a file of a long series that begins alike, as cameras and scanners write them, number ${String(index).padStart(4, '0')}.jpeg`;
}

function folder(): ObjectView {
  const entries: EntryView[] = range(500, (index) => ({
    path: index % 50 === 0 ? `folder ${index}` : `folder ${Math.floor(index / 50) * 50}/${fileName(index)}`,
    cid: cid(index),
    kind: index % 50 === 0 ? 'folder' : 'file',
    bytes: 12_345 * (index + 1),
    encrypted: index % 40 === 3,
    preview: 'image',
  }));
  return {
    cid: cid(9_999),
    path: `/object/${cid(9_999)}`,
    kind: 'folder',
    name: ODD_NAMES[1]!,
    storedBytes: 1_234_567_890,
    contentBytes: 1_234_567_890,
    compressed: true,
    encrypted: false,
    locked: false,
    mediaType: 'application/octet-stream',
    preview: null,
    entries,
    found: { giver: 'wss://a-node.example.org', piece: '123456789' },
  };
}

function objectsStatus(): ObjectsStatus {
  return {
    openings: [],
    network: {
      peer: '12D3KooWGRUJjbHNjQBbXyD6gnFQJTLnGkFQTuzEAUyvoQyxfaLz',
      addresses: range(
        4,
        (index) => `/ip4/203.0.113.7/tcp/4001/p2p/12D3KooWGRUJ/p2p-circuit/webrtc/p2p/12D3KooW${index}`,
      ),
      connections: range(60, (index) => ({
        peer: `12D3KooW${hex(index, 22)}`,
        address: `/dns4/peer-${index}.example.org/tcp/443/${['wss', 'webtransport', 'p2p-circuit', 'webrtc'][index % 4]}`,
        direction: index % 3 === 0 ? 'inbound' : 'outbound',
        kind: index === 0 ? 'gateway' : index % 10 === 1 ? 'tab' : 'peer',
        taken: index * 123,
        given: index * 7,
      })),
      refused: range(20, (index) => ({
        peer: `12D3KooW${hex(index, 22)}`,
        reason: 'A piece does not open its commitment.',
      })),
      served: { cached: 12_345, plotted: 678, headers: 91_011 },
      history: { headers: 1_234_000, segments: 1_234_567 },
      near: { pieces: 1_234, wanted: 5_678, usedBytes: 2 ** 30, limitBytes: 2 ** 31, automatic: false },
      rebuilding: { segment: '1234', have: 77 },
      gateway: null,
      indexers: range(
        8,
        (index) => `https://index-${index}.example.org/a/very/long/path/of/an/index/that/is/asked`,
      ),
    },
    cache: {
      pieces: 12_345,
      usedBytes: 12_345 * 1_048_672,
      pinnedBytes: 4_321 * 1_048_672,
      limitBytes: 16 * 2 ** 30,
    },
    transfers: range(40, (index) => ({
      id: `transfer-${index}`,
      cid: cid(index),
      name: index % 7 === 6 ? '' : nameOf(index),
      kind: 'file',
      state: (['running', 'paused', 'done', 'failed'] as const)[index % 4]!,
      bytes: 1_000_000 * index,
      totalBytes: index % 5 === 4 ? null : 50_000_000,
      error: index % 4 === 3 ? 'Nobody has a piece of it.\npiece 123456 of segment 12' : null,
      nodes: index * 10,
      pieces: range(index * 8, (piece) => ({
        index: String(1_000_000 + piece),
        kind: (['peer', 'node', 'cache', 'tab'] as const)[piece % 4]!,
        from: `12D3KooW${piece}`,
      })),
    })),
    saves: [],
    search: null,
    uploads: range(30, upload),
    kept: range(200, (index): KeptView => {
      const kind = index % 6 === 0 ? 'folder' : 'file';
      const own = { cid: cid(index), path: `/object/${cid(index)}`, name: nameOf(index), kind } as const;
      const pieces = range(1 + (index % 4), (piece) => String(piece));
      return { ...own, bytes: 1_234_567 * (index + 1), pinned: index % 3 === 0, pieces, here: 1 };
    }),
    samples: [],
  };
}

function payment(index: number, now: number): PaymentRecord {
  const states: PaymentState[] = [
    { kind: 'waiting', source: 'wss://node.example.org' },
    {
      kind: 'included',
      block: 28_431_000,
      hash: hex(index),
      index: 2,
      success: true,
      failure: null,
      fee: '1234567890123456',
      depth: 44,
      final: index % 2 === 0,
    },
    { kind: 'failed', code: 'too-late', sentence: 'It was not in any block before it ceased to be valid.' },
  ];
  return {
    id: hex(index + 5),
    bytes: '00',
    account: address(index % 20),
    call: {
      title: `Send 12,345,678,901 tAI3 to ${nameOf(index)}`,
      lines: [
        { label: 'To', kind: 'account', value: address(index) },
        { label: 'Amount', kind: 'amount', value: BILLIONS },
      ],
      inner: [],
      name: 'Balances.transfer_keep_alive',
      args: '{}',
      known: true,
    },
    nonce: String(index),
    at: now - index * 3_600_000,
    after: 1,
    lastBlock: 28_432_000,
    expectedFee: '1234567890123456',
    state: states[index % 3]!,
    trouble: index % 9 === 0 ? 'No node answers.' : null,
  };
}

const KINDS = ['received', 'sent', 'block-reward', 'vote-reward', 'fee', 'other'] as const;

function history(now: number): AccountHistoryView {
  return {
    entries: range(1_000, (index) => ({
      block: 28_431_907 - index * 9,
      hash: hex(index),
      at: now - index * 54_000,
      extrinsic: index % 4,
      kind: KINDS[index % KINDS.length]!,
      amount: index % 2 === 0 ? BILLIONS : `-${BILLIONS}`,
      other: index % 3 === 0 ? address(index) : null,
      event: 'Balances.Transfer',
    })),
    looked: { from: 28_000_000, to: 28_431_907 },
    final: 28_431_807,
    gaps: [{ from: 1, to: 27_999_999 }],
    looking: false,
    trouble: null,
  };
}

function walletStatus(): WalletStatus {
  return {
    exists: true,
    unlocked: true,
    methods: [{ kind: 'password' } as WalletStatus['methods'][number]],
    accounts: range(20, (index) => ({
      id: `account-${index}`,
      name: nameOf(index),
      address: address(index),
      kind: index % 4 === 3 ? 'watch' : 'phrase',
      path: '',
    })),
    autoLockMinutes: 15,
  };
}

function identityOf(index: number, now: number): IdentityView {
  return {
    did: `did:autoid:${hex(index)}`,
    name: nameOf(index),
    commonName: nameOf(index),
    role: index % 2 === 0 ? 'own' : 'other',
    kind: 'root',
    canIssue: true,
    keyKind: 'Ed25519',
    fingerprint: hex(index),
    serial: hex(index, 16),
    issuer: index % 5 === 0 ? `did:autoid:${hex(index + 1)}` : null,
    notBefore: now - 700 * 86_400_000,
    notAfter: now + (index - 3) * 9 * 86_400_000,
    purpose:
      index % 6 === 4 ? 'Answers mail while its owner is away, and pays for what was ordered before' : null,
    recoverable: true,
    deactivated: index % 8 === 6,
    issued: [],
  };
}

const VERDICT = {
  chain: 'not-anchored',
  strict: 'not-anchored',
  certificates: 'ok',
  reported: null,
  reportedBlock: null,
  issuerIsOwn: false,
  sentence: 'The network’s registry could not be asked; this identity’s certificates speak for themselves.',
  registry: 'silent',
  reason: 'No node answers.',
  asOf: null,
} as unknown as VerdictView;

function issued(index: number, now: number): IssuedCredentialView {
  return {
    issuer: `did:autoid:${hex(0)}`,
    index,
    subject: `did:autoid:${hex(index)}`,
    subjectName: index % 2 === 0 ? nameOf(index) : null,
    type: 'urn:autonomys:vc:person:1',
    claims: range(4, (claim) => ({ path: [nameOf(claim)], text: nameOf(claim + index) })),
    at: Math.floor(now / 1000) - 86_400,
    until: Math.floor(now / 1000) + 86_400,
    status: (['valid', 'suspended', 'revoked'] as const)[index % 3]!,
  };
}

function credential(index: number, now: number): CredentialView {
  return {
    id: `credential-${index}`,
    type:
      index % 3 === 0
        ? 'urn:autonomys:vc:person:1'
        : `https://schemas.example.org/a/kind/of/credential/${index}`,
    issuer: `did:autoid:${hex(index)}`,
    issuerName: index % 2 === 0 ? nameOf(index) : null,
    subject: null,
    holder: null,
    claims: range(12, (claim) => ({
      path: ['address', nameOf(claim)],
      text: nameOf(claim + index),
      selective: claim % 2 === 0,
    })),
    provable: [],
    issuedAt: Math.floor(now / 1000) - 86_400,
    expiresAt: Math.floor(now / 1000) + 86_400 * index,
    selfIssued: index % 7 === 0,
    status: (['valid', 'revoked', 'unknown', 'none'] as const)[index % 4]! as CredentialView['status'],
    statusSource: null,
    linkable: index % 5 !== 0,
    foreign: index % 9 === 8,
  };
}

/** What a node answers that has as much of everything. */
export function largeAnswers(now: number): Answers {
  return {
    'objects.status': objectsStatus(),
    'objects.open': folder(),
    'wallet.status': walletStatus(),
    'wallet.contacts': range(100, (index): Contact => ({
      id: `contact-${index}`,
      name: nameOf(index),
      address: address(index + 40),
    })),
    'wallet.touch': null,
    'money.list': range(60, (index) => payment(index, now)),
    'money.history': history(now),
    'identities.identities': range(40, (index) => identityOf(index, now)),
    'identities.pendingIdentities': [],
    'identities.verdict': VERDICT,
    'identities.credentials': range(40, (index) => credential(index, now)),
    'identities.shownLog': range(60, (index) => ({
      at: Math.floor(now / 1000) - index,
      audience: nameOf(index),
      claims: [['given_name']],
      proved: [{ attribute: 'birth_days', kind: 'at-most', value: 50_000 }],
    })),
    'identities.promises': [],
    'identities.issuedUnlinkable': [],
    'identities.statusAddresses': [],
    'identities.issuedCredentials': range(300, (index) => issued(index, now)),
    'identities.announcement': { at: now / 1000 - 86_400, until: now / 1000 + 6 * 86_400, outdated: true },
    'identities.delegations': [],
    'identities.auditLog': { entries: [], damagedAt: null },
    balance: {
      address: address(1),
      free: BILLIONS,
      reserved: BILLIONS,
      nonce: 1,
      trust: { kind: 'verified', atBlock: 28_431_907 },
    },
    rewards: {
      solutionRange: '18446744073709',
      slotProbability: ['1', '6'],
      slotDurationMs: 1000,
      expectedVotesPerBlock: 9,
      block: BILLIONS,
      vote: '1234567890123456789',
      trust: { kind: 'verified', atBlock: 28_431_907 },
    },
    farmHistory: range(500, (entry) => ({
      slot: String(8_000_000 - entry * 50),
      at: now - entry * 400_000,
      outcome: (['won-vote', 'missed', 'won-block', 'rejected'] as const)[entry % 4]!,
      auditMs: 12,
      proveMs: 1_712,
      submitMs: 31,
      reason: entry % 4 === 1 ? 'The machine was busy.' : null,
      sector: entry % 40,
      farm: `farm-${entry % 60}`,
    })),
    logs: range(
      10_000,
      (line) =>
        `${new Date(now - (10_000 - line) * 1000).toISOString()} ${['info', 'warning', 'error'][line % 3]} ${nameOf(line)} and what it did`,
    ),
    report: null,
    asleep: null,
  };
}
