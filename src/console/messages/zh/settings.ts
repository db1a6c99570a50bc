import type { Messages } from '../en/index.ts';

export const settings: Messages['settings'] = {
  title: '设置',
  look: '外观',
  lookText: '保存在此浏览器中。',
  language: '语言',
  theme: '配色',
  themes: { system: '跟随系统', light: '浅色', dark: '深色' },
  daemon: '守护进程的运行参数',
  version: '版本',
  protocol: '协议',
  pid: '进程号',
  uptime: '已运行',
  data: '数据文件夹',
  key: '本机密钥',
  listen: '代理程序接入地址',
  notListening: '代理程序不能接入',
  limit: '所有复制的总限速',
  noLimit: '无',
  memory: '当前内存',
  memoryPeak: '内存峰值',
};
