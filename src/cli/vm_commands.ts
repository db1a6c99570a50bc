import type { Command } from 'commander';
import { type Add, several } from './add_command.ts';

/** Machines and how they are reached. */
export function addVmCommands(program: Command, add: Add): void {
  const vm = program.command('vm').description('machines and the links to them');
  const load = () => import('./commands/vm.ts');
  add(
    vm,
    'ls',
    'list machines',
    'causeway vm ls\n  causeway vm ls --discovered',
    async () => (await load()).vmList,
  )
    .option('--discovered', 'the virtual machines of this host: domains of libvirt, and QEMUs that run')
    .option('--connect <uri>', 'with --discovered: what libvirt is asked for (default: qemu:///system)')
    .option(
      '--qmp <socket>',
      'with --discovered: control socket of a QEMU; may be given several times',
      several,
    );
  add(
    vm,
    'show <name>',
    'show one machine and its link',
    'causeway vm show dev',
    async () => (await load()).vmShow,
  );
  add(
    vm,
    'rm <name>',
    'forget a machine and its key',
    'causeway vm rm dev --purge',
    async () => (await load()).vmRemove,
  )
    .option('--purge', 'first remove the agent that `vm add --ssh` has installed there')
    .option('--detach', 'first take the channel out of its libvirt domain')
    .option('--connect <uri>', 'with --detach: what libvirt is asked for (default: qemu:///system)');
  add(
    vm,
    'update [name]',
    'bring the agent of this host to a machine; the former one is used again where the new one does not link',
    'causeway vm update dev --dry-run\n  causeway vm update --all',
    async () => (await import('./commands/vm_update.ts')).vmUpdate,
  )
    .option('--all', 'all machines, one after the other')
    .option('--dry-run', 'say what would be sent, and change nothing')
    .option('--now', 'also while copies run; they go on with the new agent')
    .option('--allow-downgrade', 'over the link: also where the machine has a newer version')
    .option('--agent-module <file>', 'a built `causeway-agent.mjs` in place of that of this host');
  add(
    vm,
    'set <name>',
    'change a machine',
    'causeway vm set dev --weight 4',
    async () => (await load()).vmSet,
  ).option(
    '--weight <n>',
    'what its copies get together beside those of other machines, 1 to 100, where `causeway up` has a --limit',
  );
  add(
    vm,
    'pair <name>',
    'issue a one-time token for a machine whose agent dials in',
    'causeway vm pair dev --address 192.168.122.1:7411',
    async () => (await load()).vmPair,
  ).option(
    '--address <host:port...>',
    'where the machine reaches this host (default: the listening address)',
  );
  addOtherCommands(vm, add);
}

/** The key of this host. */
export function addKeyCommands(program: Command, add: Add): void {
  const key = program.command('key').description('the key that machines know this host by');
  add(
    key,
    'rotate',
    'change the key of this host; machines are told over their links, those that are away when they are back',
    'causeway key rotate',
    async () => (await import('./commands/key.ts')).keyRotate,
  );
}

function addOtherCommands(vm: Command, add: Add): void {
  add(
    vm,
    'rotate <name>',
    'have the agent of a machine change its key; the former one is trusted no more',
    'causeway vm rotate dev',
    async () => (await import('./commands/key.ts')).vmRotate,
  );
  add(
    vm,
    'add <name>',
    'add a machine',
    'causeway vm add dev --ssh me@192.168.122.17\n  causeway vm add web --libvirt web --dry-run\n  causeway vm add box --serial ./port.sock',
    async () => (await import('./commands/vm.ts')).vmAdd,
  )
    .option(
      '--ssh <[user@]host[:port]>',
      'bring the agent there with `ssh` and start it when it is needed; the machine needs no Node, only sh, tar and gzip',
    )
    .option('--identity <file>', 'with --ssh: the private key (default: as ssh is configured)')
    .option(
      '--ssh-option <name=value>',
      'with --ssh: as after `ssh -o`, for example ProxyJump=gate; may be given several times',
      several,
    )
    .option(
      '--agent-dir <dir>',
      'with --ssh: where the agent goes (default: /opt/causeway/agent for root, else ~/.local/share/causeway/agent)',
    )
    .option(
      '--libvirt <domain>',
      'give the libvirt domain of that name or UUID a channel, by `virsh`, also while it runs; its agent serves it with --serial',
    )
    .option('--dry-run', 'with --libvirt: show the device and the commands, and change nothing')
    .option('--connect <uri>', 'with --libvirt: what libvirt is asked for (default: qemu:///system)')
    .option('--socket <path>', 'with --libvirt: where QEMU makes the socket, and may do so')
    .option('--tcp <host:port>', 'its agent listens there (needs --token)')
    .option('--token <token>', 'what `causeway-agent run --listen` printed')
    .option('--serial <socket>', 'Unix socket of a virtio-serial port of the machine')
    .option('--unix <socket>', 'Unix socket on which its agent listens')
    .option(
      '--exec <command>',
      'command whose stdin and stdout reach its agent, for example `ssh me@box causeway-agent run --stdio`',
    )
    .option('--listen', 'its agent dials in: see `causeway vm pair`')
    .option('--trust-carrier', 'no TLS: the channel itself is trusted (local socket, ssh)');
}
