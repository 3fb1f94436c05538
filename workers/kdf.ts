/** Entry of the worker that turns a password into a key, so that nothing else waits for it. */
import { argon2idKey, type PasswordKdf } from '../src/wallet/kdf.ts';

const scope = self as unknown as DedicatedWorkerGlobalScope;

scope.onmessage = async (event: MessageEvent<{ password: string; kdf: PasswordKdf }>) => {
  const { password, kdf } = event.data;
  const key = await argon2idKey(password, kdf);
  scope.postMessage(key, [key.buffer]);
};
