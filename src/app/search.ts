/** Finding things by words of their names. */

/** As it is compared: without case, and without marks on letters. */
function plain(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLocaleLowerCase();
}

/** Whether every word of `query` stands somewhere in `text`, whatever case and accents. */
export function matches(text: string, query: string): boolean {
  if (query.trim() === '') return true;
  const within = plain(text);
  return plain(query)
    .split(/\s+/)
    .every((word) => within.includes(word));
}
