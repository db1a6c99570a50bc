/** Bytes of a file that are known already: ranges from and to before, in order, none beside another one. */
export class SavedRanges {
  #ranges: { readonly from: number; readonly to: number }[] = [];

  /** Notes a range, and gives the parts of it that were not known. */
  add(from: number, to: number): { readonly from: number; readonly to: number }[] {
    if (to <= from) return [];
    const news: { from: number; to: number }[] = [];
    const rest: { from: number; to: number }[] = [];
    const joined = { from, to };
    let at = from;
    for (const one of this.#ranges) {
      if (one.to < from || one.from > to) {
        rest.push(one);
        continue;
      }
      if (one.from > at) news.push({ from: at, to: one.from });
      at = Math.max(at, one.to);
      joined.from = Math.min(joined.from, one.from);
      joined.to = Math.max(joined.to, one.to);
    }
    if (at < to) news.push({ from: at, to });
    this.#ranges = [...rest, joined].sort((one, other) => one.from - other.from);
    return news;
  }
}
