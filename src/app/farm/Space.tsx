import { bytesOfSectors, sectorsIn } from '../../farm/sectors.ts';
import { sectorFileSize } from '../../farm/sector-file.ts';
import { bytes, counted } from '../format.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const SHARES = [25, 50, 75, 90];

function share(part: number): string {
  return part < 0.01 ? 'Less than 1 %' : `${Math.round(100 * part)} %`;
}

/** How much space a farm gets, in whole sectors; typed where the slider is too coarse or ends too soon. */
export function Space(props: {
  sectors: number;
  pieces: number;
  most: number;
  /** Bytes that the place offers, where it tells. */
  offered?: number | null;
  onChange: (sectors: number) => void;
}) {
  const { sectors, pieces, most } = props;
  const total = bytesOfSectors(sectors, pieces);
  const offered = props.offered ?? null;
  const [unit, unitBytes] = sectorFileSize(pieces) < GIB / 10 ? ['MiB', MIB] : ['GiB', GIB];
  return (
    <div className="space">
      <label>
        Space: {bytes(total)} ({counted(sectors, 'sector')})
        <span className="hint">
          A sector takes {bytes(sectorFileSize(pieces))}; room for plotting two anew is included.
          {offered === null
            ? ' Browsers do not tell how much room a drive has: what does not fit waits and says so.'
            : ` ${share(total / offered)} of the ${bytes(offered)} that are free.`}
        </span>
        <input
          type="range"
          min={1}
          max={Math.max(most, sectors, 1)}
          value={sectors}
          onChange={(event) => props.onChange(Number(event.target.value))}
        />
      </label>
      <div className="row" role="group" aria-label="The same space in other ways">
        {offered !== null &&
          SHARES.map((share) => (
            <button
              type="button"
              key={share}
              disabled={sectorsIn((offered * share) / 100, pieces) === 0}
              onClick={() => props.onChange(sectorsIn((offered * share) / 100, pieces))}
            >
              {share} %
            </button>
          ))}
        <label className="typed">
          in {unit}
          <input
            key={sectors}
            type="number"
            min={0}
            step="any"
            defaultValue={Number((total / unitBytes).toPrecision(4))}
            onBlur={(event) =>
              props.onChange(Math.max(1, sectorsIn(Number(event.target.value) * unitBytes * 1.0005, pieces)))
            }
          />
        </label>
      </div>
    </div>
  );
}
