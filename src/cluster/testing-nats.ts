import { describe } from 'vitest';
import { INSTALL_NATS, isNatsInstalled } from '../../devnet/nats-server.ts';

const installed = isNatsInstalled();
if (!installed) process.stderr.write(`${INSTALL_NATS}. Tests that need it are left out.\n`);

/** Tests that need a NATS server; left out where there is none. */
export const describeWithNats = installed ? describe : describe.skip;
