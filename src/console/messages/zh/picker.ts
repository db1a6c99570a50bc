import type { Messages } from '../en/index.ts';

export const picker: Messages['picker'] = {
  choose: '在本机上选择',
  chooseFolder: '在本机上选择文件夹',
  titleFiles: '选择文件和文件夹',
  titleFolder: '选择文件夹',
  places: '位置',
  path: '当前位置',
  open: (name) => `打开 ${name}`,
  hidden: '显示隐藏文件',
  more: '显示更多',
  empty: '此文件夹是空的。',
  emptyFolders: '此文件夹中没有文件夹。',
  noPlaces: '您的权限不包括本机的任何文件夹。',
  shown: (count) => `${count} 项`,
  cut: '此文件夹的内容过多，无法全部列出。请直接输入路径。',
  link: '链接',
  chosen: (count) => (count === 0 ? '选择' : `选择 ${count} 项`),
  here: '选择此文件夹',
  cancel: '取消',
};
