import type { Messages } from '../en/index.ts';

export const errors: Messages['errors'] = {
  CW_AUTH_WRONG: '用户名、密码或验证码有误',
  CW_AUTH_SECOND_FACTOR: '需要身份验证器的验证码',
  CW_AUTH_LOCKED: '此处失败的尝试过多，请稍候再试',
  CW_AUTH_BUSY: '此刻登录的人过多，请几秒后重试',
  CW_AUTH_LINK: '此链接已被使用或已过期',
  CW_AUTH_CODE: '验证码不对，请检查手机的时钟',
  CW_AUTH_FORGED: '请重新加载本页面后重试',
  CW_AUTH_REQUIRED: '请重新登录',
  CW_ACCESS_DENIED: '您的角色不允许此操作',
  CW_PASSWORD_WEAK: '请选择更长的密码',
  CW_USER_EXISTS: '已有同名用户',
  CW_USER_NAME: '不能用作用户名',
  CW_USER_LAST_ADMIN: '必须有人能管理用户，请先把该角色授予他人',
  CW_VM_EXISTS: '已有同名虚拟机',
  CW_VM_UNKNOWN: '没有这台虚拟机',
  CW_JOB_UNKNOWN: '这次复制已无记录',
  CW_CONFIG: '此设置不接受该值',
  CW_AUDIT_UNAVAILABLE: '无法记入审计日志，因此没有执行',
};
