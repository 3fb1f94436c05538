import type { ScreenProps } from '../App.tsx';
import type { ChainView, FarmView, Notice } from '../../node/api.ts';
import { Badge, Card, CauseBanner, ChainCauseBanner, Empty, Meter, Stat } from '../components/basics.tsx';
import { SectorGrid } from '../components/SectorGrid.tsx';
import { ago, bytes, count, duration, timeLeft } from '../format.ts';
import { useNow } from '../hooks.ts';
import { node } from '../node-client.ts';
import { chainStatus, farmStatus } from '../status.ts';

/** Is it verified, is it farming, did it win: the answers on one screen. */
export default function Home({ snapshot }: ScreenProps) {
  const { chain, farm } = snapshot;
  return (
    <>
      <div className="head">
        <div>
          <h1>Overview</h1>
          <p>{snapshot.setup.network.name}</p>
        </div>
        <div className="row">
          <StatusBadges chain={chain} farm={farm} />
        </div>
      </div>
      {chain !== null && <ChainCauseBanner chain={chain} />}
      {farm?.cause != null && (
        <CauseBanner
          cause={farm.cause}
          tone={farm.phase === 'failed' ? 'bad' : 'warn'}
          onAction={() => void node.resumeFarm()}
        />
      )}
      <div className="grid">
        <ChainCards chain={chain} />
        <FarmCards farm={farm} />
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

function StatusBadges({ chain, farm }: { chain: ChainView | null; farm: FarmView | null }) {
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

function FarmCards({ farm }: { farm: FarmView | null }) {
  if (farm === null || farm.phase === 'off') {
    return (
      <Card span={8}>
        <h2>Not farming</h2>
        <p className="muted">
          This tab verifies the chain only. Give it some space in <a href="#/settings">Settings</a> to farm.
        </p>
      </Card>
    );
  }
  const plotted = farm.sectors.filter(
    (sector) => sector.state === 'plotted' || sector.state === 'expiring',
  ).length;
  return (
    <>
      <Card span={4}>
        <Stat
          label="Blocks won"
          value={count(farm.rewards.blocks)}
          note={`${count(farm.rewards.votes)} votes · ${count(farm.slots.audited)} slots audited`}
        />
      </Card>
      <Card span={4}>
        <Stat
          label="Sectors plotted"
          value={`${count(plotted)} of ${count(farm.sectors.length)}`}
          note={`${bytes(farm.usedBytes)} of ${bytes(farm.allocatedBytes)}`}
        />
        {farm.plotting !== null && (
          <Meter
            value={farm.plotting.piecesTotal === 0 ? 0 : farm.plotting.piecesDone / farm.plotting.piecesTotal}
            label={`Sector ${farm.plotting.sector}: ${farm.plotting.stage}`}
          />
        )}
      </Card>
      <Card title="Plots" span={12} aside={<a href="#/farm">Open the farm</a>}>
        <SectorGrid sectors={farm.sectors} />
        <p className="small muted">
          {farm.plotting === null
            ? `Audits take ${farm.slots.medianAuditMs === null ? '–' : duration(farm.slots.medianAuditMs)}.`
            : `Sector ${farm.plotting.sector}: ${farm.plotting.stage}, ${farm.plotting.piecesDone} of ${farm.plotting.piecesTotal} pieces${farm.plotting.etaSeconds === null ? '' : `, ${timeLeft(farm.plotting.etaSeconds)}`}.`}
        </p>
      </Card>
    </>
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
