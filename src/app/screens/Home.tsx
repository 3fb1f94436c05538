import type { ScreenProps } from '../screen-props.ts';
import type { ChainView, FarmView, Notice } from '../../node/api.ts';
import { farmTotals, type FarmTotals } from '../../node/farm-totals.ts';
import {
  Badge,
  Card,
  CauseBanner,
  ChainCauseBanner,
  Empty,
  Meter,
  Name,
  Stat,
} from '../components/basics.tsx';
import { FirstSteps } from '../components/FirstSteps.tsx';
import { Many } from '../components/Many.tsx';
import { sectorSummary, sectorWords } from '../components/sector-text.ts';
import { SectorGrid } from '../components/SectorGrid.tsx';
import { ago, bytes, count, counted, duration, headerRate, timeLeft } from '../format.ts';
import { useNow } from '../hooks.ts';
import { chainStatus, farmStatus } from '../status.ts';

/** More are listed in words. */
const FEW_FARMS = 3;

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
      <FarmTrouble farms={farms} />
      <div className="grid">
        <FirstSteps chain={chain} farms={farms} />
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

/** What is wrong with farms: each in its words while they are few, so that the rest of the screen is still seen. */
function FarmTrouble({ farms }: { farms: FarmView[] }) {
  const troubled = farms.filter(({ cause }) => cause !== null);
  const bad = troubled.some(({ phase }) => phase === 'failed');
  if (troubled.length > FEW_FARMS)
    return (
      <div className={`banner ${bad ? 'bad' : ''}`} role={bad ? 'alert' : 'status'}>
        <span>
          {count(troubled.length)} farms need you: {troubled[0]!.cause!.sentence}
        </span>
        <a href="#/farm">See all of them</a>
      </div>
    );
  return troubled.map(({ id, cause, phase }) => (
    <CauseBanner
      key={id}
      cause={cause!}
      tone={phase === 'failed' ? 'bad' : 'warn'}
      onAction={() => {
        window.location.hash = '#/farm';
      }}
    />
  ));
}

function StatusBadges({ chain, farm }: { chain: ChainView | null; farm: FarmTotals }) {
  return [chainStatus(chain), farmStatus(farm)].map((status) => (
    <Badge key={status.text} tone={status.tone} live={status.live}>
      {status.text}
    </Badge>
  ));
}

function ChainCards({ chain }: { chain: ChainView | null }) {
  const now = useNow();
  const best = chain?.best?.number ?? 0;
  const target = Math.max(best, chain?.target ?? 0);
  return (
    <Card span={4}>
      <Stat
        label="Newest verified block"
        value={chain?.best ? `#${count(best)}` : '–'}
        note={
          chain?.phase === 'syncing'
            ? `of ${count(target)} announced · ${headerRate(chain.headersPerSecond)}`
            : chain?.finalized
              ? `final up to #${count(chain.finalized.number)} · received ${ago(chain.best?.receivedAt ?? now, now)}`
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
          This tab checks the chain and earns nothing. Farming keeps pieces of the chain’s history on your
          disk and is paid for it. It costs space and some electricity, never tokens, and you can end it at
          any time.
        </p>
        <p>
          <a className="button primary" href="#/farm">
            Give it some space
          </a>
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
          note={`${counted(totals.votes, 'vote')} · ${counted(totals.audited, 'slot')} audited, since this tab was opened`}
        />
      </Card>
      <Card span={4}>
        <Stat
          label="Sectors plotted"
          value={totals.sectors === 0 ? '–' : `${count(totals.plotted)} of ${count(totals.sectors)}`}
          note={
            totals.sectors === 0
              ? `${bytes(totals.allocatedBytes)} set aside`
              : `${bytes(totals.usedBytes)} of ${bytes(totals.allocatedBytes)}`
          }
        />
        {plotting !== null && (
          <Meter
            value={
              (totals.plotted + plotting.piecesDone / Math.max(1, plotting.piecesTotal)) /
              Math.max(1, totals.sectors)
            }
            label="Space plotted"
          />
        )}
      </Card>
      <Card title="Plots" span={12} aside={<a href="#/farm">Open the farm</a>}>
        {farms.length > FEW_FARMS ? (
          <Many items={farms} thing="farm" words={({ name }) => name} page={12}>
            {(shown) => (
              <ul className="list columns">
                {shown.map(({ id, name, sectors, phase, cause }) => (
                  <li key={id}>
                    <strong className="cut" title={name}>
                      <Name>{name}</Name>
                    </strong>
                    <span className="small muted">
                      {sectors.length > 0 ? sectorSummary(sectors) : farmStatus({ phase, cause }).text}
                    </span>
                  </li>
                ))}
              </ul>
            )}
          </Many>
        ) : (
          farms.map((farm) => <Plots key={farm.id} farm={farm} named={farms.length > 1} />)
        )}
      </Card>
    </>
  );
}

function Plots({ farm, named }: { farm: FarmView; named: boolean }) {
  const { plotting, slots } = farm;
  return (
    <div className="stack">
      {named && <strong>{farm.name}</strong>}
      {farm.sectors.length > 0 && <SectorGrid sectors={farm.sectors} />}
      <p className="small muted">
        {plotting === null
          ? slots.medianAuditMs === null
            ? farm.sectors.length === 0
              ? (farm.held ?? 'Sectors are plotted here once the farm is open.')
              : 'Audits begin once a sector is plotted.'
            : `Audits take ${duration(slots.medianAuditMs)}.`
          : `Sector ${plotting.sector}: ${sectorWords[plotting.stage]}, ${plotting.piecesDone} of ${plotting.piecesTotal} pieces${plotting.etaSeconds === null ? '' : `, ${timeLeft(plotting.etaSeconds)}`}.`}
      </p>
    </div>
  );
}

/** A tile has room for five digits; the whole number is one hover away, and on the chain's screen. */
const tileText = (number: number): string =>
  number < 100_000 ? String(number) : `…${String(number).slice(-3)}`;

function ChainPicture({ chain }: { chain: ChainView | null }) {
  if (chain === null || chain.blocks.length === 0)
    return <Empty>Blocks appear here once they are verified.</Empty>;
  const blocks = chain.blocks.filter((block) => block.onBestChain).slice(0, 16);
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
            className={`tile ${block.own ? 'own' : block.final ? 'final' : ''}`}
            title={`Block ${block.number}${block.own ? ', won by this tab' : ''}${block.final ? ', final' : ''}`}
          >
            {tileText(block.number)}
          </span>
        ))}
      </div>
      <div className="legend">
        <span>
          <i className="tile" /> verified
        </span>
        <span>
          <i className="tile final" /> final
          {chain.confirmationDepthK !== null && `, ${chain.confirmationDepthK} deep`}
        </span>
        <span>
          <i className="tile own" /> won by this tab
        </span>
      </div>
    </>
  );
}

const NOTICE_TONES = { info: 'plain', success: 'good', warning: 'warn', error: 'bad' } as const;

function Notices({ notices }: { notices: Notice[] }) {
  const now = useNow(5000);
  if (notices.length === 0)
    return <Empty>Rewards, sectors that are ready, and what went wrong are noted here.</Empty>;
  return (
    <Many items={notices} thing="event" words={({ category, text }) => `${category} ${text}`} page={6}>
      {(shown) => (
        <ul className="list">
          {shown.map((notice) => (
            <li key={notice.id} className="notice">
              <Badge tone={NOTICE_TONES[notice.level]}>{notice.category}</Badge>
              <span>
                {notice.text} <span className="small muted">{ago(notice.at, now)}</span>
              </span>
            </li>
          ))}
        </ul>
      )}
    </Many>
  );
}
