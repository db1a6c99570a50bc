import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DavFailure } from './failure.ts';
import { parseXml, writeXml } from './xml.ts';

test('an element that is written alone means what it meant in its document', () => {
  const source =
    '<a:x xmlns:a="urn:a" xmlns="urn:d" xmlns:c="urn:c"><y c:k="1 &lt; 2" xml:lang="de">t &amp; u<z xmlns=""/><![CDATA[<raw>]]></y></a:x>';
  const written = writeXml(parseXml(source).children[0] as never);
  assert.deepEqual(parseXml(written), parseXml(source).children[0]);
  assert.match(written, /&lt;raw&gt;/);
});

test('nothing is expanded, and nothing is taken that is not well-formed', () => {
  const bomb = `<!DOCTYPE a [<!ENTITY b "${'x'.repeat(100)}"><!ENTITY c "&b;&b;">]><a>&c;</a>`;
  const file = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>';
  for (const text of [
    bomb,
    file,
    '<!DOCTYPE a><a/>',
    '<a>&b;</a>',
    '<a>',
    '<a></b>',
    '<p:a/>',
    '',
    'x',
    '<a/><b/>',
    '<a xmlns:p=""/>',
    '<a b="1" b="2"/>',
  ])
    assert.throws(() => parseXml(text), DavFailure, text.slice(0, 40));
  assert.throws(() => parseXml('<a>'.repeat(65) + '</a>'.repeat(65)), /nested/);
  assert.doesNotThrow(() => parseXml('<a>'.repeat(64) + '</a>'.repeat(64)));
});
