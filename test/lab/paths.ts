import { fileURLToPath } from 'node:url';

/** Folder of the repository, without a slash at the end. */
export const repositoryPath = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Folder for what the lab builds and downloads; may be deleted at any time while no test runs. */
export const labCachePath = `${repositoryPath}/.cache/lab`;

/** Folder of the scripts that run inside the guest. */
export const guestScriptsPath = fileURLToPath(new URL('./guest', import.meta.url));
