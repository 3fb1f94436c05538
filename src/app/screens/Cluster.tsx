import { useState } from 'react';
import type { ScreenProps } from '../screen-props.ts';
import type { ClusterView, HelperView } from '../../node/api.ts';
import { Badge, Card, CauseBanner, Empty, Meter, Stat } from '../components/basics.tsx';
import { Check, Deed, Failure, useAction } from '../components/forms.tsx';
import { FarmsCard, ServicesCard } from '../cluster/Members.tsx';
import { Join } from '../cluster/Join.tsx';
import { troubleIn } from '../cluster/trouble.ts';
import { PLOTTED_BY } from '../farm/plotted-by.ts';
import { count } from '../format.ts';
import { node } from '../node-client.ts';
import '../cluster/cluster.css';

const PHASES: Record<ClusterView['phase'], { text: string; tone: 'good' | 'info' | 'warn' | 'bad' }> = {
  joining: { text: 'joining', tone: 'info' },
  joined: { text: 'joined', tone: 'good' },
  away: { text: 'server away', tone: 'warn' },
  failed: { text: 'not joined', tone: 'bad' },
};

/** The farming cluster: who is in it, what this tab does for it. */
export default function Cluster({ snapshot }: ScreenProps) {
  const { cluster } = snapshot;
  // Until it worked the form stays, so that what was typed and why it failed are not lost: news of a refusal may come
  // before the snapshot without the cluster.
  const [trying, setTrying] = useState(false);
  if (cluster === null || trying)
    return (
      <>
        <Head>Several machines that plot and farm together</Head>
        <Join onTry={setTrying} />
      </>
    );
  const { phase, cause, roster, server } = cluster;
  const farms = roster?.farms ?? [];
  const plotted = farms.reduce((sum, farm) => sum + (farm.plotted ?? 0), 0);
  const total = farms.reduce((sum, farm) => sum + (farm.total ?? 0), 0);
  const told = farms.some((farm) => farm.plotted !== null);
  const underWay = farms.reduce((sum, { sectors }) => sum + sectors.length, 0);
  const trouble = roster === null ? null : troubleIn(roster);
  return (
    <>
      <Head aside={<Badge tone={PHASES[phase].tone}>{PHASES[phase].text}</Badge>}>{server}</Head>
      {cause !== null && (
        <CauseBanner
          cause={cause}
          tone={phase === 'failed' ? 'bad' : 'warn'}
          onAction={() => void node.retryCluster()}
        />
      )}
      {trouble !== null && (
        <div className="banner" role="status">
          <span>{trouble}</span>
        </div>
      )}
      {cause?.code === 'credentials' && cluster.secrets === 'session' && <Join known={server} />}
      <div className="grid">
        <Card span={4}>
          <Stat
            label="Sectors plotted"
            value={`${told ? count(plotted) : '–'} of ${count(total)}`}
            note={underWay === 0 ? 'none under way' : `${count(underWay)} under way`}
          />
        </Card>
        <Card span={4}>
          <Stat
            label="Solutions"
            value={count(farms.reduce((sum, { solutions }) => sum + solutions, 0))}
            note="since this tab joined"
          />
        </Card>
        <Card span={4}>
          <Stat
            label="A sector takes"
            value={roster?.sectorSeconds == null ? '–' : `${count(Math.round(roster.sectorSeconds))} s`}
            note="as a rule, from order to disk"
          />
        </Card>
        <OwnCard cluster={cluster} helper={snapshot.helper} />
        <ServicesCard roster={roster} />
        {farms.length === 0 ? (
          <Card title="Farms">
            <Empty>No farm has been heard of yet. Farms say who they are every 30 seconds.</Empty>
          </Card>
        ) : (
          <FarmsCard farms={farms} />
        )}
      </div>
    </>
  );
}

function Head({ children, aside }: { children: string; aside?: React.ReactNode }) {
  return (
    <div className="head">
      <div>
        <h1>Cluster</h1>
        <p>{children}</p>
      </div>
      <div className="row">
        {aside}
        <a className="button" href="#/farm">
          Back to the farm
        </a>
      </div>
    </div>
  );
}

const SECRETS: Record<ClusterView['secrets'], string> = {
  none: 'The server asks for none.',
  wallet: 'In the wallet, encrypted.',
  session: 'Until this tab is closed. Unlock the wallet before you join to keep them.',
};

function helperWords({ phase, plots, info }: HelperView): string {
  const able = (info?.plotting.encodings ?? 0) > 0;
  if (!plots || (phase === 'ready' && !able)) return 'Your helper keeps time only; this tab encodes.';
  if (phase === 'ready') return 'Your helper encodes. A sample of it is encoded again here before delivery.';
  return 'Your helper is away; this tab encodes.';
}

/** What this tab does for the cluster. */
function OwnCard({ cluster, helper }: { cluster: ClusterView; helper: HelperView }) {
  const { plotter, farmer, plotting, offers, sectorsDone, secrets } = cluster;
  const action = useAction();
  const set = (roles: { plotter: boolean; farmer: boolean }) => action.run(() => node.setClusterRoles(roles));
  return (
    <Card title="This tab" span={6}>
      <Check
        label="Plot for the others"
        hint="Its cores encode sectors for whoever asks. Pieces are verified against the chain that this tab verified."
        checked={plotter}
        onChange={(checked) => set({ plotter: checked, farmer })}
      />
      <Check
        label="Farm with them"
        hint="Its farms are plotted by the cluster; what comes back is checked before it is written."
        checked={farmer}
        onChange={(checked) => set({ plotter, farmer: checked })}
      />
      {plotter && (
        <div className="stack">
          <p className="small muted">
            {!offers
              ? 'It offers itself once this tab’s node runs.'
              : plotting === null
                ? `Waiting for a sector to plot. ${count(sectorsDone)} delivered so far.`
                : `Sector ${plotting.sector}: ${plotting.piecesDone} of ${plotting.piecesTotal} pieces encoded ${PLOTTED_BY[plotting.by]}. ${count(sectorsDone)} delivered so far.`}
          </p>
          {plotting !== null && (
            <Meter value={plotting.piecesDone / plotting.piecesTotal} label="Sector for the cluster" />
          )}
        </div>
      )}
      {plotter && helper.phase !== 'off' && <p className="small muted">{helperWords(helper)}</p>}
      <p className="small muted">Credentials: {SECRETS[secrets]}</p>
      <Failure error={action.error} />
      <div className="row">
        <Deed
          label="Leave the cluster"
          danger
          confirm="Leave the cluster? Your farms stay; this device plots them then."
          onDo={() => node.leaveCluster()}
        />
      </div>
    </Card>
  );
}
