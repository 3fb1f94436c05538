import type { ChainView } from '../../node/api.ts';
import { Card, Empty, TrustBadge } from './basics.tsx';

/** The network's rules in force, and how this tab knows them. */
export function RulesCard({ chain }: { chain: ChainView }) {
  const { rules } = chain;
  if (rules === null)
    return (
      <Card title="Rules of the network">
        <Empty>Not read yet.</Empty>
      </Card>
    );
  const { provenance, preset, specVersion } = rules;
  const proven = provenance.kind === 'proven';
  return (
    <Card
      title="Rules of the network"
      aside={
        <TrustBadge
          trust={
            proven
              ? { kind: 'verified', atBlock: provenance.atBlock }
              : { kind: 'reported', by: provenance.by.join(', ') }
          }
        />
      }
    >
      <dl className="facts">
        <dt>Version</dt>
        <dd>{specVersion}, proven</dd>
        <dt>Constants</dt>
        <dd>
          {proven
            ? 'proven'
            : preset
              ? 'come with this app'
              : 'told; each block is checked by them, so most false ones would be noticed'}
        </dd>
        <dt>Description</dt>
        <dd>
          {proven
            ? 'This tab read the network’s own program by proof and ran it.'
            : provenance.disputedBy.length > 0
              ? `Told by ${provenance.by.join(', ')}; ${provenance.disputedBy.join(', ')} told otherwise.`
              : provenance.by.length > 1
                ? `Told alike by ${provenance.by.length} nodes; not proven.`
                : `Told by ${provenance.by.join(', ')}; not proven.`}
        </dd>
      </dl>
    </Card>
  );
}
