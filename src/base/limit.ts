/** One named limit: its value, its unit, and why it has that size. docs/limits.md is generated from this table. */
export interface Limit {
  readonly value: number;
  readonly unit: 'bytes' | 'ms' | 'count';
  readonly why: string;
}

export const KIB = 1024;
export const MIB = 1024 * KIB;

export const bytes = (value: number, why: string): Limit => ({ value, unit: 'bytes', why });
export const ms = (value: number, why: string): Limit => ({ value, unit: 'ms', why });
export const count = (value: number, why: string): Limit => ({ value, unit: 'count', why });
