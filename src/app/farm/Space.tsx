import { bytesOfSectors, sectorsIn } from '../../farm/sectors.ts';
import { sectorFileSize } from '../../farm/sector-file.ts';
import { bytes, count } from '../format.ts';

const GIB = 1024 ** 3;

/** How much space a farm gets, in whole sectors; typed in GiB where the slider is too coarse or ends too soon. */
export function Space(props: {
  sectors: number;
  pieces: number;
  most: number;
  onChange: (sectors: number) => void;
}) {
  const { sectors, pieces, most } = props;
  const total = bytesOfSectors(sectors, pieces);
  return (
    <div className="space">
      <label>
        Space: {bytes(total)} ({count(sectors)} {sectors === 1 ? 'sector' : 'sectors'})
        <span className="hint">
          A sector takes {bytes(sectorFileSize(pieces))}; room for plotting two anew is included.
        </span>
        <input
          type="range"
          min={1}
          max={Math.max(most, sectors, 1)}
          value={sectors}
          onChange={(event) => props.onChange(Number(event.target.value))}
        />
      </label>
      <label>
        in GiB
        <input
          key={sectors}
          type="number"
          min={0}
          step="any"
          defaultValue={Number((total / GIB).toPrecision(4))}
          onBlur={(event) =>
            props.onChange(Math.max(1, sectorsIn(Number(event.target.value) * GIB * 1.0005, pieces)))
          }
        />
      </label>
    </div>
  );
}
