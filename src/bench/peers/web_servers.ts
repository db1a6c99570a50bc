import type { LoadTarget } from '../../world/load.ts';
import { type SharePeer, versionLine } from '../share_peer.ts';

const NGINX_DAV_EXT = [
  '/usr/lib/nginx/modules/ngx_http_dav_ext_module.so',
  '/usr/lib64/nginx/modules/ngx_http_dav_ext_module.so',
];
const APACHE_MODULES = ['/usr/lib/apache2/modules', '/usr/lib64/httpd/modules'];

function davAt(port: number): LoadTarget {
  return { kind: 'dav', host: '127.0.0.1', port, isEncrypted: false, prefix: '/', user: '', password: '' };
}

export const nginxDav: SharePeer = {
  name: 'nginx-webdav',
  what: 'nginx with its DAV module, plain HTTP, nobody signs in, not flushed',
  needs: [{ program: 'nginx', debianPackage: 'nginx-light' }],
  hindrance: () => null,
  version: (machine) => versionLine(machine, ['nginx', '-v']),
  async start({ machine, shared, state, start }) {
    const port = await machine.freePort();
    const ext = NGINX_DAV_EXT.find((path) => machine.files.isThere(path));
    const uploads = `${shared}/../uploads`;
    machine.files.makeFolder(uploads); // on the same file system, so that a whole file needs one rename
    machine.files.writeText(
      `${state}/nginx.conf`,
      `${ext === undefined ? '' : `load_module ${ext};`}
user root root;
worker_processes auto;
daemon off;
pid ${state}/nginx.pid;
error_log stderr warn;
events { worker_connections 2048; }
http {
  access_log off;
  sendfile on;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  client_body_temp_path ${uploads};
  fastcgi_temp_path ${state}/f; uwsgi_temp_path ${state}/u; scgi_temp_path ${state}/s; proxy_temp_path ${state}/p;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    root ${shared};
    dav_methods PUT DELETE MKCOL COPY MOVE;
    ${ext === undefined ? '' : 'dav_ext_methods PROPFIND OPTIONS;'}
  }
}
`,
    );
    const nginx = machine.find('nginx') ?? '';
    const server = start({ argv: [nginx, '-e', 'stderr', '-p', state, '-c', `${state}/nginx.conf`] });
    await server.until(() => machine.accepts(port));
    return davAt(port);
  },
};

export const apacheDav: SharePeer = {
  name: 'apache-webdav',
  what: 'Apache with mod_dav_fs, plain HTTP, nobody signs in, not flushed',
  needs: [{ program: 'apache2', debianPackage: 'apache2-bin' }],
  hindrance: (machine) =>
    APACHE_MODULES.some((path) => machine.files.isThere(`${path}/mod_dav_fs.so`))
      ? null
      : 'mod_dav_fs is not installed: apt install apache2-bin',
  version: (machine) => versionLine(machine, ['apache2', '-v']),
  async start({ machine, shared, state, start }) {
    const port = await machine.freePort();
    const uploads = `${shared}/../uploads`;
    machine.files.makeFolder(uploads);
    // started by root it serves as nobody
    for (const path of [uploads, shared]) machine.files.openToAll(path);
    const modules = APACHE_MODULES.find((path) => machine.files.isThere(`${path}/mod_dav_fs.so`)) ?? '';
    const load = ['mpm_event', 'authz_core', 'dav', 'dav_fs', 'mime']
      .filter((name) => machine.files.isThere(`${modules}/mod_${name}.so`))
      .map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`);
    machine.files.writeText(
      `${state}/apache.conf`,
      `${load.join('\n')}
ServerRoot ${state}
ServerName localhost
DefaultRuntimeDir ${state}
PidFile ${state}/apache.pid
Mutex pthread
Listen 127.0.0.1:${port}
ListenBacklog 4096
ErrorLog ${state}/error.log
TypesConfig /dev/null
User #65534
Group #65534
MaxKeepAliveRequests 0
KeepAliveTimeout 60
DavLockDB ${uploads}/locks
DocumentRoot ${shared}
<Directory ${shared}>
  Dav On
  Require all granted
</Directory>
`,
    );
    const apache = machine.find('apache2') ?? '';
    const server = start({ argv: [apache, '-D', 'FOREGROUND', '-f', `${state}/apache.conf`] });
    await server.until(() => machine.accepts(port));
    return davAt(port);
  },
};
