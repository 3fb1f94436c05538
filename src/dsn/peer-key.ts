/** The key of the own peer: it stays, because the pieces that a peer keeps for others follow from its id. */
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import type { PrivateKey } from '@libp2p/interface';
import { fromHex, toHex } from '../protocol/bytes.ts';
import type { NodeStore } from '../storage/store.ts';

const SETTING = 'peer-key';

/** The peer's key as it was stored, or a new one that is stored now. */
export async function loadOrCreatePeerKey(store: NodeStore): Promise<PrivateKey> {
  const stored = await store.setting<string>(SETTING);
  if (stored !== null) return privateKeyFromProtobuf(fromHex(stored));
  const key = await generateKeyPair('Ed25519');
  await store.putSetting(SETTING, toHex(privateKeyToProtobuf(key)));
  return key;
}

/** Peer id that follows from a key, as a multihash. */
export function peerIdOfKey(key: PrivateKey): Uint8Array {
  return peerIdFromPrivateKey(key).toMultihash().bytes;
}
