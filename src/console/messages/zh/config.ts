import type { Messages } from '../en/index.ts';

export const config: Messages['config'] = {
  title: '守护进程的设置',
  lead: '与 “causeway config show” 相同。更改在保存前会先检查。',
  file: '保存在',
  noFile: '此守护进程没有设置文件：这里无法更改。',
  change: '更改',
  value: '值',
  save: '检查并保存',
  reset: '恢复默认值',
  saved: '设置已保存并生效',
  savedLater: '设置已保存，守护进程重新启动后生效',
  none: '无',
  origins: { flag: '来自命令行参数', environment: '来自环境变量', file: '已更改', default: '默认' },
  overridden: (from) => `来自 ${from}，优先于此处保存的值。请在启动守护进程的地方更改。`,
  next: (value) => `重新启动后：${value}`,
  needsRestart: '更改在守护进程重新启动后生效。',
  usual: (value) => `默认值：${value}`,
  names: {
    'agents.listenAddress': { title: '代理的接入地址', why: '主机:端口；off：由本机主动连接虚拟机。' },
    'audit.retentionDays': { title: '审计记录的保存时间', why: '天数，至少 180。' },
    'audit.shareReads': {
      title: '记录哪些共享文件的读取',
      why: 'first：每个文件和客户端每分钟的第一次；all：每一次；off：不记录。',
    },
    'copies.compress': {
      title: '复制的压缩',
      why: 'auto：在线路比压缩慢时压缩；off：不压缩；或 1 到 19 的级别。',
    },
    'copies.direct': {
      title: '不经线路的复制',
      why: '用于两端在同一台机器上时。auto：可行时采用；always：不可行就拒绝；never：从不。',
    },
    'copies.limitBytesPerSecond': { title: '所有复制的限速', why: '每个方向每秒的字节数，或 off。' },
    'copies.undo': {
      title: '复制为撤销保留什么',
      why: 'auto：尽可能保留；require：无法保留的就不替换；off：不保留。',
    },
    'sessions.idleMinutes': { title: '无操作时退出登录', why: '经过的分钟数，1 到 10080。' },
    'sessions.lifeHours': { title: '无论如何退出登录', why: '经过的小时数，1 到 720。' },
    'shares.smbAddress': {
      title: 'SMB 共享的服务地址',
      why: 'IP:端口，或 off。用于同时通过 SMB 提供的共享，始终加密。',
    },
    'shares.address': { title: '共享的服务地址', why: '主机:端口，或 off。本机以外始终加密。' },
    'web.address': { title: '此控制台的服务地址', why: '主机:端口，或 off。' },
    'web.allowNetworks': {
      title: '允许连接的网络',
      why: '用逗号分隔，例如 192.168.7.0/24；仅在上面的列表为空时有效。不填：任何地方。',
    },
  },
};
