/** What this browser remembers of its user's choices. A browser that refuses storage forgets them, nothing else. */
export function remembered(key: string): string | null {
  try {
    return localStorage.getItem(`causeway.${key}`);
  } catch {
    return null; // storage is refused to this page
  }
}

export function remember(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`causeway.${key}`);
    else localStorage.setItem(`causeway.${key}`, value);
  } catch {
    // storage is refused to this page: the choice holds until it is closed
  }
}
