/** A line to a far peer: whatever goes over it arrives later, by the same time each way. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

const TCP_PORT = /(?<=\/tcp\/)\d+/;

/** Passes on what comes out of a socket `delayMs` later, in order, and its end. */
function passOn(from: Socket, to: Socket, delayMs: number): void {
  from.setNoDelay(true);
  from.on('data', (part) => setTimeout(() => to.write(part), delayMs));
  from.on('close', () => setTimeout(() => to.destroy(), delayMs));
  from.on('error', () => to.destroy());
}

/** Addresses under which a peer of this machine (its multiaddresses, over TCP) seems `delayMs` away, each way. */
export async function farAddresses(addresses: readonly string[], delayMs: number): Promise<string[]> {
  const far: string[] = [];
  for (const address of addresses) {
    const port = Number(TCP_PORT.exec(address)?.[0]);
    const line = createServer((near) => {
      const peer = connect(port, '127.0.0.1');
      passOn(near, peer, delayMs);
      passOn(peer, near, delayMs);
    });
    line.listen(0, '127.0.0.1').unref();
    await once(line, 'listening');
    far.push(address.replace(TCP_PORT, String((line.address() as AddressInfo).port)));
  }
  return far;
}
