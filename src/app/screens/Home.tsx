import type { ScreenProps } from '../App.tsx';
import type { ChainView, FarmView, Notice } from '../../node/api.ts';
import { farmTotals, type FarmTotals } from '../../node/farm-totals.ts';
import { Badge, Card, CauseBanner, ChainCauseBanner, Empty, Meter, Stat } from '../components/basics.tsx';
import { SectorGrid } from '../components/SectorGrid.tsx';
import { ago, bytes, count, duration, timeLeft } from '../format.ts';
import { useNow } from '../hooks.ts';
import { chainStatus, farmStatus } from '../status.ts';

/** Is it verified, is it farming, did it win: the answers on one screen. */
export default function Home({ snapshot }: ScreenProps) {
  const { chain, farms } = snapshot;
  const totals = farmTotals(farms);
  return (
    <>
      <div className="head">
        <div>
          <h1>Overview</h1>
          <p>{snapshot.setup.network.name}</p>
        </div>
        <div className="row">
          <StatusBadges chain={chain} farm={totals} />
        </div>
      </div>
      {chain !== null && <ChainCauseBanner chain={chain} />}
      {farms.map(
        ({ id, cause, phase }) =>
          cause !== null && (
            <CauseBanner
              key={id}
              cause={cause}
              tone={phase === 'failed' ? 'bad' : 'warn'}
              onAction={() => {
                window.location.hash = '#/farm';
              }}
            />
          ),
      )}
      <div className="grid">
        <ChainCards chain={chain} />
        <FarmCards farms={farms} />
        <Card title="Recent blocks" span={7} aside={<a href="#/chain">All about the chain</a>}>
          <ChainPicture chain={chain} />
        </Card>
        <Card title="What happened" span={5}>
          <Notices notices={snapshot.notices} />
        </Card>
      </div>
    </>
  );
}

function StatusBadges({ chain, farm }: { chain: ChainView | null; farm: FarmTotals }) {
  return [chainStatus(chain), farmStatus(farm)].map((status) => (
    <Badge key={status.text} tone={status.tone} live={status.live}>
      {status.text}
    </Badge>
  ));
}

function ChainCards({ chain }: { chain: ChainView | null }) {
  const best = chain?.best?.number ?? 0;
  const target = Math.max(best, chain?.target ?? 0);
  return (
    <Card span={4}>
      <Stat
        label="Verified head"
        value={chain?.best ? `#${count(best)}` : '–'}
        note={
          chain?.phase === 'syncing'
            ? `of ${count(target)} announced · ${count(Math.round(chain.headersPerSecond))} headers/s`
            : chain?.finalized
              ? `final up to #${count(chain.finalized.number)}`
              : 'waiting for the first block'
        }
      />
      {chain?.phase === 'syncing' && (
        <Meter value={target === 0 ? 0 : best / target} label="History verified" />
      )}
    </Card>
  );
}

function FarmCards({ farms }: { farms: FarmView[] }) {
  if (farms.length === 0) {
    return (
      <Card span={8}>
        <h2>Not farming</h2>
        <p className="muted">
          This tab verifies the chain only. <a href="#/farm">Give it some space</a> to farm.
        </p>
      </Card>
    );
  }
  const totals = farmTotals(farms);
  const plotting = farms.find((farm) => farm.plotting !== null)?.plotting ?? null;
  return (
    <>
      <Card span={4}>
        <Stat
          label="Blocks won"
          value={count(totals.blocks)}
          note={`${count(totals.votes)} votes · ${count(totals.audited)} slots audited`}
        />
      </Card>
      <Card span={4}>
        <Stat
          label="Sectors plotted"
          value={`${count(totals.plotted)} of ${count(totals.sectors)}`}
          note={`${bytes(totals.usedBytes)} of ${bytes(totals.allocatedBytes)}`}
        />
        {plotting !== null && (
          <Meter
            value={plotting.piecesTotal === 0 ? 0 : plotting.piecesDone / plotting.piecesTotal}
            label={`Sector ${plotting.sector}: ${plotting.stage}`}
          />
        )}
      </Card>
      <Card title="Plots" span={12} aside={<a href="#/farm">Open the farm</a>}>
        {farms.map((farm) => (
          <Plots key={farm.id} farm={farm} named={farms.length > 1} />
        ))}
      </Card>
    </>
  );
}

function Plots({ farm, named }: { farm: FarmView; named: boolean }) {
  const { plotting, slots } = farm;
  return (
    <div className="stack">
      {named && <strong>{farm.name}</strong>}
      <SectorGrid sectors={farm.sectors} />
      <p className="small muted">
        {plotting === null
          ? `Audits take ${slots.medianAuditMs === null ? '–' : duration(slots.medianAuditMs)}.`
          : `Sector ${plotting.sector}: ${plotting.stage}, ${plotting.piecesDone} of ${plotting.piecesTotal} pieces${plotting.etaSeconds === null ? '' : `, ${timeLeft(plotting.etaSeconds)}`}.`}
      </p>
    </div>
  );
}

function ChainPicture({ chain }: { chain: ChainView | null }) {
  if (chain === null || chain.blocks.length === 0)
    return <Empty>Blocks appear here once they are verified.</Empty>;
  const blocks = chain.blocks
    .filter((block) => block.onBestChain)
    .slice(0, 16)
    .toReversed();
  return (
    <>
      <div
        className="chain-picture"
        role="img"
        aria-label={`The newest ${blocks.length} blocks, ${blocks.filter((block) => block.own).length} of them won here`}
      >
        {blocks.map((block) => (
          <span
            key={block.hash}
            className={block.own ? 'own' : block.final ? 'final' : ''}
            title={`Block ${block.number}${block.own ? ', won by this tab' : ''}${block.final ? ', final' : ''}`}
          >
            {block.number}
          </span>
        ))}
      </div>
      <div className="legend">
        <span>
          <Badge>new</Badge> verified
        </span>
        <span>
          <Badge tone="good">final</Badge> {chain.confirmationDepthK ?? 'K'} deep
        </span>
        <span>strong green: won by this tab</span>
      </div>
    </>
  );
}

function Notices({ notices }: { notices: Notice[] }) {
  const now = useNow(5000);
  if (notices.length === 0) return <Empty>Nothing yet.</Empty>;
  return (
    <ul className="list">
      {notices.slice(0, 6).map((notice) => (
        <li key={notice.id} className="row">
          <Badge
            tone={({ info: 'plain', success: 'good', warning: 'warn', error: 'bad' } as const)[notice.level]}
          >
            {notice.category}
          </Badge>
          <span>{notice.text}</span>
          <span className="small muted">{ago(notice.at, now)}</span>
        </li>
      ))}
    </ul>
  );
}
