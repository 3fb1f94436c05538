/** The Auto ID registry, its certificates and calls, and the wallet’s own formats. */
import { autoIdOf } from '../../src/identity/identifier.ts';
import { capabilityCases, credentialCases, provenanceCases, scoreCases } from './auto-id-claims.ts';
import { bytes, hex, nullable, type AutoIdFile } from './auto-id-recordings.ts';
import {
  actionCases,
  certificateCases,
  extrinsicCases,
  metaCases,
  scenarioCases,
} from './auto-id-registry.ts';
import { keyCases, keystoreCases } from './auto-id-wallet.ts';
import { casesOf, expectFacts, fromJson } from './protocol-support.ts';
import type { ConformanceSuite } from './types.ts';

export const autoId: ConformanceSuite = {
  files: [/^auto-id\.json$/],
  cases: (ctx, files) =>
    fromJson<AutoIdFile>(ctx, files, 'auto-id.json', (file) => [
      ...metaCases(file),
      ...casesOf(
        file.identifiers,
        (_, index) => ({ name: `identifier ${index}`, rule: 'auto-id-identifier' }),
        (record) =>
          expectFacts(record, {
            auto_id: hex(autoIdOf(bytes(record.common_name_hex), nullable(record.issuer))),
          }),
      ),
      ...certificateCases(file),
      ...actionCases(file),
      ...scenarioCases(file),
      ...extrinsicCases(file),
      ...scoreCases(file),
      ...capabilityCases(file),
      ...keyCases(file),
      ...keystoreCases(file),
      ...provenanceCases(file),
      ...credentialCases(file),
    ]),
};
