import type { Messages } from '../en/index.ts';

export const units: Messages['units'] = {
  days: (count) => `${count} 天`,
  hours: (count) => `${count} 小时`,
  minutes: (count) => `${count} 分`,
  seconds: (count) => `${count} 秒`,
  milliseconds: (count) => `${count} 毫秒`,
  perSecond: (amount) => `${amount}/秒`,
};
