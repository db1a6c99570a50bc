import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JobView } from '../../contract/schemas.ts';
import { CAUSE_TEXTS, type CauseId } from '../../transfer/explain/causes.ts';
import { en } from '../messages/en/index.ts';
import { zh } from '../messages/zh/index.ts';
import { causeWords } from './causes.ts';

const names = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);

/** Given beside those that the English texts name. */
const BESIDE = ['side', 'stage', 'threads'];

const job = (id: CauseId, figures: Record<string, string>): JobView =>
  ({
    vm: 'dev',
    explanation: { id, side: 'guest', stage: 'destinationWrite', figures },
  }) as unknown as JobView;

describe('the words of a cause', () => {
  it('are those of the daemon in English', () => {
    assert.equal(causeWords(job('link-slow', {}), en), null);
  });

  for (const [id, texts] of Object.entries(CAUSE_TEXTS)) {
    it(`name in Chinese only figures that the daemon gives: ${id}`, () => {
      const given = [...names(Object.values(texts).join(' ')), ...BESIDE];
      const { cause, evidence, fix } = zh.causes[id]!;
      for (const name of names(cause + evidence + fix)) assert.ok(given.includes(name), name);
      const filled = causeWords(
        job(id as CauseId, Object.fromEntries(given.map((name) => [name, '7']))),
        zh,
      )!;
      assert.doesNotMatch(Object.values(filled).join(''), /[{}–]/);
    });
  }

  it('name the side and the step in the language of the page', () => {
    const words = causeWords(job('cpu-full', { window: '5.0 s', queued: '56 %', busy: '97 %', io: '–' }), zh);
    assert.equal(words?.cause, 'dev的处理器已全部占用：写入等待的是处理器，而不是磁盘');
    assert.equal(words?.evidence, '最近 5.0 s 中复制的线程有 56 % 的时间在等待处理器；写入占用 97 %');
  });
});
