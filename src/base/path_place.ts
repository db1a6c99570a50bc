/** Where a path leads: the identities of its beginnings (of no component, of one, …; null for what does not exist), and of what it really names and lies in. */
export interface PathPlace {
  readonly prefixes: readonly (string | null)[];
  readonly chain: readonly string[];
}
