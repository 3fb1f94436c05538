/**
 * What two browsers tell each other to connect: a few values of a session description, from which the description is
 * written anew. A description that somebody else wrote is never given to the browser.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8 } from '../protocol/bytes.ts';

const MAX_CANDIDATES = 8;
const MAX_CODE_CHARACTERS = 2000;
/** Role, user fragment, password, fingerprint, addresses. */
const CODE =
  /^allotment-meeting:(offer|answer):([A-Za-z0-9+/]{4,64}):([A-Za-z0-9+/]{22,128}):([0-9A-F]{64}):(\S+)$/;
/** An address of the local network, or the name that stands for it there, and a port. */
const CANDIDATE = /^([0-9a-fA-F:.]{2,45}|[0-9a-f-]{36}\.local)@([1-9]\d{0,4})$/;

export interface MeetingCode {
  /** Who begins, or who joins. */
  role: 'offer' | 'answer';
  ufrag: string;
  password: string;
  /** SHA-256 of the certificate that the connection is held to, hex. */
  fingerprint: string;
  candidates: { address: string; port: number }[];
}

/**
 * The values of a description that the own browser made. Throws Error with a sentence if it has no address, or is of a
 * form that this does not know.
 */
export function codeOf(role: MeetingCode['role'], sdp: string): MeetingCode {
  const value = (name: string) => new RegExp(`^a=${name}:(.+?)\\r?$`, 'm').exec(sdp)?.[1]?.trim() ?? '';
  const candidates = [...sdp.matchAll(/^a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host/gim)].map(
    ([, address, port]) => ({ address: address!, port: Number(port) }),
  );
  if (candidates.length === 0)
    throw new Error('This browser is in no network, so that nobody can connect to it.');
  const code = {
    role,
    ufrag: value('ice-ufrag'),
    password: value('ice-pwd'),
    fingerprint: value('fingerprint')
      .replace(/^sha-256 /i, '')
      .replaceAll(':', '')
      .toUpperCase(),
    candidates: candidates.slice(0, MAX_CANDIDATES),
  };
  return decodeMeetingCode(encodeMeetingCode(code), role);
}

/** A code as text, to be shown or handed over. */
export function encodeMeetingCode({ role, ufrag, password, fingerprint, candidates }: MeetingCode): string {
  const places = candidates.map(({ address, port }) => `${address}@${port}`).join(',');
  return ['allotment-meeting', role, ufrag, password, fingerprint, places].join(':');
}

/** A code of its text, of the role that is waited for. Throws Error with a sentence. */
export function decodeMeetingCode(text: string, role: MeetingCode['role']): MeetingCode {
  const trimmed = text.trim();
  const [, found, ufrag, password, fingerprint, places] =
    trimmed.length <= MAX_CODE_CHARACTERS ? (CODE.exec(trimmed) ?? []) : [];
  const candidates = (places?.split(',') ?? []).flatMap((place) => {
    const [, address, port] = CANDIDATE.exec(place) ?? [];
    return address === undefined || Number(port) > 65_535 ? [] : [{ address, port: Number(port) }];
  });
  if (
    candidates.length === 0 ||
    candidates.length > MAX_CANDIDATES ||
    candidates.length !== places!.split(',').length
  )
    throw new Error('This is not the code of a meeting.');
  if (found !== role)
    throw new Error(
      role === 'offer'
        ? 'This is the code of somebody who joins. You need that of the one who begins.'
        : 'This is the code of somebody who begins. You need that of the one who joins.',
    );
  return { role, ufrag: ufrag!, password: password!, fingerprint: fingerprint!, candidates };
}

/** The session description that a code stands for: one data channel and nothing else. */
export function descriptionOf({
  role,
  ufrag,
  password,
  fingerprint,
  candidates,
}: MeetingCode): RTCSessionDescriptionInit {
  const lines = [
    'v=0',
    'o=- 1 2 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    'a=group:BUNDLE 0',
    'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
    'c=IN IP4 0.0.0.0',
    ...candidates.map(
      ({ address, port }, index) =>
        `a=candidate:${index + 1} 1 udp ${2_113_937_151 - index} ${address} ${port} typ host`,
    ),
    `a=ice-ufrag:${ufrag}`,
    `a=ice-pwd:${password}`,
    `a=fingerprint:sha-256 ${fingerprint.match(/../g)!.join(':')}`,
    `a=setup:${role === 'offer' ? 'actpass' : 'active'}`,
    'a=mid:0',
    'a=sctp-port:5000',
    'a=max-message-size:262144',
  ];
  return { type: role, sdp: `${lines.join('\r\n')}\r\n` };
}

/** Six digits that both ends see if they are connected to each other and to nobody in between. */
export function checkDigits(offer: MeetingCode, answer: MeetingCode): string {
  const [a, b, c, d] = sha256(utf8(`allotment/meeting/v1\n${offer.fingerprint}\n${answer.fingerprint}`));
  const number = ((a! << 24) | (b! << 16) | (c! << 8) | d!) >>> 0;
  return String(number % 1_000_000).padStart(6, '0');
}
