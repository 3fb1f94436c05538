import { useId, useState, type ReactNode } from 'react';
import { count } from '../format.ts';
import { matches } from '../search.ts';
import { Empty } from './basics.tsx';

/** Entries that are shown at first, and more of them at each wish. */
const PAGE = 25;
/** Fewer are seen at a glance, without a field to search them by. */
const FEW = 8;

/**
 * What may be one thing or hundreds: a field that searches them, and the first of them until more are asked for, so that
 * a screen is read and drawn as quickly with many as with few. Nothing is drawn for none.
 */
export function Many<T>(props: {
  items: readonly T[];
  /** What one is called, e.g. “account”. */
  thing: string;
  /** What several are called, where that is not `thing` with an s. */
  things?: string;
  /** Words that one is found by. */
  words: (item: T) => string;
  /** Left out: 25. */
  page?: number;
  children: (shown: T[]) => ReactNode;
}) {
  const { items, thing, things = `${thing}s`, words, page = PAGE } = props;
  const [query, setQuery] = useState('');
  const [limit, setLimit] = useState(page);
  const id = useId();
  if (items.length === 0) return null;
  const searched = items.length > FEW && query.trim() !== '';
  const found = searched ? items.filter((item) => matches(words(item), query)) : [...items];
  const more = found.length - limit;
  return (
    <>
      {items.length > FEW && (
        <div className="row many">
          <input
            type="text"
            inputMode="search"
            aria-label={`Search the ${things}`}
            aria-describedby={id}
            placeholder={`Search ${count(items.length)} ${things}`}
            spellCheck={false}
            autoComplete="off"
            value={query}
            onChange={(event) => {
              setQuery(event.target.value);
              setLimit(page);
            }}
          />
          <span className="small muted told" role="status" id={id}>
            {searched && `${count(found.length)} of ${count(items.length)}`}
          </span>
        </div>
      )}
      {found.length === 0 ? (
        <Empty>No {thing} has these words.</Empty>
      ) : (
        props.children(found.slice(0, limit))
      )}
      {more > 0 && (
        <div className="row">
          <button type="button" onClick={() => setLimit(limit + 4 * page)}>
            Show {more <= 4 * page ? `the other ${count(more)}` : `more of the ${count(found.length)}`}
          </button>
        </div>
      )}
    </>
  );
}
