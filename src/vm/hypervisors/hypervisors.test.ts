import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { channelXml, parseDomain } from './domain_xml.ts';
import { ownChannel } from './found.ts';
import { checkUri } from './libvirt.ts';
import { readQemu } from './qemu_command.ts';

const UUID = '0f4e2f6e-5d37-4d3f-9a3b-0e6f1a2b3c4d';
const domain = (devices: string, more = '') =>
  `<domain type='qemu'${more}><name>a &amp; b</name><uuid>${UUID}</uuid><devices>${devices}</devices></domain>`;

describe('a libvirt domain', () => {
  it('is read with the channels that lead to this host', () => {
    const path = `/run/it's "here" <&>`;
    const spice = `<channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>`;
    const guestfwd = `<channel type='unix'><source path='/x'/><target type='guestfwd' address='10.0.2.1' port='1'/></channel>`;
    const read = parseDomain(domain(`${spice}${guestfwd}${channelXml('org.causeway.0', path)}`, ` id='3'`));
    assert.deepEqual(read, {
      name: 'a & b',
      uuid: UUID,
      isActive: true,
      channels: [
        { name: 'com.redhat.spice.0', path: null },
        { name: 'org.causeway.0', path },
      ],
    });
    assert.equal(ownChannel(read)?.path, path);
    assert.equal(parseDomain(domain('')).isActive, false);
  });

  it('expands nothing, and is refused where it is no domain', () => {
    const bomb = `<!DOCTYPE d [<!ENTITY a "x"><!ENTITY b "&a;&a;">]>${domain('&b;')}`;
    const elsewhere = `<snapshot><domain><name>x</name><uuid>${UUID}</uuid></domain></snapshot>`;
    for (const xml of [
      bomb,
      elsewhere,
      '',
      'x',
      '<domain>',
      domain('<a>'.repeat(70) + '</a>'.repeat(70)),
      '<domain/>',
    ])
      assert.throws(() => parseDomain(xml), { code: 'CW_LIBVIRT' }, xml.slice(0, 30));
  });

  it('is asked for on this host only', () => {
    for (const uri of [
      'qemu:///system',
      'qemu:///session',
      'test:///default',
      'qemu:///system?socket=/run/x/sock',
    ])
      assert.equal(checkUri(uri), uri);
    for (const uri of [
      'qemu+ssh://host/system',
      'qemu+ext:///system?command=/bin/sh',
      'qemu:///system?socket=/x&command=y',
      'qemu://host/system',
      '--help',
      'esx:///x;y',
    ])
      assert.throws(() => checkUri(uri), { code: 'CW_USAGE' }, uri);
  });
});

describe('a QEMU', () => {
  it('is read from its command line, as people and as libvirt write it', () => {
    const plain = readQemu(
      7,
      [
        ...[
          '/usr/bin/qemu-system-x86_64',
          '-name',
          'guest=dev,,1,debug-threads=on',
          '-uuid',
          UUID.toUpperCase(),
        ],
        ...['-chardev', 'socket,id=c0,path=/run/a,,b.sock,server=on,wait=off'],
        ...['-device', 'virtserialport,chardev=c0,name=org.causeway.0', '-qmp', 'unix:qmp.sock,server=on'],
      ],
      '/run/vm',
    );
    assert.deepEqual(plain, {
      pid: 7,
      name: 'dev,1',
      uuid: UUID,
      channels: [{ name: 'org.causeway.0', path: '/run/a,b.sock' }],
      controls: ['/run/vm/qmp.sock'],
    });
    const libvirt = readQemu(
      8,
      [
        ...['qemu-system-aarch64', '-chardev', 'socket,id=charmonitor,fd=20,server=on'],
        ...['-mon', 'chardev=charmonitor,id=monitor,mode=control'],
        ...['-device', '{"driver":"virtserialport","chardev":"x","name":"org.qemu.guest_agent.0"}'],
        ...['-device', '{broken', '-device'],
      ],
      null,
    );
    assert.deepEqual(libvirt?.channels, [{ name: 'org.qemu.guest_agent.0', path: null }]);
  });

  it('is told from other programs', () => {
    for (const argv of [[], ['qemu-img', 'info'], ['sh', '-c', 'qemu-system-x86_64'], ['/usr/bin/qemu-nbd']])
      assert.equal(readQemu(1, argv, null), null);
  });
});
