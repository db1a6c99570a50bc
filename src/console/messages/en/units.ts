export const units = {
  days: (count: number) => `${count} d`,
  hours: (count: number) => `${count} h`,
  minutes: (count: number) => `${count} min`,
  seconds: (count: string) => `${count} s`,
  milliseconds: (count: string) => `${count} ms`,
  perSecond: (amount: string) => `${amount}/s`,
};
