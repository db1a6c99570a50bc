import type { Messages } from '../en/index.ts';

export const access: Messages['access'] = {
  signIn: '登录',
  name: '用户名',
  password: '密码',
  code: '验证码',
  codeHelp: '身份验证器应用中的六位数字，或一个恢复码。',
  codeNeeded: '此账户设有第二重验证。请输入身份验证器显示的验证码。',
  signedOut: '您已退出登录',
  noAccount: '还没有账户？请向管理此守护进程的人索取链接。第一个链接由 causeway up 显示。',
  welcome: '欢迎使用 Causeway',
  welcomeText: '您是第一位用户。请选择用户名和密码：这个账户拥有全部权限。',
  setPassword: '设置密码',
  setPasswordText: '此链接只能用一次。之后用您的用户名和这个密码登录。',
  create: '创建账户',
  newPassword: '新密码',
  passwordHelp: '至少 12 个字符。几个连在一起的词好记又难猜。',
  repeat: '再输入一次密码',
  repeatBad: '两次输入不一致',
  linkUsed: '此链接已被使用或已过期',
  linkUsedText: '用 causeway status 显示新的链接，或请管理员提供。',
  passwordSet: '密码已设置，请用它登录。',
};
