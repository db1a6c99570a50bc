/** Whether `name` matches `pattern` as a whole: `*` stands for any characters, `?` for one. Linear in the product of both lengths. */
export function matchesGlob(pattern: string, name: string): boolean {
  let at = 0;
  let inName = 0;
  let starAt = -1;
  let starInName = 0;
  while (inName < name.length) {
    if (pattern[at] === '*') {
      starAt = at;
      starInName = inName;
      at += 1;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === name[inName])) {
      at += 1;
      inName += 1;
    } else if (starAt >= 0) {
      at = starAt + 1;
      starInName += 1;
      inName = starInName;
    } else {
      return false;
    }
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}
